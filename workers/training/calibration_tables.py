"""Fits the tables that stand beside a prediction, on scores of folds that had not seen them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workers.models.calibration import CalibrationTables, ProbabilityTable
from workers.training.blocks import time_blocks
from workers.training.dataset import Array
from workers.training.fit import TooFewRows
from workers.training.labels import BUY, NEUTRAL, SELL
from workers.training.metrics import StitchedRows
from workers.training.return_tables import return_table

CLASSES = (("sell", SELL), ("neutral", NEUTRAL), ("buy", BUY))
CELLS = 200  # of equal width; a score is known to half a percentage point
EDGES = np.arange(1, CELLS) / CELLS
DIGITS = 6  # of a probability, so that equal steps are one


class MissingClass(TooFewRows):
    """A class never came true, so nothing is known of its probability."""


def fit_tables(
    test: StitchedRows, earned: Array, horizon_bars: int, block_ms: int
) -> CalibrationTables:
    """Return the tables of stitched test blocks.

    Args:
        test: Calibrated probabilities of rows that no member was trained on, and what came true.
        earned: By a long and a short idea of each row, NaN where unknown, shape (N, 2).
        horizon_bars: Bars over which rows share an outcome.
        block_ms: Length of the blocks of time that count as independent.

    Raises:
        MissingClass: One of the three never came true.
    """
    counts = np.bincount(test.classes, minlength=3).tolist()
    if missing := [name for name, which in CLASSES if counts[which] == 0]:
        raise MissingClass(
            f"none of {len(test.classes)} test rows came out as {' or '.join(missing)}, expected "
            "each of sell, neutral and buy: a longer history or a livelier market is needed"
        )
    # Rows of one time and of one horizon share their outcome, whatever their symbol.
    overlap = horizon_bars * len(test.times) / len(np.unique(test.times))
    sell, neutral, buy = (
        venn_abers_table(test.probabilities[:, which], test.classes == which, overlap)
        for _, which in CLASSES
    )
    lean = test.probabilities[:, BUY] - test.probabilities[:, SELL]
    blocks = time_blocks(test.times, block_ms)
    return CalibrationTables(
        sell=sell,
        neutral=neutral,
        buy=buy,
        returns=return_table(lean, earned[:, 0], blocks),
        short_returns=return_table(-lean, earned[:, 1], blocks),
    )


def venn_abers_table(
    scores: Array, hits: NDArray[np.bool_], overlap: float = 1.0
) -> ProbabilityTable:
    """Return the inductive Venn-Abers bounds of every score (Vovk, Petej, 2014).

    For each score the isotonic fit is made twice, with a new row of that score that misses, then
    hits; its two values there are the bounds. Scores count by cells of half a point.

    Args:
        scores: Of rows that no model was trained on, in [0, 1], shape (N,).
        hits: Whether they came true, shape (N,).
        overlap: Rows that share one outcome; each counts as 1 / overlap, the new one as 1.

    Raises: ValueError without rows, for another length, or for an overlap that is not above 0.
    """
    if len(scores) == 0 or len(scores) != len(hits):
        raise ValueError(
            f"{len(scores)} scores and {len(hits)} outcomes, expected as many of each, and at "
            "least one"
        )
    if not 0.0 < overlap < np.inf:
        raise ValueError(f"overlap is {overlap}, expected more than 0")
    cells = np.searchsorted(EDGES, scores, side="right")
    weights = np.bincount(cells, minlength=CELLS) / overlap
    right = np.bincount(cells, hits, minlength=CELLS) / overlap
    low, high = (_with_new_row(weights, right, outcome) for outcome in (0.0, 1.0))
    changes = np.flatnonzero((np.diff(low) != 0.0) | (np.diff(high) != 0.0))
    first = np.concatenate(([0], changes + 1))
    return ProbabilityTable(
        edges=tuple(EDGES[changes].tolist()),
        low=tuple(low[first].tolist()),
        high=tuple(high[first].tolist()),
    )


def _with_new_row(weights: Array, right: Array, outcome: float) -> Array:
    """Return the isotonic fit at each cell with one more row there, shape (CELLS,).

    A fit is the largest over starts of the smallest over ends of the means between them, and each
    of those that a cell takes part in has the new row (Robertson, Wright, Dykstra, 1988, ch. 1).
    """
    weight, sums = (np.concatenate(([0.0], column.cumsum())) for column in (weights, right))
    between = np.maximum(weight[1:] - weight[:-1, None], 0.0)
    means = (sums[1:] - sums[:-1, None] + outcome) / (between + 1.0)
    smallest = np.minimum.accumulate(means[:, ::-1], axis=1)[:, ::-1]
    fitted = np.where(np.tri(CELLS, dtype=bool).T, smallest, -np.inf).max(axis=0)
    return np.asarray(np.maximum.accumulate(np.clip(fitted, 0.0, 1.0).round(DIGITS)))
