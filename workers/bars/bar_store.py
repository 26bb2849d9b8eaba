"""Bars of the topic in columns, in memory: a job reads them without reading the topic again."""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_left
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np

from schemas.market import Bar
from schemas.research import Market
from schemas.timeframes import TIMEFRAMES_MS, timeframe_name
from workers.bars.arrays import Bars, BarsRejected
from workers.bars.funding import recorded_settlements
from workers.bars.markers import nominal

MOST_BARS = 4_000_000  # of all symbols together, 72 bytes each
FIELDS = ("open", "high", "low", "close", "volume")
NO_STAMP = -1


class FundingStamp(NamedTuple):
    """The mark or the settlement that one bar carries."""

    event_time_ms: int
    mark_price: float | None
    funding_time_ms: int | None = None
    funding_rate: float | None = None


class StoredBars:
    """The bars of one symbol and timeframe, ascending by open time."""

    def __init__(self, symbol: str, timeframe_ms: int) -> None:
        self._symbol, self._timeframe_ms = symbol, timeframe_ms
        self._times: array[int] = array("q")
        self._stamps: array[int] = array("q")  # of the last settlement
        self._numbers: dict[str, array[float]] = {
            name: array("d") for name in (*FIELDS, "mark_price", "funding_rate")
        }

    def __len__(self) -> int:
        return len(self._times)

    def put(self, bar: Bar) -> None:
        """Add a bar, or replace a stored one by its correction."""
        place = bisect_left(self._times, bar.open_time_ms)
        if place < len(self._times) and self._times[place] == bar.open_time_ms:
            self.drop(place, place + 1)
        self._times.insert(place, bar.open_time_ms)
        self._stamps.insert(place, NO_STAMP if bar.funding_rate is None else _stamp(bar))
        for name, column in self._numbers.items():
            value = getattr(bar, name)
            column.insert(place, np.nan if value is None else value)

    def drop(self, first: int, end: int) -> None:
        """Forget a part."""
        del self._times[first:end], self._stamps[first:end]
        for column in self._numbers.values():
            del column[first:end]

    def bars(self) -> Bars:
        """Return a copy, with the funding that the bars carry."""
        columns = {name: np.array(column) for name, column in self._numbers.items()}
        bars = Bars(
            self._symbol,
            self._timeframe_ms,
            np.array(self._times, dtype=np.int64),
            columns["open"],
            columns["high"],
            columns["low"],
            columns["close"],
            columns["volume"],
            mark=columns["mark_price"],
        )
        stamps = self._settlements()
        return bars.settled(recorded_settlements(stamps))  # type: ignore[arg-type]  # it reads the four fields that these rows have

    def _settlements(self) -> list[FundingStamp]:
        """Return each settlement once, and the mark at each stamp."""
        stamps = np.array(self._stamps, dtype=np.int64)
        latest = np.flatnonzero(np.append(stamps[1:] != stamps[:-1], True))
        rows = []
        for at in latest[stamps[latest] != NO_STAMP].tolist():
            stamp = int(stamps[at])
            closed = self._mark_at(nominal(stamp))
            rate = self._numbers["funding_rate"][at]
            rows += [
                FundingStamp(nominal(stamp), closed),
                FundingStamp(NO_STAMP, None, stamp, rate),
            ]
        return rows

    def _mark_at(self, close_ms: int) -> float | None:
        opened = close_ms - self._timeframe_ms
        place = bisect_left(self._times, opened)
        if place == len(self._times) or self._times[place] != opened:
            return None
        mark = self._numbers["mark_price"][place]
        return None if np.isnan(mark) else mark

    def span(self) -> str:
        """Return from when to when, for people."""
        first, last = (
            datetime.fromtimestamp(self._times[i] / 1000, UTC).strftime("%Y-%m-%d %H:%M")
            for i in (0, -1)
        )
        return f"{len(self):,} bars of {timeframe_name(self._timeframe_ms)} from {first} to {last}"


class BarStore:
    """Bars of every symbol; written by one thread, read by others.

    Args:
        symbols: How many are expected; they share ``most``.
        most: Bars stored; the oldest fifth of a symbol goes when it has more than its share.
    """

    def __init__(self, symbols: int, most: int = MOST_BARS) -> None:
        self._share = most // max(symbols, 1)
        self._series: dict[str, dict[int, StoredBars]] = {}
        self._lock = threading.Lock()

    def put(self, bar: Bar) -> None:
        """Add one bar."""
        with self._lock:
            series = self._series.setdefault(bar.symbol, {})
            columns = series.get(bar.timeframe_ms)
            if columns is None:
                columns = series[bar.timeframe_ms] = StoredBars(bar.symbol, bar.timeframe_ms)
            columns.put(bar)
            if len(columns) > self._share:
                columns.drop(0, max(len(columns) // 5, 1))

    def of(self, market: Market) -> Bars:
        """Return the bars that a request asks for, in its timeframe.

        Raises: BarsRejected for an unknown symbol (with those known), for a timeframe that the
        stored bars do not make, and for a span without bars.
        """
        with self._lock:
            series = self._series.get(market.symbol)
            if not series:
                known = ", ".join(sorted(self._series)) or "none yet"
                raise BarsRejected(f"no bars of {market.symbol} are held; known: {known}")
            wanted = TIMEFRAMES_MS[market.timeframe] if market.timeframe else min(series)
            fitting = [length_ms for length_ms in series if wanted % length_ms == 0]
            if not fitting:
                spans = "; ".join(columns.span() for columns in series.values())
                raise BarsRejected(
                    f"timeframe {market.timeframe} of {market.symbol} cannot be made of what is "
                    f"held: {spans}"
                )
            bars = series[max(fitting)].bars()
        if market.from_ms is not None or market.to_ms is not None:
            bars = bars.between(market.from_ms, market.to_ms)
        return bars.resample(wanted)


def _stamp(bar: Bar) -> int:
    return NO_STAMP if bar.funding_time_ms is None else bar.funding_time_ms
