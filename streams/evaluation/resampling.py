"""Intervals by resampling: the stationary bootstrap, which keeps runs of days together."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from streams.evaluation.interval import NORMAL, Interval
from streams.evaluation.metrics import Vector, finite

MIN_DAYS = 10  # fewer show no dependence between days
MIN_BLOCKS = 2  # fewer have no spread
MAX_UNDEFINED = 0.05  # with a larger share of undefined draws there is no interval


def stationary_bootstrap(
    size: int, block: float, generator: np.random.Generator
) -> NDArray[np.int64]:
    """Return the indices of one draw: blocks of geometric length, wrapped round, shape (size,).

    Args:
        size: Of the series.
        block: Mean length, 1 or more.
        generator: Seeded by the caller.

    Source: Politis and Romano (1994), JASA 89(428), 1303-1313.

    >>> stationary_bootstrap(5, 2.0, np.random.default_rng(0))
    array([4, 0, 1, 2, 3])
    """
    starts = generator.integers(size, size=size)
    fresh = generator.random(size) < 1.0 / block
    fresh[0] = True
    at = np.arange(size)
    since = np.maximum.accumulate(np.where(fresh, at, 0))
    return np.asarray((starts[since] + at - since) % size, dtype=np.int64)


def optimal_block_length(values: Vector) -> float | None:
    """Return the mean block length that fits the dependence in ``values``, 1 or more.

    None below 10 values or without spread. Lags count up to the first run of autocorrelations
    that are too small to tell from 0.
    Source: Politis and White (2004), Econometric Reviews 23(1); corrected by Patton, Politis and
    White (2009).
    """
    values = finite(values, "values")
    n = values.size
    if n < MIN_DAYS:
        return None
    centred = values - values.mean()
    variance = float(centred @ centred) / n
    if variance <= 0.0:
        return None
    reach = max(5, int(math.log10(n)))
    most = min(math.ceil(math.sqrt(n)) + reach, n - 1)
    covariance = np.array([centred[k:] @ centred[: n - k] for k in range(most + 1)]) / n
    small = np.abs(covariance[1:]) < 2.0 * math.sqrt(math.log10(n) / n) * variance
    window = min(2 * _quiet_from(small, reach), most)
    lag = np.arange(1, window + 1)
    taper = np.minimum(1.0, 2.0 * (1.0 - lag / window))
    spectrum = variance + 2.0 * float((taper * covariance[1 : window + 1]).sum())
    slope = 2.0 * float((taper * lag * covariance[1 : window + 1]).sum())
    if spectrum == 0.0:
        return None
    best = (slope / spectrum) ** 2
    longest = math.ceil(min(3.0 * math.sqrt(n), n / 3.0))
    return float(min(max((best * n) ** (1.0 / 3.0), 1.0), longest))


def _quiet_from(small: NDArray[np.bool_], reach: int) -> int:
    """Return the lag, from 1, at which the first ``reach`` small ones begin; else the last lag."""
    run = 0
    for i, is_small in enumerate(small):
        run = run + 1 if is_small else 0
        if run == reach:
            return i + 2 - reach
    return small.size


def bootstrap_interval(
    returns: Vector,
    statistic: Callable[[Vector], float | None],
    seed: int = 0,
    draws: int = 1000,
    level: float = 0.95,
) -> Interval | None:
    """Return the percentile interval of any statistic of daily returns.

    Args:
        returns: Shape (n,).
        statistic: A metric; for one of equity, compose it with ``equity_curve``.
        seed: The same seed gives the same interval.
        draws: Number of resampled series.
        level: Probability that it covers the true value.

    Few blocks give a wider one, by Student's t. Where values depend on those before it covers less:
    95 % of the mean of an AR(.3) covered 87 % at 60 values, 92 % at 250 and 94 % at 1,000.
    None without a block length, for fewer than two blocks, or where over 5 % of the draws have no
    value.
    """
    returns = finite(returns, "returns")
    block = optimal_block_length(returns)
    return _drawn(returns, lambda drawn: statistic(returns[drawn]), block, (seed, draws, level))


def ratio_interval(
    amounts: Vector,
    counts: Vector,
    seed: int = 0,
    draws: int = 1000,
    level: float = 0.95,
    *,
    least_block: float = 1.0,
) -> Interval | None:
    """Return the percentile interval of the mean of events; whole days are resampled.

    Args:
        amounts: Sum over the events of each day, shape (n,); of each bar as well.
        counts: Number of events of each day, shape (n,).
        seed: The same seed gives the same interval.
        draws: Number of resampled series.
        level: Probability that it covers the true value.
        least_block: Mean length of the blocks at least, where events are known to overlap.

    Events of one day stay together, and so do dependent days: a hundred overlapping events do not
    count as a hundred independent ones. None as in ``bootstrap_interval``.
    """
    amounts, counts = finite(amounts, "amounts"), finite(counts, "counts")
    if amounts.shape != counts.shape:
        raise ValueError(f"expected a count per amount, got {counts.size} and {amounts.size}")

    def mean(drawn: NDArray[np.int64]) -> float | None:
        events = float(counts[drawn].sum())
        return float(amounts[drawn].sum()) / events if events else None

    block = optimal_block_length(amounts)
    longer = None if block is None else max(block, least_block)
    return _drawn(amounts, mean, longer, (seed, draws, level))


def _drawn(
    series: Vector,
    statistic: Callable[[NDArray[np.int64]], float | None],
    block: float | None,
    drawing: tuple[int, int, float],
) -> Interval | None:
    """Return the interval of a statistic of resampled indices, by seed, draws and level."""
    if block is None or series.size < MIN_BLOCKS * block:
        return None
    seed, draws, level = drawing
    generator = np.random.default_rng(seed)
    indices = (stationary_bootstrap(series.size, block, generator) for _ in range(draws))
    values = [value for value in map(statistic, indices) if value is not None]
    if len(values) < (1.0 - MAX_UNDEFINED) * draws:
        return None
    tail = _tail(level, series.size / block)
    low, high = np.quantile(values, (tail, 1.0 - tail))
    return Interval(float(low), float(high), level)


def _tail(level: float, blocks: float) -> float:
    """Return the share of draws beyond either bound, for a number of blocks above 1.

    The draws of few blocks spread too little: as much as Student's t exceeds the normal.
    Source: Hesterberg (2015), The American Statistician 69(4), 371-386, expanded percentiles.
    """
    from scipy.special import stdtrit

    quantile = stdtrit(blocks - 1.0, 0.5 + level / 2.0)
    return NORMAL.cdf(-math.sqrt(blocks / (blocks - 1.0)) * quantile)
