"""Bars of whole ticks, made without a transcendental function: the same bits everywhere."""

from __future__ import annotations

import numpy as np

from schemas.timeframes import HOUR_MS
from workers.bars.arrays import Bars

TICK = 0.25
START_MS = 1_750_032_000_000  # a midnight


def tick_bars(seed: int, count: int, *, reach: int = 12) -> Bars:
    """Return an hourly walk on a grid of ticks, with idle bars, holes, marks and funding.

    Prices often touch: a level that is a whole tick is met exactly.

    Args:
        seed: Of the walk.
        count: Bars.
        reach: Largest move of a bar, ticks.
    """
    rng = np.random.default_rng(seed)
    moves = rng.integers(-reach, reach + 1, (4, count))
    close = 400 + np.cumsum(moves[0])
    close = np.maximum(close, 40)
    opened = np.maximum(np.concatenate(([400], close[:-1])) + moves[1] // 3, 20)
    high = np.maximum(opened, close) + abs(moves[2]) // 2
    low = np.maximum(np.minimum(opened, close) - abs(moves[3]) // 2, 1)
    known = rng.integers(0, 2, count) == 1
    mark = np.where(known, close * TICK, np.nan)
    rate = np.where(rng.integers(0, 4, count) == 0, rng.integers(-4, 5, count) / 4096, np.nan)
    return Bars(
        "BTCUSDT",
        HOUR_MS,
        START_MS + HOUR_MS * np.cumsum(np.where(rng.integers(0, 20, count) == 0, 3, 1)),
        opened * TICK,
        high * TICK,
        low * TICK,
        close * TICK,
        np.multiply(rng.integers(0, 12, count), 64.0, dtype=np.float64),
        mark=mark,
        mark_high=np.where(known, high * TICK, np.nan),
        mark_low=np.where(known, low * TICK, np.nan),
        funding_rate=rate,
        funding_known=True,
    )
