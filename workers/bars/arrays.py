"""Bars of one symbol as arrays, with mark price and funding: what every back-test runs on.

A settlement is paid on the position that is held when its stamp comes. Orders fill at the open of
a bar, so the position of a bar pays for every stamp after its open and up to its close; a stamp at
the very open belongs to the position before. ``funding_due`` is already laid out that way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.bounds import LARGEST, LAST_MS, SMALLEST
from schemas.market import Bar
from schemas.symbols import canonical
from schemas.timeframes import timeframe_name
from workers.bars.bar_files import PRICES, TAKER_BUY, read_bars, require_order
from workers.bars.funding import (
    Settlements,
    Spans,
    marks_over,
    overlapping,
    read_settlements,
    recorded_settlements,
)
from workers.bars.table_files import (
    BarFileRejected,
    Floats,
    Ints,
    read_numbers,
    read_times,
    require_columns,
)

NO_FUNDING = "no funding rates are known: none was paid or earned"


class BarsRejected(ValueError):
    """Bars cannot be used; names the row, its value and what is expected."""


def _absent() -> Floats:
    return np.empty(0)


@dataclass(frozen=True, eq=False)
class Bars:
    """Consecutive bars of one symbol, arrays of shape (n,), n at least 1; gaps stay gaps.

    Attributes:
        symbol: Canonical.
        timeframe_ms: Length of a bar.
        open_time_ms: UTC epoch milliseconds, ascending, multiples of the timeframe.
        open, high, low, close: Quote currency, more than 0.
        volume: Base currency, at least 0.
        mark: Mark price at the close, NaN where unknown.
        funding_rate: Last rate settled in the bar (open <= stamp < close), known at its close; NaN
            where none was.
        funding_known: Whether all rates of the span are known.
        mark_high, mark_low: Extremes of the mark price, NaN where unknown.
        funding_due: Quote currency that one unit long pays for the stamps after the open and up to
            the close. Left out: each rate was settled at the open of its bar, at the mark or else
            the close of the bar before.
        unmarked: Settlements in ``funding_due`` that were valued at the close for want of a mark.
        funding_holes: Spans (from, to) in ms where rates are missing while others are known.

    Raises: BarsRejected naming the first row that is wrong.
    """

    symbol: str
    timeframe_ms: int
    open_time_ms: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    mark: Floats = field(default_factory=_absent)
    funding_rate: Floats = field(default_factory=_absent)
    funding_known: bool = False
    mark_high: Floats = field(default_factory=_absent)
    mark_low: Floats = field(default_factory=_absent)
    funding_due: Floats = field(default_factory=_absent)
    unmarked: Floats = field(default_factory=_absent)
    funding_holes: Spans = ()

    def __post_init__(self) -> None:
        times = np.ascontiguousarray(self.open_time_ms, dtype=np.int64)
        object.__setattr__(self, "open_time_ms", times)
        for name in (*PRICES, "volume"):
            self._set(name, getattr(self, name))
        for name in ("mark", "mark_high", "mark_low", "funding_rate"):
            values = getattr(self, name)
            self._set(name, values if len(values) else np.full(len(times), np.nan))
        if not len(self.funding_due):
            self._settle_at_opens()
        self._set("funding_due", self.funding_due)
        self._set("unmarked", self.unmarked if len(self.unmarked) else np.zeros(len(times)))
        _check(self)

    def _set(self, name: str, values: Floats) -> None:
        values = np.ascontiguousarray(values, dtype=np.float64)
        if values.shape != self.open_time_ms.shape:
            raise BarsRejected(
                f"bars of {self.symbol}: {name} has shape {values.shape}, expected "
                f"{self.open_time_ms.shape} as open_time_ms"
            )
        object.__setattr__(self, name, values)

    def _settle_at_opens(self) -> None:
        due, unmarked = np.zeros(len(self)), np.zeros(len(self))
        settled = ~np.isnan(self.funding_rate[1:])
        price = np.where(np.isnan(self.mark), self.close, self.mark)[:-1]
        due[:-1] = np.where(settled, self.funding_rate[1:], 0.0) * price
        unmarked[:-1] = settled & np.isnan(self.mark[:-1])
        self._set("funding_due", due)
        self._set("unmarked", unmarked)

    def __len__(self) -> int:
        return len(self.open_time_ms)

    def __getitem__(self, part: slice) -> Bars:
        if not isinstance(part, slice) or part.step not in {None, 1}:
            raise TypeError(f"expected a slice of bars such as bars[100:200], got {part!r}")
        columns: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        cut: dict[str, Any] = {
            name: v[part] for name, v in columns.items() if isinstance(v, np.ndarray)
        }
        if self.funding_holes and len(cut["close"]):
            opened = cut["open_time_ms"]
            span = int(opened[0]), int(opened[-1]) + self.timeframe_ms
            holes = overlapping(self.funding_holes, *span)
            cut |= {"funding_holes": holes, "funding_known": not holes}
        return replace(self, **cut)

    @property
    def close_time_ms(self) -> Ints:
        """Close times, exclusive, shape (n,)."""
        return self.open_time_ms + self.timeframe_ms

    @property
    def gaps(self) -> int:
        """How many bars are missing between the first and the last."""
        span = int(self.open_time_ms[-1] - self.open_time_ms[0])
        return span // self.timeframe_ms + 1 - len(self)

    @property
    def funding_note(self) -> str:
        """What is not known about funding, for people; empty when all is."""
        notes = [f"{_date(a)} to {_date(b)}" for a, b in self.funding_holes]
        if notes:
            notes = [f"funding rates are missing from {', '.join(notes)}: none was paid or earned"]
        elif not self.funding_known:
            notes = [NO_FUNDING]
        if count := int(self.unmarked.sum()):
            notes.append(f"settlements valued at the close for want of a mark: {count}")
        return "; ".join(notes)

    def between(self, from_ms: int | None = None, to_ms: int | None = None) -> Bars:
        """Return the bars that open at ``from_ms`` or later and close at ``to_ms`` or earlier.

        Raises: BarsRejected when none does.
        """
        first = 0 if from_ms is None else int(np.searchsorted(self.open_time_ms, from_ms))
        last = len(self)
        if to_ms is not None:
            last = int(np.searchsorted(self.close_time_ms, to_ms, side="right"))
        if first >= last:
            raise BarsRejected(
                f"no bar of {self.symbol} from {_date(from_ms)} to {_date(to_ms)}: bars are held "
                f"from {_date(self.open_time_ms[0])} to {_date(self.close_time_ms[-1])}"
            )
        return self[first:last]

    def resample(self, timeframe_ms: int) -> Bars:
        """Return longer bars; what is incomplete at either end is left out.

        A bar inside with a gap in it is made of what is there.

        Raises: BarsRejected unless the timeframe is a multiple, or when no bar is complete.
        """
        ours_ms = self.timeframe_ms
        if timeframe_ms == ours_ms:
            return self
        if timeframe_ms < ours_ms or timeframe_ms % ours_ms:
            raise BarsRejected(
                f"bars of {timeframe_name(ours_ms)} cannot make bars of "
                f"{timeframe_name(timeframe_ms)}; expected a multiple"
            )
        whole = np.flatnonzero(self.open_time_ms % timeframe_ms == 0)
        ends = np.flatnonzero(self.close_time_ms % timeframe_ms == 0)
        if not len(whole) or not len(ends) or ends[-1] < whole[0]:
            raise BarsRejected(
                f"{len(self)} bars of {timeframe_name(ours_ms)} hold no whole one of "
                f"{timeframe_name(timeframe_ms)}"
            )
        part = self[int(whole[0]) : int(ends[-1]) + 1]
        bucket = part.open_time_ms // timeframe_ms
        starts = np.flatnonzero(np.concatenate([[True], np.diff(bucket) > 0]))
        lasts = np.append(starts[1:], len(part)) - 1
        settled = np.where(np.isnan(part.funding_rate), -1, np.arange(len(part)))
        latest = np.maximum.reduceat(settled, starts)
        rate = np.where(latest < 0, np.nan, part.funding_rate[np.maximum(latest, 0)])
        return replace(
            part,
            timeframe_ms=timeframe_ms,
            open_time_ms=bucket[starts] * timeframe_ms,
            open=part.open[starts],
            high=np.maximum.reduceat(part.high, starts),
            low=np.minimum.reduceat(part.low, starts),
            close=part.close[lasts],
            volume=np.add.reduceat(part.volume, starts),
            mark=part.mark[lasts],
            mark_high=np.maximum.reduceat(part.mark_high, starts),
            mark_low=np.minimum.reduceat(part.mark_low, starts),
            funding_rate=rate,
            funding_due=np.add.reduceat(part.funding_due, starts),
            unmarked=np.add.reduceat(part.unmarked, starts),
        )

    def settled(self, paid: Settlements) -> Bars:
        """Return the bars with funding; the close of the bar stands in for an unknown mark."""
        stamps, opened = paid.time_ms, self.open_time_ms
        end = int(self.close_time_ms[-1])
        rate, due = np.full(len(self), np.nan), np.zeros(len(self))
        unmarked = np.zeros(len(self))
        known = (stamps >= opened[0]) & (stamps < end)
        rate[np.searchsorted(opened, stamps[known], side="right") - 1] = paid.rate[known]
        paying = (stamps > opened[0]) & (stamps <= end)
        bar = np.searchsorted(opened, stamps[paying], side="left") - 1
        mark = paid.mark[paying]
        np.add.at(due, bar, paid.rate[paying] * np.where(np.isnan(mark), self.close[bar], mark))
        np.add.at(unmarked, bar, np.isnan(mark))
        holes = paid.unknown(int(opened[0]), end) if len(stamps) else ()
        return replace(
            self,
            funding_rate=rate,
            funding_due=due,
            unmarked=unmarked,
            funding_known=bool(len(stamps)) and not holes,
            funding_holes=holes,
        )

    @classmethod
    def from_frame(cls, frame: Any, symbol: str, timeframe_ms: int) -> Bars:
        """Return the bars of a pandas frame: ``date`` or a time index, open, high, low, close.

        ``volume`` too, and where given ``mark``, and ``funding_rate`` at the bar whose open it was
        settled at. ``date`` is the open time, UTC.

        Raises: BarsRejected naming column and row.
        """
        where = Path(f"bars of {symbol}")
        if "date" not in frame.columns and frame.index.dtype.kind == "M":
            frame = frame.reset_index(names="date")
        with _rejected():
            require_columns(where, frame, ("date", *PRICES, "volume"))
            columns: dict[str, Any] = {
                n: read_numbers(where, frame, n) for n in (*PRICES, "volume")
            }
            opened = read_times(where, frame["date"])
        extra = {n: frame[n].to_numpy(np.float64) for n in ("mark", "funding_rate") if n in frame}
        return cls(
            symbol=canonical(symbol),
            timeframe_ms=timeframe_ms,
            open_time_ms=opened,
            **columns,
            **extra,
            funding_known="funding_rate" in extra,
        )

    @classmethod
    def from_file(
        cls, path: str | Path, funding: str | Path | None = None, mark: str | Path | None = None
    ) -> Bars:
        """Read bars of ``FILE`` or ``FILE=SYMBOL:TIMEFRAME``, Parquet or CSV.

        Args:
            path: Columns date (open time, UTC), open, high, low, close, volume.
            funding: File of the settlements: date, funding_rate.
            mark: File of mark price bars: date, open, high, low, close.

        Raises: BarsRejected naming file, column and row.
        """
        with _rejected():
            file = read_bars(str(path))
            require_order(file)
            columns: dict[str, Any] = {n: c for n, c in file.columns.items() if n != TAKER_BUY}
            bars = cls(file.symbol, file.timeframe_ms, file.open_time_ms, **columns)
            marks = None if mark is None else read_bars(str(mark), volume=False)
            if marks is not None:
                require_order(marks)
                last, high, low = marks_over(bars.open_time_ms, bars.timeframe_ms, marks)
                bars = replace(bars, mark=last, mark_high=high, mark_low=low)
            return bars if funding is None else bars.settled(read_settlements(Path(funding), marks))

    @classmethod
    def from_records(cls, records: Iterable[Bar]) -> Bars:
        """Return the bars of a recorded log, in order, each once; all of one symbol and timeframe.

        Raises: BarsRejected for no record, several symbols or timeframes, or a wrong row.
        """
        rows = list(records)
        subjects = {(row.symbol, row.timeframe_ms) for row in rows}
        if len(subjects) != 1:
            raise BarsRejected(f"expected bars of one symbol and timeframe, got {subjects or 0}")
        symbol, timeframe_ms = subjects.pop()
        columns: dict[str, Any] = {
            name: np.array([getattr(row, name) for row in rows]) for name in (*PRICES, "volume")
        }
        bars = cls(
            symbol,
            timeframe_ms,
            np.array([row.open_time_ms for row in rows], dtype=np.int64),
            **columns,
            mark=np.array([np.nan if row.mark_price is None else row.mark_price for row in rows]),
        )
        return bars.settled(recorded_settlements(rows))


def _check(bars: Bars) -> None:
    """Raise BarsRejected at the first row that is wrong."""
    if not len(bars):
        raise BarsRejected(f"bars of {bars.symbol}: none are given")
    if bars.timeframe_ms <= 0:
        raise BarsRejected(f"bars of {bars.symbol}: timeframe {bars.timeframe_ms} ms, expected > 0")
    times = bars.open_time_ms
    _require(bars, "open_time_ms", (times >= 0) & (times <= LAST_MS), "from 1970 to 2200")
    _require(bars, "open_time_ms", times % bars.timeframe_ms == 0, "a multiple of the timeframe")
    rising = np.concatenate([[True], np.diff(times) > 0])
    _require(bars, "open_time_ms", rising, "later than the row before")
    for name in PRICES:
        values = getattr(bars, name)
        sound = (values >= SMALLEST) & (values <= LARGEST)
        _require(bars, name, sound, f"a finite price more than 0 ({SMALLEST} to {LARGEST})")
    sound = (bars.volume >= 0.0) & (bars.volume <= LARGEST)
    _require(bars, "volume", sound, f"finite and at least 0 (up to {LARGEST})")
    top, bottom = np.maximum(bars.open, bars.close), np.minimum(bars.open, bars.close)
    _require(bars, "high", bars.high >= top, "at least open and close")
    _require(bars, "low", bars.low <= bottom, "at most open and close")
    for name in ("mark", "mark_high", "mark_low"):
        values = getattr(bars, name)
        _require(bars, name, np.isnan(values) | ((values > 0.0) & (values < np.inf)), "more than 0")
    _require(bars, "funding_rate", ~np.isinf(bars.funding_rate), "a finite number")
    for name in ("funding_due", "unmarked"):
        _require(bars, name, np.isfinite(getattr(bars, name)), "a finite number")


def _require(bars: Bars, name: str, good: NDArray[np.bool_], expected: str) -> None:
    if not good.all():
        row = int(np.argmin(good))
        value = getattr(bars, name)[row]
        when = _date(bars.open_time_ms[row])
        raise BarsRejected(
            f"bars of {bars.symbol}: {name} of row {row + 1} ({when}) is {value!s}, expected "
            f"{expected}"
        )


@contextmanager
def _rejected() -> Iterator[None]:
    """Raise a file's error as one of bars."""
    try:
        yield
    except BarFileRejected as error:
        raise BarsRejected(str(error)) from error


def _date(time_ms: int | np.int64 | None) -> str:
    if time_ms is None:
        return "any time"
    return str(np.datetime64(int(time_ms), "ms").astype("datetime64[m]")).replace("T", " ")
