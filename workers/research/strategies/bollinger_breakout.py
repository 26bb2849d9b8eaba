"""With the break: long above the upper Bollinger band until the close is back at the mean."""

from __future__ import annotations

from workers.bars.arrays import Bars
from workers.research.indicators import indicator
from workers.research.strategies.strategy import (
    SHORT,
    Floats,
    Params,
    Strategy,
    both_sides,
    held,
    number,
    whole_number,
)


def decide(bars: Bars, params: Params) -> Floats:
    """Return the target; ``width`` and ``exit`` are deviations from the mean.

    Source: Bollinger (2001), Bollinger on Bollinger Bands.
    """
    z = indicator("bollinger_z", bars.close, (int(params["window"]),))[0]
    width, leave = params["width"], params["exit"]
    return both_sides(held(z > width, z <= leave), held(z < -width, z >= -leave), params)


STRATEGY = Strategy(
    name="bollinger_breakout",
    summary="Breakout: long above the upper Bollinger band until the mean, short mirrored",
    parameters={
        "window": whole_number(5, 400, 50, "buy"),
        "width": number(1.0, 4.0, 2.0, "buy"),
        "exit": number(0.0, 0.9, 0.0, "sell"),
        "short": SHORT,
    },
    decide=decide,
)
