"""Higher bars of one symbol: until when the venue tells them, from when they are made.

From one boundary of the higher bars on, base bars carry its length, and the market processor makes
the bars. The venue's last kline comes before the first bar that is made, so the change loses none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.bounds import LAST_MS
from schemas.market import Bar, LedgerEntry, RawBar
from streams.market.aggregation import NONE, Growing, grow
from workers.bars.markers import finding
from workers.ingest.rebuilt_bars import disagreement
from workers.ingest.rest_history import KlineSeries


@dataclass
class HigherSeries:
    """Bars of one symbol and higher timeframe.

    Attributes:
        klines: As the venue names them.
        filled_ms: Close of the newest kline that has been published.
        from_ms: Base bars that open here or later carry the length; None: none does yet.
        made_until_ms: Close up to which the log has its bars from an earlier run; None: has none.
    """

    klines: KlineSeries
    filled_ms: int
    from_ms: int | None = None
    made_until_ms: int | None = None

    @classmethod
    def made_from(cls, klines: KlineSeries, from_ms: int) -> HigherSeries:
        """Return a series without a past to fetch: base bars carry it from a time on."""
        series = cls(klines, LAST_MS)
        series.join_after(from_ms)
        return series

    @property
    def timeframe_ms(self) -> int:
        """Length of the bars."""
        return self.klines.timeframe_ms

    @property
    def joined(self) -> bool:
        """Whether the past is complete up to the first bar that is made of base bars."""
        return self.from_ms is not None and self.filled_ms >= self.from_ms

    def join_after(self, close_ms: int) -> None:
        """Let base bars carry the length from the first boundary at or after a close."""
        self.from_ms = -(-close_ms // self.timeframe_ms) * self.timeframe_ms

    def resume_after(self, close_ms: int) -> None:
        """Go on behind the bars that the log has: told by the venue, or made of base bars."""
        self.made_until_ms = self.filled_ms = close_ms

    def carries(self, base: RawBar) -> bool:
        """Return whether a base bar carries the length; must be asked of each in order.

        A bar is only made once the past before it has been published. Where the past is late, the
        first bar is a later one.
        """
        if self.from_ms is None:
            return False
        if not self.joined and base.event_time_ms >= self.from_ms + self.timeframe_ms:
            self.join_after(base.event_time_ms)
        return base.open_time_ms >= self.from_ms


class Overlap:
    """What the base bars of one symbol add up to, to be compared with the venue's own klines."""

    def __init__(self, lengths_ms: Sequence[int]) -> None:
        self._lengths_ms = tuple(lengths_ms)
        self._growing: Growing = NONE
        self._last_close_ms = -1
        self._made: dict[tuple[int, int], Bar] = {}

    def add(self, base: RawBar) -> None:
        """Take the next base bar in order."""
        carrying = base.model_copy(update={"higher_ms": self._lengths_ms})
        self._growing, _, closed = grow(self._growing, carrying, self._last_close_ms)
        self._last_close_ms = base.event_time_ms
        for bar in closed:
            if isinstance(bar, Bar) and not bar.bars_missing:
                self._made[bar.timeframe_ms, bar.open_time_ms] = bar

    def compare(self, kline: RawBar) -> LedgerEntry | None:
        """Return what the ledger says of a kline that differs from its base bars, else None."""
        made = self._made.pop((kline.timeframe_ms, kline.open_time_ms), None)
        difference = None if made is None else disagreement(made, kline, "base bars")
        if difference is None:
            return None
        kind, note = difference
        contract = (kline.symbol, kline.timeframe_ms)
        return finding(contract, kind, (kline.open_time_ms, kline.event_time_ms), note=note)
