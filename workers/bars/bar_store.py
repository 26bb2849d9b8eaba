"""Bars of the topic in columns, in memory: a job reads them without reading the topic again."""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np

from schemas.bounds import LAST_MS
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
        self._symbol, self.timeframe_ms = symbol, timeframe_ms
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
            self.timeframe_ms,
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
        opened = close_ms - self.timeframe_ms
        place = bisect_left(self._times, opened)
        if place == len(self._times) or self._times[place] != opened:
            return None
        mark = self._numbers["mark_price"][place]
        return None if np.isnan(mark) else mark

    @property
    def first_open_ms(self) -> int:
        """Open of the first bar."""
        return self._times[0]

    @property
    def last_close_ms(self) -> int:
        """Close of the last bar."""
        return self._times[-1] + self.timeframe_ms

    def span(self) -> str:
        """Return from when to when, for people."""
        first, last = (
            datetime.fromtimestamp(self._times[i] / 1000, UTC).strftime("%Y-%m-%d %H:%M")
            for i in (0, -1)
        )
        return f"{len(self):,} bars of {timeframe_name(self.timeframe_ms)} from {first} to {last}"


class BarStore:
    """Bars of every symbol; written by one thread, read by others.

    Args:
        symbols: How many are expected; they share ``most``.
        most: Bars stored; when a symbol has more than its share, the oldest fifth of its longest
            series goes.
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
            if sum(map(len, series.values())) > self._share:
                longest = max(series.values(), key=len)
                longest.drop(0, max(len(longest) // 5, 1))

    def of(self, market: Market) -> Bars:
        """Return the bars that a request asks for, in its timeframe.

        They are those that the topic holds of the timeframe, else sums of shorter ones; of one
        series alone. A request without a timeframe gets the shortest bars that still come.

        Raises: BarsRejected for an unknown symbol (with those known), for a timeframe that the
        stored bars do not make, and for a span without bars.
        """
        with self._lock:
            series = self._series.get(market.symbol)
            if not series:
                known = ", ".join(sorted(self._series)) or "none yet"
                raise BarsRejected(f"no bars of {market.symbol} are held; known: {known}")
            wanted = TIMEFRAMES_MS[market.timeframe] if market.timeframe else _base_ms(series)
            fitting = [each for length_ms, each in series.items() if wanted % length_ms == 0]
            if not fitting:
                spans = "; ".join(columns.span() for columns in series.values())
                raise BarsRejected(
                    f"timeframe {market.timeframe} of {market.symbol} cannot be made of what is "
                    f"held: {spans}"
                )
            bars = _best(fitting, wanted, market).bars()
        if market.from_ms is not None or market.to_ms is not None:
            bars = bars.between(market.from_ms, market.to_ms)
        return bars.resample(wanted)


def _base_ms(series: dict[int, StoredBars]) -> int:
    """Return the length of the shortest bars that reach to the newest close.

    A home that was given longer base bars still holds the shorter ones of before.
    """
    newest_ms = max(each.last_close_ms for each in series.values())
    return min(ms for ms, each in series.items() if each.last_close_ms > newest_ms - 2 * ms)


def _best(fitting: Sequence[StoredBars], wanted_ms: int, market: Market) -> StoredBars:
    """Return the series for a request: the timeframe's own, unless they begin late or have stopped.

    Of those that reach to the newest close it goes back the furthest; of equals it has the longest
    bars.
    """
    from_ms = 0 if market.from_ms is None else market.from_ms
    to_ms = LAST_MS if market.to_ms is None else market.to_ms

    def last(each: StoredBars) -> int:
        return min(each.last_close_ms, to_ms) // wanted_ms

    def first(each: StoredBars) -> int:
        return -(-max(each.first_open_ms, from_ms) // wanted_ms)

    newest = max(map(last, fitting))  # a longer bar comes a moment after its last shorter one
    current = [each for each in fitting if last(each) >= newest - 1]
    return min(current, key=lambda each: (first(each), -each.timeframe_ms))


def _stamp(bar: Bar) -> int:
    return NO_STAMP if bar.funding_time_ms is None else bar.funding_time_ms
