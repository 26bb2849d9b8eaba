"""Settlements of funding from files and records, and the mark price they are valued at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from schemas.market import Bar
from schemas.timeframes import timeframe_name
from workers.bars.bar_files import BarFile
from workers.bars.markers import Funding, interval_findings, nominal
from workers.bars.table_files import (
    BarFileRejected,
    Floats,
    Ints,
    read_numbers,
    read_table,
    read_times,
    require_columns,
    require_rows,
)

Spans = tuple[tuple[int, int], ...]


class SettlementsRejected(ValueError):
    """Settlements cannot be used; names the row, its value and what is expected."""


@dataclass(frozen=True, eq=False)
class Settlements:
    """Funding of one symbol, shape (settlements,).

    Attributes:
        time_ms: Nominal stamps, UTC epoch milliseconds, ascending.
        rate: What longs paid to shorts, a fraction of the position's value at the mark.
        mark: Mark price at the stamp, NaN where unknown.
        holes: Spans between them where some are missing.

    Raises: SettlementsRejected naming the first row that is wrong.
    """

    time_ms: Ints
    rate: Floats
    mark: Floats
    holes: Spans = ()

    def __post_init__(self) -> None:
        kinds = {"time_ms": np.int64, "rate": np.float64, "mark": np.float64}
        for name, kind in kinds.items():
            values = np.asarray(getattr(self, name), dtype=kind)
            object.__setattr__(self, name, values)
            if values.shape != self.time_ms.shape:
                raise SettlementsRejected(
                    f"settlements: {name} has shape {values.shape}, expected {self.time_ms.shape}"
                )
        positive = (self.mark > 0.0) & (self.mark < np.inf)
        _require("time_ms", self.time_ms, np.diff(self.time_ms, prepend=-1) > 0, "ascending")
        _require("rate", self.rate, np.isfinite(self.rate), "a finite number")
        _require("mark", self.mark, np.isnan(self.mark) | positive, "more than 0, or nan")

    def unknown(self, start_ms: int, end_ms: int) -> Spans:
        """Return where, within a span, settlements should be and are not known; n at least 1."""
        first, last = int(self.time_ms[0]), int(self.time_ms[-1])
        interval = int(np.median(np.diff(self.time_ms))) if last > first else 0
        before = ((start_ms, first),) if interval < first - start_ms else ()
        after = ((last, end_ms),) if interval < end_ms - last else ()
        return overlapping((*before, *self.holes, *after), start_ms, end_ms)


def _require(name: str, values: Ints | Floats, good: NDArray[np.bool_], expected: str) -> None:
    if not good.all():
        row = int(np.argmin(good))
        raise SettlementsRejected(
            f"settlements: {name} of row {row + 1} is {values[row]!s}, expected {expected}"
        )


def overlapping(spans: Spans, start_ms: int, end_ms: int) -> Spans:
    """Return what of some spans lies within another."""
    cut = ((max(a, start_ms), min(b, end_ms)) for a, b in spans)
    return tuple((a, b) for a, b in cut if a < b)


def read_settlements(path: Path, marks: BarFile | None = None) -> Settlements:
    """Read a file of settlements, columns ``date`` and ``funding_rate``.

    Args:
        path: Parquet or CSV.
        marks: Bars of the mark price; the open of the one that opens at a stamp is its mark.

    Raises: BarFileRejected naming file, column and row.
    """
    table = read_table(path)
    require_columns(path, table, ("date", "funding_rate"))
    stated_ms, rate = read_times(path, table["date"]), read_numbers(path, table, "funding_rate")
    stamps = np.array([nominal(stamp) for stamp in stated_ms.tolist()], dtype=np.int64)
    rising = np.concatenate([[True], np.diff(stamps) > 0])
    require_rows(path, "date", table["date"].to_numpy(), rising, "later than the row before")
    mark = np.full(len(stamps), np.nan)
    if marks is not None:
        row_of = np.searchsorted(marks.open_time_ms, stamps).clip(0, len(marks) - 1)
        same = marks.open_time_ms[row_of] == stamps
        mark[same] = marks.columns["open"][row_of[same]]
    rows = [Funding(*row) for row in zip(stamps.tolist(), rate.tolist(), strict=True)]
    findings = interval_findings(("", 1), rows, ended=True)
    holes = tuple((f.from_ms, f.to_ms) for f in findings if f.kind == "funding_hole")
    return Settlements(stamps, rate, mark, holes)


def recorded_settlements(rows: Sequence[Bar]) -> Settlements:
    """Return the settlements that a log of bars carries, each once: the last before each close."""
    marks = {row.event_time_ms: row.mark_price for row in rows}
    by_stamp: dict[int, tuple[float, float]] = {}
    for row in rows:
        if row.funding_time_ms is not None and row.funding_rate is not None:
            stamp = nominal(row.funding_time_ms)
            mark = marks.get(stamp)
            by_stamp[stamp] = (row.funding_rate, np.nan if mark is None else mark)
    values = np.array([by_stamp[stamp] for stamp in sorted(by_stamp)]).reshape(-1, 2)
    stamps = np.array(sorted(by_stamp), dtype=np.int64)
    settlements = [Funding(stamp, by_stamp[stamp][0]) for stamp in sorted(by_stamp)]
    gaps = interval_findings(("", 1), settlements, ended=True)
    holes = tuple((f.from_ms, f.to_ms) for f in gaps if f.kind == "funding_hole")
    return Settlements(stamps, values[:, 0], values[:, 1], holes)


def marks_over(opened: Ints, timeframe_ms: int, marks: BarFile) -> tuple[Floats, Floats, Floats]:
    """Return close, high and low of the mark over each bar, NaN unless it is known all through.

    Raises: BarFileRejected for mark bars longer than the bars.
    """
    if marks.timeframe_ms > timeframe_ms:
        raise BarFileRejected(
            f"{marks.path}: mark bars of {timeframe_name(marks.timeframe_ms)}, expected at most "
            f"{timeframe_name(timeframe_ms)} as the bars"
        )
    first = np.searchsorted(marks.open_time_ms, opened)
    stop = np.searchsorted(marks.open_time_ms, opened + timeframe_ms)
    whole = np.flatnonzero(stop - first == timeframe_ms // marks.timeframe_ms)
    last, high, low = (np.full(len(opened), np.nan) for _ in range(3))
    if len(whole):
        rows = first[whole, None] + np.arange(timeframe_ms // marks.timeframe_ms)
        last[whole] = marks.columns["close"][rows[:, -1]]
        high[whole] = marks.columns["high"][rows].max(axis=1)
        low[whole] = marks.columns["low"][rows].min(axis=1)
    return last, high, low
