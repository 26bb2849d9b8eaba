"""Bars for tests of the back-test: random markets with every oddity, and flat ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from schemas.timeframes import HOUR_MS
from workers.bars.arrays import Bars

START_MS = 1_750_003_200_000  # a midnight less eight hours; a whole hour


def bars_of(closes: list[float], **columns: Any) -> Bars:
    """Return hourly bars that open at the close before; 1,000 units of volume each."""
    close = np.array(closes, dtype=np.float64)
    opened = columns.get("open", np.concatenate([close[:1], close[:-1]]))
    defaults: dict[str, Any] = {
        "open_time_ms": START_MS + HOUR_MS * np.arange(len(close)),
        "open": opened,
        "high": np.maximum(opened, close),
        "low": np.minimum(opened, close),
        "close": close,
        "volume": np.full(len(close), 1000.0),
    }
    return Bars("BTCUSDT", HOUR_MS, **(defaults | columns))


def random_bars(seed: int, count: int, *, odd: bool = True, deviation: float = 0.02) -> Bars:
    """Return a random walk; ``odd``: with gaps, idle bars, marks now and then, and funding."""
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.standard_t(3, count) * deviation))
    opened = np.concatenate([[100.0], close[:-1]]) * np.exp(rng.normal(0.0, 0.002, count))
    high = np.maximum(opened, close) * np.exp(np.abs(rng.normal(0.0, deviation / 2, count)))
    low = np.minimum(opened, close) * np.exp(-np.abs(rng.normal(0.0, deviation / 2, count)))
    steps = np.where(rng.random(count) < 0.05 * odd, rng.integers(2, 9, count), 1)
    volume = np.where(rng.random(count) < 0.1 * odd, 0.0, rng.lognormal(5.0, 2.0, count))
    known = rng.random(count) < 0.5
    mark = np.where(known, close * np.exp(rng.normal(0.0, 0.001, count)), np.nan)
    rate = np.where(rng.random(count) < 0.3, rng.normal(0.0, 0.002, count), np.nan)
    extra: dict[str, Any] = {
        "mark": mark,
        "mark_high": np.where(known, np.fmax(high * 0.995, mark), np.nan),
        "mark_low": np.where(known, np.fmin(low * 1.005, mark), np.nan),
        "funding_rate": rate,
        "funding_known": True,
    }
    return Bars(
        "BTCUSDT",
        HOUR_MS,
        START_MS + HOUR_MS * np.cumsum(steps),
        opened,
        high,
        low,
        close,
        volume,
        **(extra if odd else {}),
    )
