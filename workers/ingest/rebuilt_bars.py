"""Bars rebuilt from aggregate trades, to compare with the venue's own."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from schemas.market import LedgerKind, RawBar
from workers.ingest.normalise import AggTrade

# Relative and absolute: far above float64 round-off, far below any real difference.
VOLUME_TOLERANCE = 1e-9
PRICES = ("open", "high", "low", "close")
VALUES = (*PRICES, "volume", "quote_volume", "taker_buy_volume", "trades")
MAX_FINISHED = 256  # rebuilt bars of a symbol that wait for the venue's


@dataclass
class RebuiltBar:
    """A bar summed from its trades; ``complete`` when no trade was missed."""

    open_time_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float = 0.0
    quote_volume: float = 0.0
    taker_buy_volume: float = 0.0
    trades: int = 0
    complete: bool = True

    def add(self, trade: AggTrade) -> None:
        """Add the next trade."""
        self.high = max(self.high, trade.price)
        self.low = min(self.low, trade.price)
        self.close = trade.price
        self.volume += trade.quantity
        self.quote_volume += trade.price * trade.quantity
        self.trades += trade.last_fill - trade.first_fill + 1
        if trade.taker_buys:
            self.taker_buy_volume += trade.quantity

    def as_raw_bar(self, template: RawBar) -> RawBar:
        """Return this bar as a record; ``template`` gives symbol, times and source."""
        values = {name: getattr(self, name) for name in VALUES}
        return template.model_copy(update={**values, "origin": "trades"})


@dataclass
class BarRebuilder:
    """Rebuilds the bars of one symbol from its trades in order.

    Trade numbers are consecutive. A jump means that trades were missed, and makes the bars on both
    sides of it incomplete.
    """

    timeframe_ms: int
    finished: dict[int, RebuiltBar] = field(default_factory=dict)
    _current: RebuiltBar | None = None
    _last_number: int | None = None

    def add(self, trade: AggTrade) -> RebuiltBar | None:
        """Add one trade; returns the bar that it ends, when that bar is complete."""
        if self._last_number is not None and trade.number <= self._last_number:
            return None
        gapless = self._last_number is not None and trade.number == self._last_number + 1
        self._last_number = trade.number
        opened = trade.time_ms - trade.time_ms % self.timeframe_ms
        ended: RebuiltBar | None = None
        if self._current is None or opened > self._current.open_time_ms:
            ended = self._finish(complete=gapless)
            price = trade.price
            self._current = RebuiltBar(opened, price, price, price, price, complete=gapless)
        self._current.complete &= gapless
        self._current.add(trade)
        return ended

    def take(self, open_time_ms: int) -> RebuiltBar | None:
        """Remove and return the complete bar of an open time; None when there is none."""
        return self.finished.pop(open_time_ms, None)

    def _finish(self, *, complete: bool) -> RebuiltBar | None:
        bar = self._current
        if bar is None or not (bar.complete and complete):
            return None
        self.finished[bar.open_time_ms] = bar
        while len(self.finished) > MAX_FINISHED:
            del self.finished[min(self.finished)]
        return bar


def disagreement(
    parts: RebuiltBar | RawBar, bar: RawBar, source: str = "trades"
) -> tuple[LedgerKind, str] | None:
    """Return (ledger kind, note) where a bar differs from what its parts add up to, else None."""
    same_volume = math.isclose(
        parts.volume, bar.volume, rel_tol=VOLUME_TOLERANCE, abs_tol=VOLUME_TOLERANCE
    )
    if not same_volume:
        return "volume_mismatch", f"{source} {parts.volume:.9g}, kline {bar.volume:.9g}"
    prices = [
        f"{name}: {source} {getattr(parts, name)!r}, kline {getattr(bar, name)!r}"
        for name in PRICES
        if getattr(parts, name) != getattr(bar, name)
    ]
    return ("price_mismatch", "; ".join(prices)) if prices else None
