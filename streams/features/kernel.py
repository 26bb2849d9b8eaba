"""The kernel: one compiled step over flat state, called bar by bar or in a loop.

``step`` and ``batch_features`` run the same machine code over the same state, so live values,
recorded values and training values are the same bits.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from schemas.bounds import LARGEST, SMALLEST
from schemas.timeframes import MINUTE_MS
from streams.features import (
    bar_close,
    catalog,
    clock,
    ladder,
    momentum,
    rolling,
    smoothing,
    trend,
    volatility,
    volume,
)
from streams.features.bar_close import Close, extremes, return_sums
from streams.features.catalog import (
    BASE_FEATURES,
    FEATURE_NAMES,
    FEATURES,
    LADDER,
    LONGEST_WINDOW,
    OUTPUTS,
    REFILL_BARS,
    RUNG_FEATURES,
    RUNG_WARM_UP,
    SHORT_HOLE_BARS,
)
from streams.features.ladder import RUNG, update_rung
from streams.features.momentum import MOMENTUM
from streams.features.rolling import LONG, RINGS, Fields, Floats, Ohlcv, compiled, newest, push
from streams.features.trend import TREND
from streams.features.volatility import VOLATILITY
from streams.features.volume import VOLUME, Marks

# The recursions: no window can rebuild them, so the changelog keeps them.
STATE = np.dtype(
    [
        ("n", "i8"),  # bars since the start or the last long hole
        ("whole", "i8"),  # bars since the last hole
        ("close_index", "i8"),  # of the last bar
        ("missing", "i8"),  # bars missing between the last 200
        ("momentum", MOMENTUM),
        ("volatility", VOLATILITY),
        ("trend", TREND),
        ("volume", VOLUME),
        ("rung_1", RUNG),
        ("rung_2", RUNG),
        ("rung_3", RUNG),
    ],
)

RUNG_1, RUNG_2, RUNG_3 = LADDER
WIDTH = len(RUNG_FEATURES)
BASE_COUNT = len(BASE_FEATURES)
BASE_WARM_UP = np.array([feature.warm_up for feature in BASE_FEATURES])
BASE_AFTER_HOLE = np.array([feature.after_hole for feature in BASE_FEATURES])
LADDER_WARM_UP = np.array([RUNG_WARM_UP[name][0] for name in RUNG_FEATURES])
LADDER_AFTER_HOLE = np.array([f.after_hole for f in FEATURES[BASE_COUNT:]]).reshape(-1, WIDTH)
# numba takes these as constants: one comparison a bar tells that nothing is left to mask.
BASE_WARM, RUNG_WARM = int(BASE_WARM_UP.max()), int(LADDER_WARM_UP.max())
RUNG_REFILLED = int(LADDER_AFTER_HOLE.max())
AFTER_HOLE_1, AFTER_HOLE_2, AFTER_HOLE_3 = LADDER_AFTER_HOLE
COLUMNS = ("open", "high", "low", "close", "volume", *Marks._fields)

_SOURCES = (
    rolling,
    smoothing,
    bar_close,
    momentum,
    volatility,
    trend,
    volume,
    clock,
    ladder,
    catalog,
)
SOURCE_ID = int(
    hashlib.sha256("".join(map(inspect.getsource, _SOURCES)).encode()).hexdigest()[:12], 16
)


class BarExtras(NamedTuple):
    """The facts of a bar beside its prices and volume."""

    marks: Marks
    close_index: int  # close time over timeframe
    close_ms: int


@compiled
def mask(row: Floats, needed: Any, most: int, bars: int) -> None:
    """Set every feature that needs more than ``bars`` bars to nan; ``most`` is the largest need."""
    if bars < most:
        for i in range(needed.size):
            if bars < needed[i]:
                row[i] = np.nan


@compiled
def copy_rung(row: Floats, rung: Fields, after_hole: Any) -> None:
    """Copy the features of a rung's last closed bar; nan where it has too few bars."""
    row[:] = rung.held
    mask(row, LADDER_WARM_UP, RUNG_WARM, rung.n)
    mask(row, after_hole, RUNG_REFILLED, rung.whole)


@compiled
def count_missing(s: Fields, rings: Fields, close_index: int) -> None:
    """Number the bar, and count those that are missing before it and between the last 200."""
    missing = close_index - s.close_index - 1 if s.n > 0 else 0
    s.close_index = close_index
    s.n += 1
    s.whole = s.whole + 1 if missing == 0 else 1
    rings.missing[s.n & (LONG - 1)] = missing
    s.missing += missing - rings.missing[(s.n - LONGEST_WINDOW + 1) & (LONG - 1)]


@compiled
def advance(s: Fields, rings: Fields, bar: Ohlcv, extras: BarExtras, out: Fields) -> None:
    """Fold one bar into the state and write all features of its close, warm or not.

    Args:
        s: Record of dtype ``STATE``, written in place.
        rings: Record of dtype ``RINGS``, written in place.
        bar: The bar.
        extras: Its other facts.
        out: Record of dtype ``OUTPUTS``, written in place.
    """
    count_missing(s, rings, extras.close_index)
    n = s.n
    push(rings, n, bar)
    at = newest(n)
    now = Close(n, at, bar, extremes(rings, at), return_sums(rings.log_return, at))
    momentum.update(s.momentum, rings, now, out)
    volatility.update(s.volatility, rings, now, out)
    trend.update(s.trend, rings, now, s.volatility.atr_14, out)
    volume.update(s.volume, rings, now, extras.marks, out)
    clock.update(extras.close_ms, out)
    update_rung(s.rung_1, RUNG_1, bar, extras.close_index)
    update_rung(s.rung_2, RUNG_2, bar, extras.close_index)
    update_rung(s.rung_3, RUNG_3, bar, extras.close_index)
    copy_rung(out.ladder[0], s.rung_1, AFTER_HOLE_1)
    copy_rung(out.ladder[1], s.rung_2, AFTER_HOLE_2)
    copy_rung(out.ladder[2], s.rung_3, AFTER_HOLE_3)


@compiled
def bar_at(bars: Floats, t: int) -> Ohlcv:
    """Return bar ``t`` of columns as in ``COLUMNS``."""
    return Ohlcv(bars[0, t], bars[1, t], bars[2, t], bars[3, t], bars[4, t])


def _compile(source_id: int) -> tuple[Callable[..., int], ...]:
    # numba checks only this file to decide whether its cached machine code is stale. The closure
    # is part of the cache key, and ``source_id`` brings the sources of all families into it.
    @njit(cache=True, error_model="numpy")
    def step(  # noqa: PLR0917 - scalars cross from Python fastest
        state: Any,
        rings: Any,
        open_: float,
        high: float,
        low: float,
        close: float,
        volume: float,
        taker_buy_volume: float,
        mark_price: float,
        funding_rate: float,
        close_index: int,
        timeframe_ms: int,
        out: Any,
        row: Any,
    ) -> int:
        bar = Ohlcv(open_, high, low, close, volume)
        marks = Marks(taker_buy_volume, mark_price, funding_rate)
        extras = BarExtras(marks, close_index, close_index * timeframe_ms)
        advance(state[0], rings[0], bar, extras, out[0])
        mask(row, BASE_WARM_UP, BASE_WARM, state[0].n)
        mask(row, BASE_AFTER_HOLE, REFILL_BARS, state[0].whole)
        return source_id

    @njit(cache=True, error_model="numpy")
    def batch(  # noqa: PLR0917 - the columns of one run
        state: Any,
        rings: Any,
        bars: Any,
        close_index: Any,
        timeframe_ms: int,
        out: Any,
        rows: Any,
    ) -> int:
        for t in range(close_index.size):
            index = close_index[t]
            marks = Marks(bars[5, t], bars[6, t], bars[7, t])
            extras = BarExtras(marks, index, index * timeframe_ms)
            advance(state[0], rings[0], bar_at(bars, t), extras, out[t])
            mask(rows[t], BASE_WARM_UP, BASE_WARM, state[0].n)
            mask(rows[t], BASE_AFTER_HOLE, REFILL_BARS, state[0].whole)
        return source_id

    @njit(cache=True, error_model="numpy")
    def refill(rings: Any, bars: Any, missing: Any, first: int) -> int:
        for t in range(bars.shape[1]):
            rings[0].missing[(first + t) & (LONG - 1)] = missing[t]
            push(rings[0], first + t, bar_at(bars, t))
        return source_id

    return step, batch, refill


step, batch, refill = _compile(SOURCE_ID)


@dataclass(frozen=True)
class BarColumns:
    """Columns of T consecutive bars of one symbol; of ``Marks``, nan where a source lacks it.

    Attributes:
        close_index: Close time over timeframe, shape (T,), from 1, ascending; a step above 1 is a
            hole.
        columns: Shape (8, T), rows as in ``COLUMNS``; volumes in base currency.
        timeframe_ms: Length of a bar: only what the clock says depends on it.

    Raises: ValueError naming the first value that the kernel cannot use, and what is expected.
    """

    close_index: np.ndarray[Any, np.dtype[np.int64]]
    columns: Floats
    timeframe_ms: int = MINUTE_MS

    def __post_init__(self) -> None:
        if self.columns.shape != (len(COLUMNS), len(self.close_index)):
            raise ValueError(
                f"columns have shape {self.columns.shape}, "
                f"expected {(len(COLUMNS), len(self.close_index))}: {', '.join(COLUMNS)}"
            )
        numbers = dict(zip(COLUMNS, self.columns, strict=True))
        open_, high, low, close, volume = (numbers[name] for name in COLUMNS[:5])
        expected = f"from {SMALLEST} to {LARGEST}"
        _require("close_index", self.close_index, np.diff(self.close_index, prepend=0) > 0)
        for name in COLUMNS[:4]:
            prices = numbers[name]
            _require(name, prices, (prices >= SMALLEST) & (prices <= LARGEST), expected)
        _require("high", high, high >= np.maximum(open_, close), "at least open and close")
        _require("low", low, low <= np.minimum(open_, close), "at most open and close")
        amounts = (volume >= SMALLEST) & (volume <= LARGEST)
        _require("volume", volume, amounts | (volume == 0.0), f"0 or {expected}")
        for name in Marks._fields:
            beyond = np.abs(numbers[name]) > LARGEST
            _require(name, numbers[name], ~beyond, f"up to {LARGEST}, or nan where unknown")

    @classmethod
    def of(cls, close_index: Any, timeframe_ms: int = MINUTE_MS, /, **columns: Any) -> BarColumns:
        """Build from columns by name; those of ``Marks`` are optional."""
        indices = np.ascontiguousarray(close_index, dtype=np.int64)
        absent = np.full(len(indices), np.nan)
        rows = [columns.get(name, absent) for name in (*COLUMNS[:5], *Marks._fields)]
        stacked = np.ascontiguousarray(np.stack(rows), dtype=np.float64)
        return cls(indices, stacked, timeframe_ms)


def _require(name: str, values: Any, usable: Any, expected: str = "ascending, from 1") -> None:
    if not usable.all():
        t = int(np.argmin(usable))
        raise ValueError(f"{name} of bar {t + 1} is {values[t]}, expected {expected}")


def batch_features(bars: BarColumns) -> Floats:
    """Return all features of every bar, shape (T, F), in catalogue order; nan means null.

    Row t uses no bar after t. Warm-up starts again after a hole of more than ``SHORT_HOLE_BARS``.
    """
    count = len(bars.close_index)
    rows = np.empty((count, len(FEATURE_NAMES)))
    out = rows.reshape(-1).view(OUTPUTS)
    holes = np.flatnonzero(np.diff(bars.close_index) - 1 > SHORT_HOLE_BARS) + 1
    for start, stop in zip([0, *holes], [*holes, count], strict=True):
        part = slice(start, stop)
        batch(
            np.zeros(1, STATE),
            np.zeros(1, RINGS),
            np.ascontiguousarray(bars.columns[:, part]),
            bars.close_index[part],
            bars.timeframe_ms,
            out[part],
            rows[part],
        )
    return rows


def prepare() -> None:
    """Load the kernel from the cache. The very first call compiles it: half a minute."""
    one = BarColumns.of([1], open=[1.0], high=[1.0], low=[1.0], close=[1.0], volume=[0.0])
    batch_features(one)
    rows = np.empty((1, len(FEATURE_NAMES)))
    state, rings = np.zeros(1, STATE), np.zeros(1, RINGS)
    refill(rings, one.columns, np.zeros(1, np.int64), 1)
    prices = (1.0, 1.0, 1.0, 1.0, 0.0, np.nan, np.nan, np.nan)
    step(state, rings, *prices, 1, MINUTE_MS, rows.reshape(-1).view(OUTPUTS), rows[0])
