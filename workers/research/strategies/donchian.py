"""With the break of a price channel, out at the break of a shorter one on the other side."""

from __future__ import annotations

import numpy as np
from numba import njit

from workers.bars.arrays import Bars
from workers.research.strategies.strategy import (
    SHORT,
    Floats,
    Params,
    Strategy,
    both_sides,
    held,
    whole_number,
)


@njit(cache=True, nogil=True)
def highest_before(values: Floats, window: int) -> Floats:
    """Return the maximum of the ``window`` values before each, shape (n,); NaN until there are.

    Uses no data at or after t. Work is the same for any window: candidates wait in a falling row.
    """
    out = np.full(len(values), np.nan)
    waiting = np.empty(len(values), np.int64)
    first, stop = 0, 0
    for t in range(len(values) - 1):
        while stop > first and values[waiting[stop - 1]] <= values[t]:
            stop -= 1
        waiting[stop] = t
        stop += 1
        if waiting[first] <= t - window:
            first += 1
        if t + 1 >= window:
            out[t + 1] = values[waiting[first]]
    return out


def decide(bars: Bars, params: Params) -> Floats:
    """Return the target; a close beyond the bars before it is a break. Source: Donchian (1960)."""
    entry, leave = int(params["entry"]), int(params["exit"])
    close, high, low = bars.close, bars.high, bars.low
    long = held(close > highest_before(high, entry), close < -highest_before(-low, leave))
    short = held(close < -highest_before(-low, entry), close > highest_before(high, leave))
    return both_sides(long & ~short, short & ~long, params)


STRATEGY = Strategy(
    name="donchian",
    summary="Breakout: long above the highest high of some bars until a lower low, short mirrored",
    parameters={
        "entry": whole_number(2, 400, 55, "buy"),
        "exit": whole_number(2, 400, 20, "sell"),
        "short": SHORT,
    },
    decide=decide,
)
