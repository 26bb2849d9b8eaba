"""One bar close as every family sees it: number, prices, and sums that several families need."""

from __future__ import annotations

from typing import NamedTuple

from streams.features.rolling import Fields, Floats, Ohlcv, compiled, highest, lowest


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
    lagged_60: float  # the 59 products of neighbours


@compiled
def block_sums(ring: Floats, at: int, after: float) -> tuple[float, float, float, float]:
    """Return four sums over 20 log returns: plain, squared, squared falls, lagged products.

    ``after`` is the return after the newest of them; 0 leaves its product out.
    """
    total, squares, falls, lagged = 0.0, 0.0, 0.0, 0.0
    for i in range(20):
        value = ring[at - i]
        total += value
        squares += value * value
        falls += min(value, 0.0) * value
        lagged += value * after
        after = value
    return total, squares, falls, lagged


@compiled
def return_sums(ring: Floats, at: int) -> ReturnSums:
    """Return all sums over log returns, in blocks of 20."""
    total, squares, falls, lagged = block_sums(ring, at, 0.0)
    middle_total, middle_squares, middle_falls, middle_lagged = block_sums(
        ring, at - 20, ring[at - 19]
    )
    first_total, first_squares, first_falls, first_lagged = block_sums(ring, at - 40, ring[at - 39])
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
    extremes: Extremes
    returns: ReturnSums
