"""Real market data beside the checkout, for tests that can use it; never committed."""

from __future__ import annotations

from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent.parent.parent / "shared" / "data"


def real_file(name: str) -> Path:
    """Return the path of a file or folder under ``shared/data``; skips the test without it."""
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"{name} is not in shared/data beside the checkout")
    return path
