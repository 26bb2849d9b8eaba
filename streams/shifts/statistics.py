"""PSI and KS over deciles, e-values against windows of the past, and e-BH over features."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

BINS = 10
FLOOR = 1e-4  # of a share, so that an empty bin stays finite
STEEPNESS = 6.0  # of the weight exp(6 value / quantile)
LARGEST_EXPONENT = 60.0
FALSE_SHARE = 0.1  # of the features that are named


def bin_numbers(rows: Array, edges: Array) -> Array:
    """Return the bin of each value, 0 to 9: how many edges lie below it.

    Args:
        rows: Shape (..., F).
        edges: Ascending, shape (F, 9).
    """
    return np.asarray((rows[..., None] > edges).sum(axis=-1))


def bin_counts(numbers: Array) -> Array:
    """Return how many rows lie in each bin, shape (F, 10), of bin numbers of shape (N, F)."""
    features = numbers.shape[1]
    flat = (numbers + np.arange(features) * BINS).ravel()
    return np.bincount(flat, minlength=features * BINS).reshape(features, BINS)


def shares(counts: Array) -> Array:
    """Return counts as shares of their row."""
    return np.asarray(counts / counts.sum(axis=1, keepdims=True))


def stability_index(actual: Array, expected: Array) -> Array:
    """Return the population stability index of each row of shares, 0 or more, shape (F,)."""
    actual, expected = np.maximum(actual, FLOOR), np.maximum(expected, FLOOR)
    return np.asarray(((actual - expected) * np.log(actual / expected)).sum(axis=1))


def ks_distance(actual: Array, expected: Array) -> Array:
    """Return the Kolmogorov-Smirnov distance of each row of shares, at the deciles, in [0, 1]."""
    gap = np.cumsum(actual, axis=1) - np.cumsum(expected, axis=1)
    return np.asarray(np.abs(gap).max(axis=1))


def exponents(values: Array, scale: Array) -> Array:
    """Return the exponent of the weight of each value; a scale of 0 is of a constant feature."""
    ratio = values / np.maximum(scale, 1e-9)
    return np.asarray(np.minimum(STEEPNESS * ratio, LARGEST_EXPONENT))


def e_values(values: Array, scale: Array, log_sum: Array, draws: int) -> Array:
    """Return the evidence that a value is not one of those of the past: 1 is none.

    The soft rank: (B + 1) w / (w + sum of the past w). Its mean is 1 where the value and the B of
    the past can be exchanged (Ren and Barber, 2024, "Derandomised knockoffs", section 4).
    """
    odds = np.exp(log_sum - exponents(values, scale))
    return np.asarray((draws + 1.0) / (1.0 + odds))


def e_bh(evidence: Sequence[float], false_share: float = FALSE_SHARE) -> list[bool]:
    """Return which hypotheses are rejected, a share of which is false on average at most.

    The k largest, for the largest k with k e >= m / false_share, whatever the dependence (Wang and
    Ramdas, 2022, JRSS B 84(3), "False discovery rate control with e-values").
    """
    order = sorted(range(len(evidence)), key=lambda i: -evidence[i])
    needed = len(evidence) / false_share
    most = max((k for k, i in enumerate(order, start=1) if k * evidence[i] >= needed), default=0)
    rejected = set(order[:most])
    return [i in rejected for i in range(len(evidence))]


def null_of_past(values: Array) -> tuple[Array, Array]:
    """Return the 95 % quantile and the log of the sum of weights of each feature, shapes (F,)."""
    scale = np.quantile(values, 0.95, axis=0)
    weights = exponents(values, scale)
    highest = weights.max(axis=0)
    return scale, highest + np.log(np.exp(weights - highest).sum(axis=0))


def packed(values: Array) -> bytes:
    """Return numbers as they stand in a reference."""
    return np.ascontiguousarray(values, dtype="<f4").tobytes()


def unpacked(raw: bytes, columns: int) -> Array:
    """Return the numbers of a reference, shape (F, columns)."""
    return np.frombuffer(raw, dtype="<f4").reshape(-1, columns)


def finite(value: float) -> float:
    """Return a number short enough for a record."""
    return round(value, 6) if math.isfinite(value) else 0.0
