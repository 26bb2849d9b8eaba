"""Long while the shorter exponential mean is above the longer one, else short."""

from __future__ import annotations

import numpy as np

from workers.bars.arrays import Bars
from workers.research.indicators import indicator
from workers.research.strategies.strategy import (
    SHORT,
    Floats,
    Params,
    Strategy,
    both_sides,
    whole_number,
)


def decide(bars: Bars, params: Params) -> Floats:
    """Return the target; whichever of the two windows is shorter is the fast one.

    A mean is above another where the close is less far above it, both as fractions of the mean.
    """
    fast, slow = sorted((int(params["fast"]), int(params["slow"])))
    if fast == slow:
        return np.zeros(len(bars))
    above_fast, above_slow = indicator("ema_distance", bars.close, (fast, slow))
    return both_sides(above_fast < above_slow, above_fast > above_slow, params)


STRATEGY = Strategy(
    name="ema_cross",
    summary="Trend: long while the fast exponential mean is above the slow one, else short",
    parameters={
        "fast": whole_number(2, 100, 20, "buy"),
        "slow": whole_number(5, 500, 100, "buy"),
        "short": SHORT,
    },
    decide=decide,
)
