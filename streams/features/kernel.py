"""The kernel: one compiled step over flat state, called bar by bar or in a loop.

``step`` and ``batch_features`` run the same machine code over the same state, so live values,
recorded values and training values are the same bits.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit

from streams.features import catalog, ladder, momentum, rolling, trend, volatility, volume
from streams.features.catalog import BASE_FEATURES, FEATURE_NAMES, OUTPUTS, RUNG_WARM_UP
from streams.features.ladder import LADDER, RUNG, RUNG_FEATURES, climb
from streams.features.momentum import MOMENTUM
from streams.features.rolling import RINGS, Fields, Floats, Ohlcv, compiled, extremes, push
from streams.features.trend import TREND
from streams.features.volatility import VOLATILITY
from streams.features.volume import VOLUME, Marks

# What the past left behind and no window can rebuild; kept on the changelog.
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
BASE_WARM, LADDER_WARM = int(BASE_WARM_UP.max()), int(LADDER_WARM_UP.max())
COLUMNS = ("open", "high", "low", "close", "volume", *Marks._fields)

_SOURCES = (rolling, momentum, volatility, trend, volume, ladder, catalog)
SOURCE_ID = int(
    hashlib.sha256("".join(map(inspect.getsource, _SOURCES)).encode()).hexdigest()[:12], 16
)


@compiled
def gate(row: Floats, warm_up: Any, n: int) -> None:
    """Turn what is still warming up at bar ``n`` into nan."""
    for i in range(warm_up.size):
        if n < warm_up[i]:
            row[i] = np.nan


@compiled
def show(row: Floats, rung: Fields) -> None:
    """Copy the features of a rung's last closed bar, as far as they are warm."""
    row[:] = rung.held
    if rung.n < LADDER_WARM:
        gate(row, LADDER_WARM_UP, rung.n)


@compiled
def advance(
    s: Fields, rings: Fields, bar: Ohlcv, marks: Marks, close_index: int, out: Fields, row: Floats
) -> None:
    """Fold one bar into the state and write all features of its close.

    Args:
        s, rings: Records of dtype ``STATE`` and ``RINGS``, written in place.
        bar, marks: The bar, and what not every source tells of it.
        close_index: Close time over timeframe.
        out, row: The same memory, by name and as F floats in catalogue order.
    """
    s.n += 1
    n = s.n
    push(rings, n, bar)
    around = extremes(rings, n, bar)
    momentum.update(s.momentum, rings, n, bar, around, out)
    volatility.update(s.volatility, rings, n, bar, out)
    trend.update(s.trend, rings, n, bar, around, s.volatility.atr_14, out)
    volume.update(s.volume, rings, n, bar, marks, out)
    climb(s.rung_1, RUNG_1, bar, close_index)
    climb(s.rung_2, RUNG_2, bar, close_index)
    climb(s.rung_3, RUNG_3, bar, close_index)
    show(out.ladder[0], s.rung_1)
    show(out.ladder[1], s.rung_2)
    show(out.ladder[2], s.rung_3)
    if n < BASE_WARM:
        gate(row, BASE_WARM_UP, n)


def _compile(source_id: int) -> tuple[Callable[..., None], ...]:
    # numba looks only at this file when it decides whether cached machine code is stale. The
    # closure is part of its cache key, so naming the sources' hash here makes an edit of any
    # family count.
    @njit(cache=True, error_model="numpy")
    def step(
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
        rows: Any,
    ) -> None:
        if source_id < 0:
            return
        bar = Ohlcv(open_, high, low, close, volume)
        marks = Marks(taker_buy_volume, mark_price, funding_rate)
        advance(state[0], rings[0], bar, marks, close_index, out[0], rows[0])

    @njit(cache=True, error_model="numpy")
    def batch(state: Any, rings: Any, bars: Any, close_index: Any, out: Any, rows: Any) -> None:
        if source_id < 0:
            return
        for t in range(close_index.size):
            bar = Ohlcv(bars[0, t], bars[1, t], bars[2, t], bars[3, t], bars[4, t])
            marks = Marks(bars[5, t], bars[6, t], bars[7, t])
            advance(state[0], rings[0], bar, marks, close_index[t], out[t], rows[t])

    @njit(cache=True, error_model="numpy")
    def refill(rings: Any, bars: Any, first: int) -> None:
        if source_id < 0:
            return
        for t in range(bars.shape[1]):
            bar = Ohlcv(bars[0, t], bars[1, t], bars[2, t], bars[3, t], bars[4, t])
            push(rings[0], first + t, bar)

    return step, batch, refill


step, batch, refill = _compile(SOURCE_ID)


@dataclass(frozen=True)
class Bars:
    """Columns of T consecutive bars of one symbol; a column that no source gave is nan.

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
    def of(cls, close_index: Any, **columns: Any) -> Bars:
        """Build from named columns; those of ``Marks`` may be left out."""
        indices = np.ascontiguousarray(close_index, dtype=np.int64)
        absent = np.full(len(indices), np.nan)
        rows = [columns.get(name, absent) for name in (*COLUMNS[:5], *Marks._fields)]
        return cls(indices, np.ascontiguousarray(np.stack(rows), dtype=np.float64))


def batch_features(bars: Bars) -> Floats:
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
    """Compile the kernel, or load it from the cache: half a minute once, then no time."""
    one = Bars.of([1], open=[1.0], high=[1.0], low=[1.0], close=[1.0], volume=[0.0])
    batch_features(one)
    rows = np.empty((1, len(FEATURE_NAMES)))
    state, rings = np.zeros(1, STATE), np.zeros(1, RINGS)
    refill(rings, one.columns, 1)
    prices = (1.0, 1.0, 1.0, 1.0, 0.0, np.nan, np.nan, np.nan)
    step(state, rings, *prices, 1, rows.reshape(-1).view(OUTPUTS), rows)
