"""Every way to halve a matrix of returns: the best trial of one half, its rank in the other.

A half is a set of blocks of days. Sums of returns and of squares are tabled once for every subset
of four blocks, so a half of sixteen blocks costs four look-ups per trial.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

GROUP = 4  # blocks whose subsets are tabled together: 16 subsets
SUBSETS = 1 << GROUP


def halves_and_ranks(returns: Matrix, blocks: int) -> Matrix:
    """Return rank out of sample, Sharpe in and out of sample (per day) of each combination's best.

    Args:
        returns: Days x trials, at least 2 x ``blocks`` days and 2 trials.
        blocks: Even; consecutive days, divided as evenly as possible.

    Returns: shape (3, combinations), NaN where no trial moves in sample. Rank 1 is the worst.
    Raises: ValueError for a return that is not finite.
    """
    sums, squares, days = _block_sums(returns, blocks)
    masks = np.array(
        [sum(1 << b for b in half) for half in combinations(range(blocks), blocks // 2)],
        dtype=np.int64,
    )
    chosen = np.empty((3, masks.size))
    _rank_all(_subset_sums(sums), _subset_sums(squares), days, masks, chosen)
    return chosen


def _block_sums(returns: Matrix, blocks: int) -> tuple[Matrix, Matrix, Vector]:
    """Return sums and sums of squares, both (blocks, trials), and the days of each block."""
    edges = np.linspace(0, returns.shape[0], blocks + 1).astype(np.int64)
    sums = np.empty((blocks, returns.shape[1]))
    squares = np.empty_like(sums)
    for b in range(blocks):
        block = np.asarray(returns[edges[b] : edges[b + 1]], dtype=np.float64)
        sums[b] = block.sum(axis=0)
        squares[b] = np.einsum("dt,dt->t", block, block)
    bad = ~np.isfinite(squares).all(axis=0)
    if bad.any():
        raise ValueError(f"expected finite returns, trial {int(np.argmax(bad))} has others")
    return sums, squares, np.diff(edges).astype(np.float64)


def _subset_sums(values: Matrix) -> NDArray[np.float64]:
    """Return the sum of every subset of each four rows, shape (groups, 16, trials)."""
    groups = -(-values.shape[0] // GROUP)
    table = np.zeros((groups, SUBSETS, values.shape[1]))
    for b, row in enumerate(values):
        group, bit = divmod(b, GROUP)
        for subset in range(1 << bit):
            table[group, subset | (1 << bit)] = table[group, subset] + row
    return table


@njit(cache=True, error_model="numpy")
def _rank_all(
    sums: NDArray[np.float64],
    squares: NDArray[np.float64],
    days: Vector,
    masks: NDArray[np.int64],
    chosen: Matrix,
) -> None:
    """Fill ``chosen``; the complement of combination i is combination count - 1 - i."""
    count, trials, blocks = masks.size, sums.shape[2], days.size
    one, other = np.empty(trials), np.empty(trials)
    full = (1 << blocks) - 1
    for i in range(count // 2):
        _sharpes(sums, squares, days, masks[i], one)
        _sharpes(sums, squares, days, full ^ masks[i], other)
        _rank(one, other, chosen[:, i])
        _rank(other, one, chosen[:, count - 1 - i])


@njit(cache=True, error_model="numpy")
def _sharpes(
    sums: NDArray[np.float64],
    squares: NDArray[np.float64],
    days: Vector,
    mask: int,
    out: Vector,
) -> None:
    """Write the Sharpe ratio per day of every trial over the blocks of ``mask``; NaN if none."""
    n = 0.0
    for b in range(days.size):
        if mask >> b & 1:
            n += days[b]
    for t in range(out.size):
        total, square = 0.0, 0.0
        for g in range(sums.shape[0]):
            subset = mask >> (GROUP * g) & (SUBSETS - 1)
            total += sums[g, subset, t]
            square += squares[g, subset, t]
        spread = square - total * total / n
        # Rounding leaves up to a millionth of the root mean square of a constant.
        flat = spread <= 1e-12 * square
        out[t] = np.nan if flat else total / n / np.sqrt(spread / (n - 1.0))


@njit(cache=True, error_model="numpy")
def _rank(inside: Vector, outside: Vector, chosen: Vector) -> None:
    """Write the mean rank of the best of ``inside`` among ``outside``, and its two Sharpes."""
    best = -1
    for t in range(inside.size):
        if not np.isnan(inside[t]) and (best < 0 or inside[t] > inside[best]):
            best = t
    if best < 0:
        chosen[:] = np.nan
        return
    mine = 0.0 if np.isnan(outside[best]) else outside[best]
    below, equal = 0, 0
    for t in range(outside.size):
        value = 0.0 if np.isnan(outside[t]) else outside[t]
        below += value < mine
        equal += value == mine
    chosen[0] = below + (equal + 1) / 2.0
    chosen[1] = inside[best]
    chosen[2] = mine
