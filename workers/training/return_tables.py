"""Fits what an idea earns by its score, with bounds that hold at all scores together.

Of the mean it is assumed that it rises with the score, and nothing else: the band is that of a
monotone function (Dümbgen, 2003; Yang, Barber, 2019). Whoever acts only where the lower bound is
high picks lucky scores. Bounds that hold at all scores together hold at those as well.
"""

from __future__ import annotations

import math

import numpy as np

from workers.models.calibration import ReturnTable
from workers.training.blocks import GroupMeans, SumsByBlock
from workers.training.calibration_evidence import FEWEST_BLOCKS
from workers.training.dataset import Array, Rows

MOST_CELLS = 50
MORE_CELLS = 1.1
MOST_STEP = 0.56  # from one cell to the next, of the width of the band
LEVEL = 0.9
DRAWS = 1_000
SEED = 7
DIGITS = 9


def return_table(score: Array, earned: Array, blocks: Rows) -> ReturnTable | None:
    """Return the mean of what ideas earned by their score, with 90 % bounds of that mean.

    The bounds are of the mean result of ideas at such a score, not of the result of one. They rest
    on the means of all runs of neighbouring cells: what a run earned bounds the cells above it from
    below, and those under it from above. The mean of the isotonic fit is shrunk to zero by the
    share of its square that its error explains (James, Stein, 1961). Where no rising function fits,
    the table has one step for all scores.

    Args:
        score: The higher, the more is expected, shape (N,).
        earned: Fractions of notional, NaN where unknown, shape (N,).
        blocks: Number of each row's block of time, from 0, shape (N,).

    Returns: None for fewer than ten blocks of time with a known row.
    """
    known = ~np.isnan(earned)
    score, earned, blocks = score[known], earned[known], blocks[known]
    independent = len(np.unique(blocks))
    if independent < FEWEST_BLOCKS:
        return None
    return _fitted(score, earned, blocks, cell_count(independent))


def _fitted(score: Array, earned: Array, blocks: Rows, wanted: int) -> ReturnTable:
    edges = np.unique(np.quantile(score, np.arange(1, wanted) / wanted, method="higher"))
    edges = edges[edges > score.min()]  # so that no cell is empty
    count = len(edges) + 1
    cells = SumsByBlock.of(earned, np.searchsorted(edges, score, side="right"), blocks, count)
    runs = _runs(cells)
    means = runs.means()
    low, high = _monotone_band(means, _reach(runs, means), count)
    if (low > high).any():
        return _fitted(np.zeros(len(score)), earned, blocks, 1)
    fit = np.clip(_shrunk_fit(means, count), low, high)
    # Within a cell the truth differs by about a step: a strong edge needs more and finer ones.
    if (fit[-1] - fit[0]) / count > MOST_STEP * (high - low).mean() and wanted < MOST_CELLS:
        finer = min(math.ceil(MORE_CELLS * wanted), MOST_CELLS)
        return _fitted(score, earned, blocks, finer)
    return _table(edges, np.stack((low, fit, high)))


def cell_count(blocks: int) -> int:
    """Return into how many cells of equally many rows the scores are split at first.

    With the cube root, as of a histogram, what differs within a cell shrinks with its error.
    """
    return min(round(3.0 * math.cbrt(blocks)), MOST_CELLS)


def _runs(cells: SumsByBlock) -> SumsByBlock:
    """Return the sums of all runs of neighbouring cells, a column each, as ``triu_indices``."""
    first, last = np.triu_indices(cells.sums.shape[1])

    def add_up(columns: Array) -> Array:
        total = np.pad(columns.cumsum(axis=1), ((0, 0), (1, 0)))
        return np.asarray(total[:, last + 1] - total[:, first])

    return SumsByBlock(add_up(cells.sums), add_up(cells.counts))


def _reach(runs: SumsByBlock, means: GroupMeans) -> Array:
    """Return how far each mean may be from the truth, so that all together hold at the level.

    The largest studentised error of all runs is drawn by a Gaussian weight for each block
    (Chernozhukov, Chetverikov, Kato, 2013); Student's t allows for few blocks in a run.
    """
    from scipy.special import ndtr, stdtrit

    errors = runs.sums - means.mean * runs.counts
    errors /= np.maximum(np.sqrt((errors**2).sum(axis=0)), np.finfo(float).tiny)
    drawn = np.random.default_rng(SEED).normal(size=(DRAWS, len(errors))) @ errors
    largest = np.quantile(np.abs(drawn).max(axis=1), LEVEL)
    within = stdtrit(means.effective[0] - 1.0, ndtr(largest))
    return np.asarray(within * np.sqrt(means.variance[0]))


def _monotone_band(means: GroupMeans, reach: Array, count: int) -> tuple[Array, Array]:
    """Return the bounds of each cell: the best of the runs that end, or begin, before it."""
    first, last = np.triu_indices(count)
    low, high = np.full(count, -np.inf), np.full(count, np.inf)
    np.maximum.at(low, last, means.mean[0] - reach)
    np.minimum.at(high, first, means.mean[0] + reach)
    return np.maximum.accumulate(low), np.minimum.accumulate(high[::-1])[::-1]


def _shrunk_fit(means: GroupMeans, count: int) -> Array:
    """Return the isotonic fit at each cell, each of its pools shrunk by its own error."""
    from scipy.optimize import isotonic_regression

    run_of = np.empty((count, count), np.int64)
    run_of[np.triu_indices(count)] = np.arange(len(means.mean[0]))
    single = run_of.diagonal()
    pools = isotonic_regression(means.mean[0][single], weights=means.rows[0][single]).blocks
    pooled = run_of[pools[:-1], pools[1:] - 1]
    fit, error = means.mean[0][pooled], means.variance[0][pooled]
    kept = np.maximum(1.0 - error / np.maximum(fit**2, np.finfo(float).tiny), 0.0)
    rising = isotonic_regression(fit * kept, weights=means.rows[0][pooled]).x
    return np.repeat(rising, np.diff(pools))


def _table(edges: Array, columns: Array) -> ReturnTable:
    """Return low, mean and high by cell, shape (3, cells), as steps that differ."""
    columns = columns.round(DIGITS) + 0.0
    starts = np.flatnonzero((np.diff(columns) != 0.0).any(axis=0))
    low, mean, high = columns[:, np.concatenate(([0], starts + 1))].tolist()
    return ReturnTable(
        edges=tuple(edges[starts].tolist()), low=tuple(low), mean=tuple(mean), high=tuple(high)
    )
