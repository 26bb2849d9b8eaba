"""Clock: where in the UTC day and week a bar closes. Nights and weekends are calmer.

Each is a point on a circle, so that 23:59 lies beside 00:00, and Sunday beside Monday.
"""

from __future__ import annotations

import numpy as np

from schemas.timeframes import DAY_MS, WEEK_MS
from streams.features.rolling import Fields, compiled

FIRST_MONDAY_MS = 4 * DAY_MS  # the UTC epoch began on a Thursday
TURN = 2.0 * np.pi


@compiled
def update(close_ms: int, out: Fields) -> None:
    """Write the clock's features at a close, UTC epoch ms; known without its prices."""
    day = TURN * (close_ms % DAY_MS) / DAY_MS
    week = TURN * ((close_ms - FIRST_MONDAY_MS) % WEEK_MS) / WEEK_MS
    out.time_of_day_sine = np.sin(day)
    out.time_of_day_cosine = np.cos(day)
    out.time_of_week_sine = np.sin(week)
    out.time_of_week_cosine = np.cos(week)
