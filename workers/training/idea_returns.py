"""What an idea would have earned that was decided at each bar, long and short."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from streams import exits
from streams.exits import NO_EXIT, STOP, BarPrices, ExitLevels
from streams.signals import risk
from workers.research.fill_bars import inlined
from workers.training.dataset import Array, FeatureSeries

first_touch, level_prices = inlined(exits.first_touch), inlined(risk.level_prices)


def idea_returns(series: FeatureSeries, horizon_bars: int) -> Array:
    """Return what a long and a short idea of each bar earn before costs, shape (T, 2).

    An idea enters at the next open and ends as ``streams.ideas`` ends it: at a level of its signal,
    else at the horizon's close. A decision for the other side would end it too; that is left out,
    because it depends on what is learnt from these returns. Row t uses bars up to t + horizon, as
    its label does, which also knows the holes. NaN in the last ``horizon_bars``, and where a level
    or a price is unknown.
    """
    earned = np.full((len(series.times), 2), np.nan)
    prices = np.column_stack((series.open, series.low, series.high, series.close))
    _fill(earned, prices, series.natr, horizon_bars)
    return earned


def prepare() -> None:
    """Compile the loop, or load it from the cache."""
    _fill(np.zeros((2, 2)), np.ones((2, 4)), np.ones(2), 1)


@njit(cache=True)
def _fill(earned: Array, prices: Array, natr: Array, horizon: int) -> None:
    for t in range(len(prices) - horizon):
        ahead = prices[t + 1 : t + 1 + horizon]
        if np.isnan(ahead).any():
            continue
        for column, side in enumerate((1, -1)):
            stop, target = level_prices(side, prices[t, 3], natr[t], horizon)
            if not 0.0 < min(stop, target) <= max(stop, target) < math.inf:
                continue
            levels = ExitLevels(stop, STOP, target)
            left = ahead[-1, 3]
            for bar in ahead:
                why, price = first_touch(float(side), BarPrices(bar[0], bar[1], bar[2]), levels, 0)
                if why != NO_EXIT:
                    left = price
                    break
            earned[t, column] = side * (left / ahead[0, 0] - 1.0)
