"""Windows and recursions that every feature family shares, compiled.

Bar number ``n`` counts from 1 at the start or the last hole. A ring keeps the last 64 values twice
over, so that every window is one stretch of memory: the newest value is at ``newest(n)``, the one
``i`` bars ago at ``newest(n) - i``. Windows up to 60 bars are summed
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
# No fast-math: one bar at a time and in batch must give the same bits. Inlined, because each call
# would pass every ring it reads as seven words.
compiled = njit(error_model="numpy", forceinline=True)

RING = 64  # longest window is 60, and some look one bar further back
LONG = 256  # longest running sum is over 200 closes


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
        ("past_close", "f8", (LONG,)),  # once, at n & 255
        ("close", "f8", (2 * RING,)),
        ("high", "f8", (2 * RING,)),
        ("low", "f8", (2 * RING,)),
        ("typical", "f8", (2 * RING,)),
        ("volume", "f8", (2 * RING,)),
        ("turnover", "f8", (2 * RING,)),  # typical price times volume
        ("true_range", "f8", (2 * RING,)),
        ("log_range", "f8", (2 * RING,)),
        ("garman_klass", "f8", (2 * RING,)),
        ("log_return", "f8", (2 * RING,)),
        ("log_return_5", "f8", (2 * RING,)),
        ("money_flow", "f8", (2 * RING,)),  # volume signed by the change of the typical price
        ("accumulation", "f8", (2 * RING,)),  # volume weighted by where in its range the bar closed
        ("balance", "f8", (2 * RING,)),  # volume signed by the change of the close
    ],
)

LN_2 = float(np.log(2.0))
GARMAN_KLASS = 2.0 * LN_2 - 1.0


@compiled
def newest(n: int) -> int:
    """Return where a ring keeps the value of bar ``n``, all bars before it lying to the left."""
    return (n & (RING - 1)) + RING


@compiled
def put(ring: Floats, at: int, value: float) -> None:
    """Write the newest value to both its places."""
    ring[at] = value
    ring[at - RING] = value


@compiled
def push(rings: Fields, n: int, bar: Ohlcv) -> None:
    """Write bar ``n`` and what follows from it and the bars before it into the rings."""
    at = newest(n)
    typical = (bar.high + bar.low + bar.close) / 3.0
    spread = bar.high - bar.low
    log_range = np.log(bar.high / bar.low)
    log_body = np.log(bar.close / bar.open)
    last, last_typical = rings.close[at - 1], rings.typical[at - 1]
    rings.past_close[n & (LONG - 1)] = bar.close
    put(rings.close, at, bar.close)
    put(rings.high, at, bar.high)
    put(rings.low, at, bar.low)
    put(rings.typical, at, typical)
    put(rings.volume, at, bar.volume)
    put(rings.turnover, at, typical * bar.volume)
    put(rings.log_range, at, log_range)
    put(rings.garman_klass, at, 0.5 * log_range**2 - GARMAN_KLASS * log_body**2)
    location = ((bar.close - bar.low) - (bar.high - bar.close)) / spread if spread > 0.0 else 0.0
    put(rings.accumulation, at, location * bar.volume)
    if n > 1:
        put(rings.true_range, at, true_range(bar, last))
        put(rings.log_return, at, np.log(bar.close / last))
        put(rings.money_flow, at, typical * bar.volume * sign(typical - last_typical))
        put(rings.balance, at, bar.volume * sign(bar.close - last))
    if n > 5:
        put(rings.log_return_5, at, np.log(bar.close / rings.close[at - 5]))


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


# Additions of one chain wait for each other; four chains do not. Fixed order, fixed bits.
@compiled
def window_sum(ring: Floats, at: int, bars: int) -> float:
    """Return the sum of the last ``bars`` values, a multiple of 4."""
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    for i in range(0, bars, 4):
        a += ring[at - i]
        b += ring[at - i - 1]
        c += ring[at - i - 2]
        d += ring[at - i - 3]
    return (a + b) + (c + d)


@compiled
def window_squares(ring: Floats, at: int, bars: int) -> float:
    """Return the sum of squares of the last ``bars`` values, a multiple of 4."""
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    for i in range(0, bars, 4):
        a += ring[at - i] ** 2
        b += ring[at - i - 1] ** 2
        c += ring[at - i - 2] ** 2
        d += ring[at - i - 3] ** 2
    return (a + b) + (c + d)


@compiled
def window_moments(ring: Floats, at: int, bars: int) -> tuple[float, float]:
    """Return mean minus the last value, and the squared deviations from the mean, of even bars.

    Taken relative to the last value, so a constant window gives exact zeros and a high price
    level costs no digits.
    """
    last = ring[at]
    total_a, total_b, squares_a, squares_b = 0.0, 0.0, 0.0, 0.0
    for i in range(0, bars, 2):
        a, b = ring[at - i] - last, ring[at - i - 1] - last
        total_a += a
        total_b += b
        squares_a += a * a
        squares_b += b * b
    total, squares = total_a + total_b, squares_a + squares_b
    return total / bars, max(squares - total * total / bars, 0.0)


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
def highest(ring: Floats, at: int, first: int, stop: int) -> float:
    """Return the maximum of the values ``first`` to ``stop - 1`` bars ago."""
    known: float = ring[at - first]
    for i in range(first + 1, stop):
        known = max(known, ring[at - i])
    return known


@compiled
def lowest(ring: Floats, at: int, first: int, stop: int) -> float:
    """Return the minimum of the values ``first`` to ``stop - 1`` bars ago."""
    known: float = ring[at - first]
    for i in range(first + 1, stop):
        known = min(known, ring[at - i])
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
def extremes(rings: Fields, at: int) -> Extremes:
    """Return all sliding extremes in one walk back over the rings."""
    high_9 = highest(rings.high, at, 0, 9)
    high_14 = max(high_9, highest(rings.high, at, 9, 14))
    high_20 = max(high_14, highest(rings.high, at, 14, 20))
    high_26 = max(high_20, highest(rings.high, at, 20, 26))
    older = max(highest(rings.high, at, 26, 39), highest(rings.high, at, 39, 52))
    high_52 = max(high_26, older)
    low_9 = lowest(rings.low, at, 0, 9)
    low_14 = min(low_9, lowest(rings.low, at, 9, 14))
    low_20 = min(low_14, lowest(rings.low, at, 14, 20))
    low_26 = min(low_20, lowest(rings.low, at, 20, 26))
    older = min(lowest(rings.low, at, 26, 39), lowest(rings.low, at, 39, 52))
    low_52 = min(low_26, older)
    return Extremes(
        high_9, high_14, high_20, high_26, high_52, low_9, low_14, low_20, low_26, low_52
    )


class ReturnSums(NamedTuple):
    """Sums over the last 20 and 60 log returns."""

    mean_20: float
    deviations_20: float  # squared deviations from the mean
    squares_20: float
    deviations_60: float
    squares_60: float
    falls_60: float  # squares of the negative ones
    lagged_60: float  # products with the return before


@compiled
def block_sums(ring: Floats, at: int) -> tuple[float, float, float, float]:
    """Return sum, squares, squares of the negative and lagged products of 20 log returns."""
    total, squares, falls, lagged = 0.0, 0.0, 0.0, 0.0
    for i in range(20):
        value, before = ring[at - i], ring[at - i - 1]
        total += value
        squares += value * value
        falls += min(value, 0.0) * value
        lagged += value * before
    return total, squares, falls, lagged


@compiled
def return_sums(ring: Floats, at: int) -> ReturnSums:
    """Return all sums over log returns, in blocks of 20."""
    total, squares, falls, lagged = block_sums(ring, at)
    middle_total, middle_squares, middle_falls, middle_lagged = block_sums(ring, at - 20)
    first_total, first_squares, first_falls, first_lagged = block_sums(ring, at - 40)
    total_60 = total + middle_total + first_total
    squares_60 = squares + middle_squares + first_squares
    return ReturnSums(
        total / 20.0,
        max(squares - total * total / 20.0, 0.0),
        squares,
        max(squares_60 - total_60 * total_60 / 60.0, 0.0),
        squares_60,
        falls + middle_falls + first_falls,
        lagged + middle_lagged + first_lagged,
    )


class Close(NamedTuple):
    """One bar close as every family sees it."""

    n: int
    at: int  # newest(n)
    bar: Ohlcv
    around: Extremes
    returns: ReturnSums
