"""The wall clock of processes; a replay never sees it."""

from __future__ import annotations

import time


def wall_ms() -> int:
    """Return the time of day in UTC epoch milliseconds."""
    return time.time_ns() // 1_000_000
