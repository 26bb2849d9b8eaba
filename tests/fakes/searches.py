"""Markets and requests for tests of searches."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from schemas.research import OptimizeSpec, WalkForwardSpec
from schemas.timeframes import HOUR_MS
from workers.bars.arrays import Bars
from workers.research.reports.run_all import BacktestPair
from workers.research.reports.summary import Result

START_MS = 1_704_067_200_000  # 2024-01-01
FREE = {"fee_bps": 0.0, "slippage_bps": 0.0, "funding": False}


def market(seed: int, count: int, drift: float = 0.0) -> Bars:
    """Return hourly bars of a random walk; ``drift`` is a trend a bar that turns every 20 days."""
    rng = np.random.default_rng(seed)
    trend = drift * np.sign(np.sin(np.arange(count) * np.pi / 480.0 + 0.1))
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.005, count) + trend))
    opened = np.concatenate([[100.0], close[:-1]])
    return Bars(
        "BTCUSDT",
        HOUR_MS,
        START_MS + HOUR_MS * np.arange(count),
        opened,
        np.maximum(opened, close) * 1.001,
        np.minimum(opened, close) * 0.999,
        close,
        np.full(count, 1000.0),
    )


def asked(**changed: Any) -> OptimizeSpec:
    """Return a small grid of one factor: 4 windows, 3 thresholds."""
    fields: dict[str, Any] = {"window_range": (20, 80, 20), "signal_range": (0.5, 1.5, 0.5)}
    return OptimizeSpec(symbol="BTCUSDT", **(fields | changed))


def stepped(**changed: Any) -> WalkForwardSpec:
    """Return the same grid over windows of 40 and 20 days."""
    fields: dict[str, Any] = {
        "window_range": (20, 80, 20),
        "signal_range": (0.5, 1.5, 0.5),
        "train_bars": 960,
        "test_bars": 480,
    }
    return WalkForwardSpec(symbol="BTCUSDT", **(fields | changed))


def untold(_done: int, _total: int, _best: float | None) -> None:
    """Nobody waits for progress."""


def never() -> bool:
    """Nobody cancels."""
    return False


def write(folder: Path, name: str, seed: int = 1, count: int = 1500) -> None:
    """Write a market as a file of bars."""
    import pandas as pd

    bars = market(seed, count)
    table = pd.DataFrame({n: getattr(bars, n) for n in ("open", "high", "low", "close", "volume")})
    table.insert(0, "date", pd.to_datetime(bars.open_time_ms, unit="ms", utc=True))
    table.to_parquet(folder / name, index=False)


def dying_pair(pair: BacktestPair) -> Result:
    """Stand in for ``run_pair``: the strategy ``dies`` takes its process with it."""
    if pair.strategy == "dies":
        os._exit(9)
    return {"strategy": pair.strategy}
