"""Momentum: how far and how steadily price has moved."""

from __future__ import annotations

import numpy as np

from streams.features.bar_close import Close, Extremes
from streams.features.rolling import SCALE_FLOOR, Fields, compiled, floored, window_moments
from streams.features.smoothing import ema, wilder_mean

RSI = np.dtype([("gain", "f8"), ("loss", "f8")])
MOMENTUM = np.dtype(
    [
        ("rsi_7", RSI),
        ("rsi_14", RSI),
        ("macd_fast", "f8"),
        ("macd_slow", "f8"),
        ("macd_signal", "f8"),
        ("fast_k", "f8", (3,)),  # of the last three bars
        ("slow_k", "f8", (3,)),
    ],
)


@compiled
def rsi(state: Fields, change: float, count: int, period: int) -> float:
    """Relative strength index in [0, 100]; 50 while price has never moved.

    Args:
        state: Record of dtype ``RSI``.
        change: Close minus the close before.
        count: Which change this is, from 1.
        period: Wilder's period.

    Source: Wilder (1978), New Concepts in Technical Trading Systems.
    """
    state.gain = wilder_mean(state.gain, max(change, 0.0), count, period)
    state.loss = wilder_mean(state.loss, max(-change, 0.0), count, period)
    moved = state.gain + state.loss
    return 100.0 * state.gain / moved if moved > 0.0 else 50.0


@compiled
def macd(state: Fields, close: float, n: int) -> tuple[float, float]:
    """MACD line 12-26 and its signal line 9, in price units.

    Both means start at the same bar, the 26th, and the signal with the first nine lines.
    Source: Appel (2005), Technical Analysis: Power Tools for Active Investors.
    """
    if n > 26 - 12:
        state.macd_fast = ema(state.macd_fast, close, n - (26 - 12), 12)
    state.macd_slow = ema(state.macd_slow, close, n, 26)
    line = state.macd_fast - state.macd_slow
    if n >= 26:
        state.macd_signal = ema(state.macd_signal, line, n - 25, 9)
    return line, state.macd_signal


@compiled
def stochastic(state: Fields, close: float, extremes: Extremes, n: int) -> tuple[float, float]:
    """Slow stochastic %K and %D (14, 3, 3) in [0, 100]; 50 for a bar in a window without range.

    Source: Lane (1984), Lane's Stochastics.
    """
    spread = extremes.high_14 - extremes.low_14
    state.fast_k[n % 3] = 100.0 * (close - extremes.low_14) / spread if spread > 0.0 else 50.0
    slow_k = (state.fast_k[0] + state.fast_k[1] + state.fast_k[2]) / 3.0
    state.slow_k[n % 3] = slow_k
    return slow_k, (state.slow_k[0] + state.slow_k[1] + state.slow_k[2]) / 3.0


@compiled
def commodity_channel(rings: Fields, at: int) -> float:
    """Commodity channel index over 20 bars, its mean deviation floored.

    Source: Lambert (1980), Commodities 9(10).
    """
    last = rings.typical[at]
    offset = window_moments(rings.typical, at, 20)[0]
    even, odd = 0.0, 0.0
    for i in range(0, 20, 2):
        even += abs(rings.typical[at - i] - last - offset)
        odd += abs(rings.typical[at - i - 1] - last - offset)
    deviation = (even + odd) / 20.0
    return -offset / (0.015 * floored(deviation, rings.close[at]))


@compiled
def update(state: Fields, rings: Fields, now: Close, out: Fields) -> None:
    """Write the momentum features of one bar."""
    n, at, bar, returns = now.n, now.at, now.bar, now.returns
    last = rings.close[at - 1]
    change = bar.close - last if n > 1 else 0.0
    out.log_return_1 = np.log(bar.close / last)
    out.log_return_5 = np.log(bar.close / rings.close[at - 5])
    out.log_return_15 = np.log(bar.close / rings.close[at - 15])
    out.log_return_60 = np.log(bar.close / rings.close[at - 60])
    out.roc_10 = bar.close / rings.close[at - 10] - 1.0
    out.roc_20 = bar.close / rings.close[at - 20] - 1.0
    deviation = np.sqrt(returns.deviations_20 / 20.0)
    surprise = rings.log_return[at] - returns.mean_20
    out.return_zscore_20 = surprise / max(deviation, SCALE_FLOOR)

    spread = bar.high - bar.low
    out.close_location = (bar.close - bar.low) / spread if spread > 0.0 else 0.5
    out.body_ratio = (bar.close - bar.open) / spread if spread > 0.0 else 0.0

    out.rsi_7 = rsi(state.rsi_7, change, n - 1, 7)
    out.rsi_14 = rsi(state.rsi_14, change, n - 1, 14)
    line, signal = macd(state, bar.close, n)
    out.macd_line = line / bar.close
    out.macd_signal = signal / bar.close
    out.macd_histogram = (line - signal) / bar.close
    out.stochastic_k_14, out.stochastic_d_14 = stochastic(state, bar.close, now.extremes, n)
    out.cci_20 = commodity_channel(rings, at)
