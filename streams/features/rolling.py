"""Rings of the last bars and windows over them, compiled; every feature family uses them.

Bar number ``n`` counts from 1 at the start or the last long hole; a short hole leaves no place in
a ring: its neighbours lie side by side. A ring stores the last 64 values
twice, so that every window is one stretch of memory: the newest value is at ``newest(n)``, the one
``i`` bars ago at ``newest(n) - i``. Every window is summed afresh at each bar: no rounding error
gathers, and a constant window gives exact zeros. Only the sums over 50 and 200 closes run on,
compensated.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Fields = Any  # a numpy record of the dtype that stands beside the function; numba types it

# Division by zero gives inf or nan as in numpy; callers test the divisor first. No fast-math: bar
# by bar and in batch must give the same bits. Inlined, because a call would pass every ring that
# it reads as seven words.
compiled = njit(error_model="numpy", forceinline=True)

RING = 64  # the longest window is 60 bars, and some read one bar more
LONG = 256  # the longest running sum is over 200 closes

# What a feature divides by must not decay to rounding noise. A volatility counts as no less than
# this share of the price, a tenth of a basis point, which no market's costs come down to. So the
# ratios of a market that stands still fade to their value without movement.
SCALE_FLOOR = 1e-5
ROUNDING = 1e-12  # averages closer than this share of the price are equal


class Ohlcv(NamedTuple):
    """One bar as the kernel sees it."""

    open: float
    high: float
    low: float
    close: float
    volume: float


# A function of the last bars alone: ``refill`` rebuilds it from them.
RINGS = np.dtype(
    [
        ("past_close", "f8", (LONG,)),  # once, at n & 255
        ("missing", "i8", (LONG,)),  # bars missing before the bar at n & 255
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
    """Return the place of bar ``n`` in a ring; the bars before it lie to the left."""
    return (n & (RING - 1)) + RING


@compiled
def put(ring: Floats, at: int, value: float) -> None:
    """Write the newest value to both its places."""
    ring[at] = value
    ring[at - RING] = value


@compiled
def push(rings: Fields, n: int, bar: Ohlcv) -> None:
    """Write bar ``n``, and the values derived from it and the bars before, into the rings."""
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
def floored(scale: float, price: float) -> float:
    """Return a volatility in price units, at least ``SCALE_FLOOR`` of the price."""
    return max(scale, SCALE_FLOOR * price)


@compiled
def true_range(bar: Ohlcv, last_close: float) -> float:
    """Return the range of the bar, widened to the close before it. Source: Wilder (1978)."""
    return max(bar.high, last_close) - min(bar.low, last_close)


# Four independent sums: additions of one sum wait for each other. Fixed order, fixed bits.
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

    Both are taken relative to the last value: a constant window gives exact zeros, and a high
    price level costs no digits.
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


@compiled
def highest(ring: Floats, at: int, first: int, stop: int) -> float:
    """Return the maximum of the values ``first`` to ``stop - 1`` bars ago."""
    peak: float = ring[at - first]
    for i in range(first + 1, stop):
        peak = max(peak, ring[at - i])
    return peak


@compiled
def lowest(ring: Floats, at: int, first: int, stop: int) -> float:
    """Return the minimum of the values ``first`` to ``stop - 1`` bars ago."""
    trough: float = ring[at - first]
    for i in range(first + 1, stop):
        trough = min(trough, ring[at - i])
    return trough
