"""Recorded market data in the folder ``shared`` beside the checkout, where there is one."""

from __future__ import annotations

from pathlib import Path

import pytest

REAL_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def real_file(name: str) -> Path:
    """Return the path of a recorded file, e.g. ``ohlcv/BTCUSDT_perp_1h.parquet``, or skip."""
    path = REAL_DATA / name
    if not path.is_file():
        pytest.skip(f"recorded data {name} is not beside this checkout (shared/data)")
    return path
