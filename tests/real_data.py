"""Recorded market data in the folder ``shared`` beside the checkout, where there is one."""

from __future__ import annotations

from pathlib import Path

import pytest

REAL_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def real_file(name: str) -> Path:
    """Path of a recorded file such as ``ohlcv/BTCUSDT_perp_1h.parquet``; skips without it."""
    path = REAL_DATA / name
    if not path.is_file():
        pytest.skip(f"recorded data {name} is not beside this checkout (shared/data)")
    return path
