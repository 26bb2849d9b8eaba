"""Hourly markets with a known character, for searches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.market import Bar
from schemas.timeframes import HOUR_MS
from workers.bars.arrays import Bars

START_MS = 1_600_000_000_000 // HOUR_MS * HOUR_MS
DAYS = 150
PRICES = ("open", "high", "low", "close", "volume")


def bars_of(log_returns: NDArray[np.float64]) -> Bars:
    """Return bars that open where the last one closed."""
    close = 100.0 * np.exp(np.cumsum(log_returns))
    opened = np.concatenate([[100.0], close[:-1]])
    return Bars(
        symbol="BTCUSDT",
        timeframe_ms=HOUR_MS,
        open_time_ms=START_MS + HOUR_MS * np.arange(len(close)),
        open=opened,
        high=np.maximum(opened, close) * 1.001,
        low=np.minimum(opened, close) * 0.999,
        close=close,
        volume=np.ones(len(close)),
    )


def noise(days: int = DAYS, seed: int = 0) -> Bars:
    """Return a random walk."""
    return bars_of(np.random.default_rng(seed).normal(0.0, 0.006, days * 24))


def trends(days: int = DAYS, seed: int = 0) -> Bars:
    """Return hours that drift for 60 at a time: a fast cross earns, whatever it pays."""
    rng = np.random.default_rng(seed)
    drift = np.repeat(rng.choice([-0.004, 0.004], days * 24 // 60 + 1), 60)[: days * 24]
    return bars_of(drift + rng.normal(0.0, 0.003, days * 24))


def records(bars: Bars) -> Iterator[Bar]:
    """Yield the bars as they are on their topic."""
    for row, opened in enumerate(bars.open_time_ms.tolist()):
        numbers: dict[str, Any] = {name: float(getattr(bars, name)[row]) for name in PRICES}
        yield Bar(
            symbol=bars.symbol,
            timeframe_ms=bars.timeframe_ms,
            event_time_ms=opened + bars.timeframe_ms,
            available_time_ms=opened + bars.timeframe_ms,
            open_time_ms=opened,
            origin="backfill",
            source="test",
            **numbers,
        )
