"""Recorded files of markets whose volatility and drift change by lasting regimes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from schemas.timeframes import MINUTE_MS
from tests.build import START_MS

SYMBOLS = ("BTCUSDT", "ETHUSDT")


def market_frame(seed: int, bars: int) -> pd.DataFrame:
    """Return one-minute bars; a regime lasts 150 of them."""
    rng = np.random.default_rng(seed)
    states = np.repeat(rng.integers(0, 3, bars // 150 + 1), 150)[:bars]
    spread = 1e-3 * np.array([1.0, 3.0, 0.4])[states]
    returns = spread * (np.array([0.1, -0.1, 0.0])[states] + rng.standard_normal(bars))
    close = 100.0 * np.exp(np.cumsum(returns))
    opened = np.concatenate([[100.0], close[:-1]])
    wick = np.exp(0.5 * spread * np.abs(rng.standard_normal(bars)))
    return pd.DataFrame(
        {
            "date": pd.to_datetime(START_MS + MINUTE_MS * np.arange(bars), unit="ms", utc=True),
            "open": opened,
            "high": np.maximum(opened, close) * wick,
            "low": np.minimum(opened, close) / wick,
            "close": close,
            "volume": rng.gamma(2.0, 10.0, bars),
        }
    )


def write_markets(folder: Path, bars: int) -> list[str]:
    """Write a file of each symbol; return their paths."""
    paths = [folder / f"{symbol}_perp_1m.parquet" for symbol in SYMBOLS]
    for seed, path in enumerate(paths):
        market_frame(seed, bars).to_parquet(path)
    return list(map(str, paths))
