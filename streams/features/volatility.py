"""Volatility: how wide and how rough the moves are, per bar (never annualised)."""

from __future__ import annotations

import numpy as np

from streams.features.bar_close import Close
from streams.features.rolling import (
    LN_2,
    SCALE_FLOOR,
    Fields,
    Floats,
    compiled,
    floored,
    window_moments,
    window_squares,
    window_sum,
)
from streams.features.smoothing import ema, wilder_mean

RANKED = 100  # bars that a NATR is ranked among
VOLATILITY = np.dtype(
    [
        ("atr_14", "f8"),
        ("atr_50", "f8"),
        ("natr", "f8", (RANKED,)),
        ("squares_200", "f8"),
    ]
)


@compiled
def rank(values: Floats, value: float) -> float:
    """Return the share of the other values that are below this one, in [0, 1]."""
    below = 0
    for other in values:
        below += other < value
    return below / (values.size - 1.0)


@compiled
def bollinger(rings: Fields, at: int) -> tuple[float, float]:
    """Position in the 20-bar, 2-deviation band (0 lower, 1 upper) and its width over its middle.

    Population deviation, floored for the position.
    Source: Bollinger (2001), Bollinger on Bollinger Bands.
    """
    close = rings.close[at]
    offset, squares = window_moments(rings.close, at, 20)
    deviation = np.sqrt(squares / 20.0)
    position = 0.5 - offset / (4.0 * floored(deviation, close))
    return position, 4.0 * deviation / (close + offset)


@compiled
def against(volatility: float, other: float) -> float:
    """Return the ratio of two volatilities, each at least the floor: 1 without movement."""
    return max(volatility, SCALE_FLOOR) / max(other, SCALE_FLOOR)


@compiled
def update(state: Fields, rings: Fields, now: Close, out: Fields) -> None:
    """Write the volatility features of one bar."""
    n, at, bar, returns = now.n, now.at, now.bar, now.returns
    true_range = rings.true_range[at]
    state.atr_14 = wilder_mean(state.atr_14, true_range, n - 1, 14)
    state.atr_50 = wilder_mean(state.atr_50, true_range, n - 1, 50)
    natr = state.atr_14 / bar.close
    state.natr[n % RANKED] = natr
    out.atr_14 = state.atr_14
    out.natr_14 = natr
    out.natr_50 = state.atr_50 / bar.close
    out.atr_ratio_14_50 = floored(state.atr_14, bar.close) / floored(state.atr_50, bar.close)
    out.natr_rank_100 = rank(state.natr, natr)
    out.true_range_ratio = true_range / bar.close
    out.log_range = rings.log_range[at]
    out.bollinger_position_20, out.bollinger_width_20 = bollinger(rings, at)

    out.historical_volatility_20 = np.sqrt(returns.deviations_20 / 19.0)
    out.historical_volatility_60 = np.sqrt(returns.deviations_60 / 59.0)
    fast, slow = np.sqrt(returns.squares_20 / 20.0), np.sqrt(returns.squares_60 / 60.0)
    out.realised_volatility_20 = fast
    out.realised_volatility_60 = slow
    out.volatility_ratio_20_60 = against(fast, slow)
    returned = max(n - 1, 1)  # the first bar has no return: it counts as none, of zero
    state.squares_200 = ema(state.squares_200, rings.log_return[at] ** 2, returned, 200)
    out.volatility_ratio_60_ewma_200 = against(slow, np.sqrt(state.squares_200))
    ranges = window_squares(rings.log_range, at, 20)
    out.parkinson_volatility_20 = np.sqrt(ranges / (80.0 * LN_2))
    out.garman_klass_volatility_20 = np.sqrt(window_sum(rings.garman_klass, at, 20) / 20.0)
    squares = returns.squares_60
    out.downside_share_60 = returns.falls_60 / squares if squares > 0.0 else 0.5
