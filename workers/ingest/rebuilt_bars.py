"""Bars rebuilt from aggregate trades, to be held against the venue's own."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from schemas.market import LedgerKind, RawBar
from workers.ingest.normalise import AggTrade

# Sums of decimals in float64: far above round-off, far below any real difference.
VOLUME_TOLERANCE = 1e-9
KEPT_BARS = 256  # finished rebuilt bars of a symbol that wait for the venue's


@dataclass
class RebuiltBar:
    """What the trades of one bar add up to; ``complete`` when none of them was missed."""

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
        """Fold in the next trade."""
        self.high = max(self.high, trade.price)
        self.low = min(self.low, trade.price)
        self.close = trade.price
        self.volume += trade.quantity
        self.quote_volume += trade.price * trade.quantity
        self.trades += trade.last_fill - trade.first_fill + 1
        if trade.taker_buys:
            self.taker_buy_volume += trade.quantity


@dataclass
class BarRebuilder:
    """Rebuilds the bars of one symbol from its trades in order.

    AggTrade numbers are consecutive: a jump means that trades were missed, and the bars on both
    sides of it are not complete.
    """

    timeframe_ms: int
    finished: dict[int, RebuiltBar] = field(default_factory=dict)
    _current: RebuiltBar | None = None
    _last_number: int | None = None

    def add(self, trade: AggTrade) -> RebuiltBar | None:
        """Fold in one trade; returns the bar that it shows to be over, when it is complete."""
        if self._last_number is not None and trade.number <= self._last_number:
            return None
        gapless = self._last_number is not None and trade.number == self._last_number + 1
        self._last_number = trade.number
        opened = trade.time_ms - trade.time_ms % self.timeframe_ms
        over: RebuiltBar | None = None
        if self._current is None or opened > self._current.open_time_ms:
            over = self._finish(complete=gapless)
            price = trade.price
            self._current = RebuiltBar(opened, price, price, price, price, complete=gapless)
        self._current.complete &= gapless
        self._current.add(trade)
        return over

    def take(self, open_time_ms: int) -> RebuiltBar | None:
        """Return the complete rebuilt bar of an open time, once; None when there is none."""
        return self.finished.pop(open_time_ms, None)

    def _finish(self, *, complete: bool) -> RebuiltBar | None:
        bar = self._current
        if bar is None or not (bar.complete and complete):
            return None
        self.finished[bar.open_time_ms] = bar
        while len(self.finished) > KEPT_BARS:
            del self.finished[min(self.finished)]
        return bar


def disagreement(rebuilt: RebuiltBar, bar: RawBar) -> tuple[LedgerKind, str] | None:
    """Return (ledger kind, note) when trades and the venue's bar differ; None when they agree."""
    close_enough = math.isclose(
        rebuilt.volume, bar.volume, rel_tol=VOLUME_TOLERANCE, abs_tol=VOLUME_TOLERANCE
    )
    if not close_enough:
        return "volume_mismatch", f"trades {rebuilt.volume:.9g}, kline {bar.volume:.9g}"
    names = ("open", "high", "low", "close")
    prices = [
        f"{name}: trades {getattr(rebuilt, name)!r}, kline {getattr(bar, name)!r}"
        for name in names
        if getattr(rebuilt, name) != getattr(bar, name)
    ]
    return ("price_mismatch", "; ".join(prices)) if prices else None


def bar_of(rebuilt: RebuiltBar, like: RawBar) -> RawBar:
    """Return the rebuilt bar as a record; symbol, times and source are those of ``like``."""
    return like.model_copy(
        update={
            **{
                name: getattr(rebuilt, name)
                for name in (
                    "open",
                    "high",
                    "low",
                    "close",
                    "volume",
                    "quote_volume",
                    "taker_buy_volume",
                    "trades",
                )
            },
            "origin": "trades",
        }
    )
