"""Means of rows that depend on each other within a block of time: their errors by block."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from streams.evaluation.resampling import ratio_interval
from workers.training.dataset import Array, Rows


def time_blocks(times: Rows, block_ms: int) -> Rows:
    """Return the number of each row's block of time, from 0 without gaps, shape (N,)."""
    if len(times) == 0:
        return np.empty(0, np.int64)
    numbers = np.unique((times - times.min()) // block_ms, return_inverse=True)[1]
    return np.asarray(numbers, dtype=np.int64)


def mean_interval(
    values: Array,
    times: Rows,
    block_ms: int,
    seed: int,
    level: float,
    *,
    weights: Array | None = None,
) -> tuple[float, float] | None:
    """Return the interval of the mean of values by row; None for too few blocks of time.

    Args:
        values: Shape (N,); weighted already where there are weights.
        times: Close of each row's bar, ms, shape (N,).
        block_ms: Length of the blocks whose sums are resampled, with all symbols.
        seed: Of the resampling.
        level: Probability that it covers the true mean.
        weights: Of the rows; None: all alike.
    """
    blocks = time_blocks(times, block_ms)
    sums = np.bincount(blocks, values).astype(np.float64)
    counts = np.bincount(blocks, weights).astype(np.float64)
    interval = ratio_interval(sums, counts, seed, level=level)
    return None if interval is None else (interval.low, interval.high)


@dataclass(frozen=True)
class SumsByBlock:
    """Sums of values by block and group, shape (blocks, groups), and how many rows they hold."""

    sums: Array
    counts: Array

    @classmethod
    def of(cls, values: Array, groups: Rows, blocks: Rows, group_count: int) -> SumsByBlock:
        """Add up values, shape (N,), by their group and their block of time."""
        shape = (int(blocks.max()) + 1 if len(blocks) else 0, group_count)
        place, size = blocks * group_count + groups, shape[0] * group_count
        return cls(
            np.bincount(place, values, minlength=size).astype(np.float64).reshape(shape),
            np.bincount(place, minlength=size).astype(np.float64).reshape(shape),
        )

    def means(self, draws: Array | None = None) -> GroupMeans:
        """Return the mean of each group and its variance between blocks (Liang, Zeger, 1986).

        Args:
            draws: How often each draw of a bootstrap holds each block, shape (draws, blocks);
                without it every block counts once.

        Returns: columns are groups, one row for each draw; a group without rows has mean 0.
        """
        weights = np.ones((1, len(self.sums))) if draws is None else draws
        rows = weights @ self.counts
        safe = np.maximum(rows, 1.0)
        mean = weights @ self.sums / safe
        squares = weights @ self.counts**2
        spread = (
            weights @ self.sums**2
            - 2.0 * mean * (weights @ (self.sums * self.counts))
            + mean**2 * squares
        )
        # As many blocks of equal size would say as much; fewer than two say nothing of a spread.
        effective = np.maximum(rows**2 / np.maximum(squares, 1.0), 2.0)
        variance = np.maximum(spread, 0.0) / safe**2 * effective / (effective - 1.0)
        return GroupMeans(mean, variance, effective, rows)


@dataclass(frozen=True)
class GroupMeans:
    """Means of groups, shape (draws, groups); ``effective`` blocks are 2 or more."""

    mean: Array
    variance: Array
    effective: Array
    rows: Array
