"""Recursions that the feature families share: exponential and Wilder means, running sums."""

from __future__ import annotations

import numpy as np

from streams.features.rolling import Fields, compiled

SUM = np.dtype([("total", "f8"), ("lost", "f8")])


@compiled
def running_sum(state: Fields, new: float, old: float) -> float:
    """Add one value to a compensated sum and subtract another. Source: Neumaier (1974).

    Args:
        state: Record of dtype ``SUM``.
        new: The value that enters the window.
        old: The value that leaves it; 0 while the window fills.
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
def ema(previous: float, value: float, count: int, span: int) -> float:
    """Advance an exponential mean that starts as the mean of its first ``span`` values.

    Args:
        previous: The result of the last call; 0 before the first.
        value: The new value.
        count: Number of this value, from 1; up to ``span`` the result is the plain mean.
        span: Smoothing 2 / (span + 1).

    Equal values give exactly themselves.
    """
    if count <= span:
        return previous + (value - previous) / count
    return previous + (value - previous) * (2.0 / (span + 1.0))


@compiled
def wilder_mean(previous: float, value: float, count: int, period: int) -> float:
    """Advance Wilder's mean (smoothing 1 / period); before ``period`` values it is their sum."""
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
