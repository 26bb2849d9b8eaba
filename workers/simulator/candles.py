"""Bars of any length, exactly the sums of their minutes, and years of them without the minutes.

Of every whole day that was read, its hours, its mark prices and its settlements stay in memory,
about 5 kB. The market may drop the day's minutes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from schemas.timeframes import DAY_MS
from workers.simulator import funding, kernel
from workers.simulator.kernel import Floats, Ints
from workers.simulator.market import BAR_MS, BLOCK_BARS, EPOCH_MS, SimulatedMarket

HOUR_BARS = funding.HOUR_BARS
DAY_HOURS = BLOCK_BARS // HOUR_BARS
_OHLC = [kernel.OPEN, kernel.HIGH, kernel.LOW, kernel.CLOSE]
_SUMMED = [
    kernel.VOLUME,
    kernel.TURNOVER,
    kernel.TAKER_VOLUME,
    kernel.TAKER_TURNOVER,
    kernel.TRADES,
    kernel.RAW_TRADES,
]


@dataclass(frozen=True)
class Candles:
    """Consecutive bars of one length; the last one may be unfinished."""

    ints: Ints  # (INT_ROWS, n)
    marks: Floats  # open, high, low and close of the mark price in USDT, (4, n)
    minutes: Ints  # that each bar holds so far, (n,)

    def merged(self, count: int) -> Candles:
        """Return the bars of ``count`` of these each; fewer in the last."""
        n = len(self.minutes)
        if count == 1 or n == 0:
            return self
        starts = np.arange(0, n, count)
        ends = np.minimum(starts + count, n) - 1
        ints, marks = self.ints[:, starts].copy(), self.marks[:, starts].copy()
        ints[kernel.HIGH] = np.maximum.reduceat(self.ints[kernel.HIGH], starts)
        ints[kernel.LOW] = np.minimum.reduceat(self.ints[kernel.LOW], starts)
        ints[kernel.CLOSE] = self.ints[kernel.CLOSE, ends]
        ints[_SUMMED] = np.add.reduceat(self.ints[_SUMMED], starts, axis=1)
        marks[1] = np.maximum.reduceat(self.marks[1], starts)
        marks[2] = np.minimum.reduceat(self.marks[2], starts)
        marks[3] = self.marks[3, ends]
        return Candles(ints, marks, np.add.reduceat(self.minutes, starts))

    def between(self, first: int, last: int) -> Candles:
        """Return the bars first <= position < last."""
        cut = slice(first, last)
        return Candles(self.ints[:, cut], self.marks[:, cut], self.minutes[cut])


def minute_candles(
    market: SimulatedMarket, symbol: str, first: int, last: int, now_ms: int
) -> Candles:
    """Return the minutes first <= bar < last up to now, with the unfinished one.

    Fewer where the market has not come that far; uses no trade after ``now_ms``.
    """
    current, elapsed_ms = divmod(now_ms - EPOCH_MS, BAR_MS)
    first = max(0, first)
    ints = market.bars(symbol, first, max(first, min(last, current))).ints
    if first <= current < last:
        unfinished = market.unfinished(symbol, current, elapsed_ms)
        if unfinished is not None:
            ints = np.concatenate([ints, unfinished[:, None]], axis=1)
    n = ints.shape[1]
    premium = funding.opening_premium(market, symbol, first, first + n)
    marks = ints[_OHLC] * float(market.contract(symbol).tick_size) * funding.mark_factor(premium)
    return Candles(ints, marks, np.ones(n, np.int64))


@dataclass(frozen=True)
class Day:
    """The hours of one UTC day, and the settlements after its open up to its close."""

    hours: Candles
    settlements: Sequence[funding.Settlement]


class CandleHistory:
    """Bars of any length and settlements of a market; a day is generated once for all of them."""

    def __init__(self, market: SimulatedMarket) -> None:
        self._market = market
        self._days: dict[tuple[str, int], Day] = {}

    def missing(self, symbol: str, first: int, last: int) -> list[int]:
        """Return the days with minutes first <= bar < last that are not in memory."""
        return [day for day in _days(first, last, BLOCK_BARS) if (symbol, day) not in self._days]

    def day(self, symbol: str, day: int) -> Day:
        """Return one day, counted from the market's epoch; it may reach beyond now."""
        if (symbol, day) not in self._days:
            first, last = day * BLOCK_BARS, (day + 1) * BLOCK_BARS
            open_ms, close_ms = EPOCH_MS + first * BAR_MS, EPOCH_MS + last * BAR_MS
            minutes = minute_candles(self._market, symbol, first, last, close_ms)
            settled = funding.history(self._market, symbol, open_ms + 1, close_ms)
            self._days[symbol, day] = Day(minutes.merged(HOUR_BARS), settled)
        return self._days[symbol, day]

    def candles(self, symbol: str, first: int, last: int, bars: int, now_ms: int) -> Candles:
        """Return the bars of ``bars`` minutes each in first <= minute < last, up to now.

        Args:
            symbol: A listed contract.
            first: Index of the first minute; the open of a bar.
            last: Index after the last minute.
            bars: Minutes in a bar.
            now_ms: No trade after it is used.
        """
        if bars % HOUR_BARS:
            return minute_candles(self._market, symbol, first, last, now_ms).merged(bars)
        current = (now_ms - EPOCH_MS) // BAR_MS
        closed = max(first, min(last, current // HOUR_BARS * HOUR_BARS))
        parts = self._hours(symbol, first // HOUR_BARS, closed // HOUR_BARS)
        if closed < last:
            rest = minute_candles(self._market, symbol, closed, last, now_ms)
            parts.append(rest.merged(HOUR_BARS))
        return _joined(parts).merged(bars // HOUR_BARS)

    def settlements(self, symbol: str, first_ms: int, last_ms: int) -> list[funding.Settlement]:
        """Return the settlements with first_ms <= time <= last_ms, oldest first."""
        return [
            past
            for day in _days(first_ms - 1 - EPOCH_MS, last_ms - EPOCH_MS, DAY_MS)
            for past in self.day(symbol, day).settlements
            if first_ms <= past.time_ms <= last_ms
        ]

    def _hours(self, symbol: str, first: int, last: int) -> list[Candles]:
        return [
            self.day(symbol, day).hours.between(
                max(0, first - day * DAY_HOURS), last - day * DAY_HOURS
            )
            for day in _days(first, last, DAY_HOURS)
        ]


def _days(first: int, last: int, in_a_day: int) -> range:
    """Return the days with first <= x < last; none where there is no x."""
    if last <= first:
        return range(0)
    return range(max(0, first) // in_a_day, -(-last // in_a_day))


def _joined(parts: Sequence[Candles]) -> Candles:
    if not parts:
        nothing = np.empty((kernel.INT_ROWS, 0), np.int64)
        return Candles(nothing, np.empty((4, 0)), np.empty(0, np.int64))
    return Candles(
        np.concatenate([part.ints for part in parts], axis=1),
        np.concatenate([part.marks for part in parts], axis=1),
        np.concatenate([part.minutes for part in parts]),
    )
