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

from streams.features import (
    bar_close,
    catalog,
    ladder,
    momentum,
    rolling,
    smoothing,
    trend,
    volatility,
    volume,
)
from streams.features.bar_close import Close, extremes, return_sums
from streams.features.catalog import BASE_FEATURES, FEATURE_NAMES, FEATURES, OUTPUTS, RUNG_WARM_UP
from streams.features.ladder import LADDER, RUNG, RUNG_FEATURES, update_rung
from streams.features.momentum import MOMENTUM
from streams.features.rolling import RINGS, Fields, Floats, Ohlcv, compiled, newest, push
from streams.features.trend import TREND
from streams.features.volatility import VOLATILITY
from streams.features.volume import VOLUME, Marks

# The recursions: no window can rebuild them, so the changelog keeps them.
STATE = np.dtype(
    [
        ("n", "i8"),  # bars since the start or the last hole
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
LADDER_WARM_UP = np.array([RUNG_WARM_UP[name][0] for name in RUNG_FEATURES])
WARM = max(feature.warm_up for feature in FEATURES)  # from this bar on every feature has a value
COLUMNS = ("open", "high", "low", "close", "volume", *Marks._fields)

_SOURCES = (
    rolling,
    smoothing,
    bar_close,
    momentum,
    volatility,
    trend,
    volume,
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


@compiled
def mask_warm_up(row: Floats, warm_up: Any, n: int) -> None:
    """Set every feature that is still warming up at bar ``n`` to nan."""
    if n < WARM:
        for i in range(warm_up.size):
            if n < warm_up[i]:
                row[i] = np.nan


@compiled
def copy_rung(row: Floats, rung: Fields) -> None:
    """Copy the features of a rung's last closed bar; those still warming up are nan."""
    row[:] = rung.held
    mask_warm_up(row, LADDER_WARM_UP, rung.n)


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
    s.n += 1
    n = s.n
    push(rings, n, bar)
    at = newest(n)
    now = Close(n, at, bar, extremes(rings, at), return_sums(rings.log_return, at))
    momentum.update(s.momentum, rings, now, out)
    volatility.update(s.volatility, rings, now, out)
    trend.update(s.trend, rings, now, s.volatility.atr_14, out)
    volume.update(s.volume, rings, now, extras.marks, out)
    update_rung(s.rung_1, RUNG_1, bar, extras.close_index)
    update_rung(s.rung_2, RUNG_2, bar, extras.close_index)
    update_rung(s.rung_3, RUNG_3, bar, extras.close_index)
    copy_rung(out.ladder[0], s.rung_1)
    copy_rung(out.ladder[1], s.rung_2)
    copy_rung(out.ladder[2], s.rung_3)


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
        out: Any,
        row: Any,
    ) -> int:
        bar = Ohlcv(open_, high, low, close, volume)
        extras = BarExtras(Marks(taker_buy_volume, mark_price, funding_rate), close_index)
        advance(state[0], rings[0], bar, extras, out[0])
        mask_warm_up(row, BASE_WARM_UP, state[0].n)
        return source_id

    @njit(cache=True, error_model="numpy")
    def batch(  # noqa: PLR0917 - the columns of one run
        state: Any, rings: Any, bars: Any, close_index: Any, out: Any, rows: Any
    ) -> int:
        for t in range(close_index.size):
            extras = BarExtras(Marks(bars[5, t], bars[6, t], bars[7, t]), close_index[t])
            advance(state[0], rings[0], bar_at(bars, t), extras, out[t])
            mask_warm_up(rows[t], BASE_WARM_UP, state[0].n)
        return source_id

    @njit(cache=True, error_model="numpy")
    def refill(rings: Any, bars: Any, first: int) -> int:
        for t in range(bars.shape[1]):
            push(rings[0], first + t, bar_at(bars, t))
        return source_id

    return step, batch, refill


step, batch, refill = _compile(SOURCE_ID)


@dataclass(frozen=True)
class BarColumns:
    """Columns of T consecutive bars of one symbol; a column without a source is nan.

    Attributes:
        close_index: Close time over timeframe, shape (T,), ascending; a step above 1 is a hole.
        columns: Shape (8, T), rows as in ``COLUMNS``; volumes in base currency.
    """

    close_index: np.ndarray[Any, np.dtype[np.int64]]
    columns: Floats

    def __post_init__(self) -> None:
        if self.columns.shape != (len(COLUMNS), len(self.close_index)):
            raise ValueError(
                f"columns have shape {self.columns.shape}, "
                f"expected {(len(COLUMNS), len(self.close_index))}: {', '.join(COLUMNS)}"
            )

    @classmethod
    def of(cls, close_index: Any, **columns: Any) -> BarColumns:
        """Build from columns by name; those of ``Marks`` are optional."""
        indices = np.ascontiguousarray(close_index, dtype=np.int64)
        absent = np.full(len(indices), np.nan)
        rows = [columns.get(name, absent) for name in (*COLUMNS[:5], *Marks._fields)]
        return cls(indices, np.ascontiguousarray(np.stack(rows), dtype=np.float64))


def batch_features(bars: BarColumns) -> Floats:
    """Return all features of every bar, shape (T, F), in catalogue order; nan means null.

    Row t uses no bar after t. Warm-up starts again after a hole.
    """
    count = len(bars.close_index)
    rows = np.empty((count, len(FEATURE_NAMES)))
    out = rows.reshape(-1).view(OUTPUTS)
    holes = np.flatnonzero(np.diff(bars.close_index) != 1) + 1
    for start, stop in zip([0, *holes], [*holes, count], strict=True):
        part = slice(start, stop)
        batch(
            np.zeros(1, STATE),
            np.zeros(1, RINGS),
            np.ascontiguousarray(bars.columns[:, part]),
            bars.close_index[part],
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
    refill(rings, one.columns, 1)
    prices = (1.0, 1.0, 1.0, 1.0, 0.0, np.nan, np.nan, np.nan)
    step(state, rings, *prices, 1, rows.reshape(-1).view(OUTPUTS), rows[0])
