"""Volatility: how wide and how rough the moves are, per bar (never annualised)."""

from __future__ import annotations

import numpy as np

from streams.features.rolling import (
    SHORT,
    Fields,
    Floats,
    Ohlcv,
    compiled,
    wilder_mean,
    window_moments,
    window_squares,
    window_sum,
)

RANKED = 100  # bars that a NATR is ranked among
VOLATILITY = np.dtype([("atr_14", "f8"), ("atr_50", "f8"), ("natr", "f8", (RANKED,))])


@compiled
def rank(values: Floats, value: float) -> float:
    """Return the share of the other values that are below this one, in [0, 1]."""
    below = 0
    for other in values:
        below += other < value
    return below / (values.size - 1.0)


@compiled
def bollinger(rings: Fields, n: int) -> tuple[float, float]:
    """Position in the 20-bar, 2-deviation band (0 lower, 1 upper) and its width over its middle.

    Population deviation; position 0.5 in a band without width.
    Source: Bollinger (2001), Bollinger on Bollinger Bands.
    """
    close = rings.close[n & (rings.close.size - 1)]
    offset, squares = window_moments(rings.close, n, 20)
    deviation = np.sqrt(squares / 20.0)
    position = 0.5 - offset / (4.0 * deviation) if deviation > 0.0 else 0.5
    return position, 4.0 * deviation / (close + offset)


@compiled
def sample_deviation(rings: Fields, n: int, bars: int) -> float:
    """Standard deviation of the last ``bars`` log returns, with ``bars - 1`` degrees of freedom."""
    return np.sqrt(window_moments(rings.log_return, n, bars)[1] / (bars - 1.0))


@compiled
def downside_share(rings: Fields, n: int, bars: int) -> float:
    """Share of falling bars in realised variance, in [0, 1]; 0.5 when price did not move.

    Source: Barndorff-Nielsen, Kinnebrock, Shephard (2010), realised semivariance.
    """
    down, total = 0.0, 0.0
    for i in range(bars):
        value = rings.log_return[(n - i) & (SHORT - 1)]
        total += value * value
        down += value * value if value < 0.0 else 0.0
    return down / total if total > 0.0 else 0.5


@compiled
def update(state: Fields, rings: Fields, n: int, bar: Ohlcv, out: Fields) -> None:
    """Write the volatility features of bar ``n``."""
    reach = rings.true_range[n & (SHORT - 1)]
    state.atr_14 = wilder_mean(state.atr_14, reach, n - 1, 14)
    state.atr_50 = wilder_mean(state.atr_50, reach, n - 1, 50)
    natr = state.atr_14 / bar.close
    state.natr[n % RANKED] = natr
    out.atr_14 = state.atr_14
    out.natr_14 = natr
    out.natr_50 = state.atr_50 / bar.close
    out.atr_ratio_14_50 = state.atr_14 / state.atr_50 if state.atr_50 > 0.0 else 1.0
    out.natr_rank_100 = rank(state.natr, natr)
    out.true_range_ratio = reach / bar.close
    out.log_range = rings.log_range[n & (SHORT - 1)]
    out.bollinger_position_20, out.bollinger_width_20 = bollinger(rings, n)

    out.historical_volatility_20 = sample_deviation(rings, n, 20)
    out.historical_volatility_60 = sample_deviation(rings, n, 60)
    fast = np.sqrt(window_squares(rings.log_return, n, 20) / 20.0)
    slow = np.sqrt(window_squares(rings.log_return, n, 60) / 60.0)
    out.realised_volatility_20 = fast
    out.realised_volatility_60 = slow
    out.volatility_ratio_20_60 = fast / slow if slow > 0.0 else 1.0
    ranges = window_squares(rings.log_range, n, 20)
    out.parkinson_volatility_20 = np.sqrt(ranges / (80.0 * np.log(2.0)))
    out.garman_klass_volatility_20 = np.sqrt(window_sum(rings.garman_klass, n, 20) / 20.0)
    out.downside_share_60 = downside_share(rings, n, 60)
