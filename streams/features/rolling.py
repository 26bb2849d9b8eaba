"""Windows and recursions that every feature family shares, compiled.

A ring is a float64 array whose length is a power of two; bar number ``n`` (1 = the first bar
since the start or the last hole) sits at ``n & (length - 1)``. Windows up to 60 bars are summed
afresh at each bar, so no rounding accumulates and a constant window gives exact zeros; the longer
ones, of prices only, are kept as compensated sums.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Fields = Any  # a numpy record of the dtype that stands beside the function; numba types it

# Division by zero gives inf or nan as in numpy, and every caller that can meet one decides first.
# No fast-math: one bar at a time and in batch must give the same bits.
compiled = njit(error_model="numpy")

LONG = 256  # longest window over closes is 200
SHORT = 64  # longest other window is 60


class Ohlcv(NamedTuple):
    """One bar as the kernel sees it."""

    open: float
    high: float
    low: float
    close: float
    volume: float


# Everything here is a function of the last bars alone: ``refill`` rebuilds it from them.
RINGS = np.dtype(
    [
        ("close", "f8", (LONG,)),
        ("high", "f8", (SHORT,)),
        ("low", "f8", (SHORT,)),
        ("typical", "f8", (SHORT,)),
        ("volume", "f8", (SHORT,)),
        ("turnover", "f8", (SHORT,)),  # typical price times volume
        ("true_range", "f8", (SHORT,)),
        ("log_range", "f8", (SHORT,)),
        ("garman_klass", "f8", (SHORT,)),
        ("log_return", "f8", (SHORT,)),
        ("log_return_5", "f8", (SHORT,)),
        ("money_flow", "f8", (SHORT,)),  # volume signed by the change of the typical price
        ("accumulation", "f8", (SHORT,)),  # volume weighted by where in its range the bar closed
        ("balance", "f8", (SHORT,)),  # volume signed by the change of the close
    ],
)

GARMAN_KLASS = 2.0 * np.log(2.0) - 1.0


@compiled
def push(rings: Fields, n: int, bar: Ohlcv) -> None:
    """Write bar ``n`` and what follows from it and the bars before it into the rings."""
    now, before = n & (SHORT - 1), (n - 1) & (SHORT - 1)
    typical = (bar.high + bar.low + bar.close) / 3.0
    spread = bar.high - bar.low
    log_range = np.log(bar.high / bar.low)
    log_body = np.log(bar.close / bar.open)
    rings.close[n & (LONG - 1)] = bar.close
    rings.high[now] = bar.high
    rings.low[now] = bar.low
    rings.volume[now] = bar.volume
    rings.turnover[now] = typical * bar.volume
    rings.log_range[now] = log_range
    rings.garman_klass[now] = 0.5 * log_range**2 - GARMAN_KLASS * log_body**2
    location = ((bar.close - bar.low) - (bar.high - bar.close)) / spread if spread > 0.0 else 0.0
    rings.accumulation[now] = location * bar.volume
    if n > 1:
        last = rings.close[(n - 1) & (LONG - 1)]
        rings.true_range[now] = true_range(bar, last)
        rings.log_return[now] = np.log(bar.close / last)
        rings.money_flow[now] = typical * bar.volume * sign(typical - rings.typical[before])
        rings.balance[now] = bar.volume * sign(bar.close - last)
    if n > 5:
        rings.log_return_5[now] = np.log(bar.close / rings.close[(n - 5) & (LONG - 1)])
    rings.typical[now] = typical


@compiled
def sign(value: float) -> float:
    """Return +1, 0 or -1."""
    if value > 0.0:
        return 1.0
    return -1.0 if value < 0.0 else 0.0


@compiled
def true_range(bar: Ohlcv, last_close: float) -> float:
    """Return the range of the bar, widened to the close before it. Source: Wilder (1978)."""
    return max(bar.high, last_close) - min(bar.low, last_close)


@compiled
def ema(previous: float, value: float, count: int, span: int) -> float:
    """Advance an exponential mean that starts as the mean of its first ``span`` values.

    Args:
        previous: What the last call returned, 0 before the first.
        value: The new value.
        count: Which value this is, from 1; until ``span`` the result is only a running sum.
        span: Smoothing 2 / (span + 1).
    """
    if count < span:
        return previous + value
    if count == span:
        return (previous + value) / span
    return previous + (value - previous) * (2.0 / (span + 1.0))


@compiled
def wilder_mean(previous: float, value: float, count: int, period: int) -> float:
    """Advance Wilder's mean (smoothing 1 / period); arguments as in ``ema``."""
    if count < period:
        return previous + value
    if count == period:
        return (previous + value) / period
    return (previous * (period - 1.0) + value) / period


@compiled
def wilder_sum(previous: float, value: float, count: int, period: int) -> float:
    """Advance Wilder's decaying sum, plain for the first ``period - 1`` values."""
    if count < period:
        return previous + value
    return previous - previous / period + value


@compiled
def window_sum(ring: Floats, n: int, bars: int) -> float:
    """Return the sum of the last ``bars`` values (an even number)."""
    mask = ring.size - 1
    even, odd = 0.0, 0.0
    for i in range(0, bars, 2):
        even += ring[(n - i) & mask]
        odd += ring[(n - i - 1) & mask]
    return even + odd


SUM = np.dtype([("total", "f8"), ("lost", "f8")])


@compiled
def running_sum(state: Fields, new: float, old: float) -> float:
    """Add one value to a sum, take one away, and keep what rounding lost. Source: Neumaier (1974).

    Args:
        state: Record of dtype ``SUM``.
        new: The value that enters the window.
        old: The value that leaves it, 0 while it fills.
    """
    more = state.total + new
    virtual = more - state.total
    lost = (state.total - (more - virtual)) + (new - virtual)
    less = more - old
    virtual = less - more
    lost += (more - (less - virtual)) - (old + virtual)
    state.total = less
    state.lost += lost
    exact: float = state.total + state.lost
    return exact


@compiled
def window_squares(ring: Floats, n: int, bars: int) -> float:
    """Return the sum of squares of the last ``bars`` values (an even number)."""
    mask = ring.size - 1
    even, odd = 0.0, 0.0
    for i in range(0, bars, 2):
        even += ring[(n - i) & mask] ** 2
        odd += ring[(n - i - 1) & mask] ** 2
    return even + odd


@compiled
def window_moments(ring: Floats, n: int, bars: int) -> tuple[float, float]:
    """Return mean minus the last value, and the sum of squared deviations from the mean.

    Taken relative to the last value, so a constant window gives exact zeros and a high price
    level costs no digits.
    """
    mask = ring.size - 1
    last = ring[n & mask]
    total, squares = 0.0, 0.0
    for i in range(1, bars):
        deviation = ring[(n - i) & mask] - last
        total += deviation
        squares += deviation * deviation
    return total / bars, max(squares - total * total / bars, 0.0)


@compiled
def highest(ring: Floats, n: int, first: int, stop: int, known: float) -> float:
    """Return the maximum of ``known`` and the values ``first`` to ``stop - 1`` bars ago."""
    mask = ring.size - 1
    for i in range(first, stop):
        known = max(known, ring[(n - i) & mask])
    return known


@compiled
def lowest(ring: Floats, n: int, first: int, stop: int, known: float) -> float:
    """Return the minimum of ``known`` and the values ``first`` to ``stop - 1`` bars ago."""
    mask = ring.size - 1
    for i in range(first, stop):
        known = min(known, ring[(n - i) & mask])
    return known


class Extremes(NamedTuple):
    """Highest high and lowest low of the last 9, 14, 20, 26 and 52 bars, this one included."""

    high_9: float
    high_14: float
    high_20: float
    high_26: float
    high_52: float
    low_9: float
    low_14: float
    low_20: float
    low_26: float
    low_52: float


@compiled
def extremes(rings: Fields, n: int, bar: Ohlcv) -> Extremes:
    """Return all sliding extremes in one walk back over the rings."""
    high_9 = highest(rings.high, n, 1, 9, bar.high)
    high_14 = highest(rings.high, n, 9, 14, high_9)
    high_20 = highest(rings.high, n, 14, 20, high_14)
    high_26 = highest(rings.high, n, 20, 26, high_20)
    high_52 = highest(rings.high, n, 26, 52, high_26)
    low_9 = lowest(rings.low, n, 1, 9, bar.low)
    low_14 = lowest(rings.low, n, 9, 14, low_9)
    low_20 = lowest(rings.low, n, 14, 20, low_14)
    low_26 = lowest(rings.low, n, 20, 26, low_20)
    low_52 = lowest(rings.low, n, 26, 52, low_26)
    return Extremes(
        high_9, high_14, high_20, high_26, high_52, low_9, low_14, low_20, low_26, low_52
    )


class ReturnSums(NamedTuple):
    """Sums over the last 20 and 60 log returns."""

    offset_20: float  # mean minus the last return
    deviations_20: float  # squared deviations from the mean
    squares_20: float
    deviations_60: float
    squares_60: float
    falls_60: float  # squares of the negative ones
    lagged_60: float  # products with the return before


@compiled
def return_sums(ring: Floats, n: int) -> ReturnSums:
    """Return all sums over log returns in one walk back; deviations as in ``window_moments``."""
    last = ring[n & (SHORT - 1)]
    total, deviations, squares, falls, lagged = 0.0, 0.0, 0.0, 0.0, 0.0
    offset_20, deviations_20, squares_20 = 0.0, 0.0, 0.0
    value = last
    for i in range(60):
        before = ring[(n - i - 1) & (SHORT - 1)]
        deviation, square = value - last, value * value
        total += deviation
        deviations += deviation * deviation
        squares += square
        falls += square if value < 0.0 else 0.0
        lagged += value * before
        value = before
        if i == 19:
            offset_20, squares_20 = total / 20.0, squares
            deviations_20 = max(deviations - total * total / 20.0, 0.0)
    deviations_60 = max(deviations - total * total / 60.0, 0.0)
    return ReturnSums(offset_20, deviations_20, squares_20, deviations_60, squares, falls, lagged)


class Close(NamedTuple):
    """One bar close as every family sees it."""

    n: int
    bar: Ohlcv
    around: Extremes
    returns: ReturnSums
