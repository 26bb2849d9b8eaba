"""How far a calibration error is more than chance: debiased, with its interval, and tested.

Even calibrated probabilities have gaps in every bin of few rows, so the plain error is too large
by about 0.8 * sqrt(p * (1 - p) * bins / rows).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streams.confidence import BINS
from workers.training.blocks import SumsByBlock, time_blocks
from workers.training.dataset import Array, Rows

DRAWS = 1_000
FEWEST_BLOCKS = 10  # as everywhere where blocks are drawn


@dataclass(frozen=True)
class CalibrationEvidence:
    """What chance leaves of a calibration error; None where there are too few blocks of time.

    Attributes:
        debiased: Root mean square gap of the bins, without what chance adds to it.
        interval: Its 5-95 % interval.
        p_value: Of calibrated probabilities.
    """

    debiased: float | None = None
    interval: tuple[float, float] | None = None
    p_value: float | None = None


def calibration_evidence(
    probabilities: Array, classes: NDArray[np.int64], times: Rows, block_ms: int, seed: int
) -> CalibrationEvidence:
    """Return what stands behind the calibration error of the top label.

    The squared gap of a bin is too large by the variance of its mean (Kumar, Liang, Ma, 2019);
    that variance is taken between blocks of time, because labels overlap. The test turns the sign
    of whole blocks at random, which is as likely as they are if confidences are right on average,
    and asks how often the plain error is as large (wild bootstrap; Chwialkowski et al., 2014).

    Args:
        probabilities: Shape (N, 3).
        classes: What came true, shape (N,).
        times: Close of each row's bar, ms, shape (N,).
        block_ms: Several label horizons.
        seed: Of the draws.
    """
    blocks = time_blocks(times, block_ms)
    count = int(blocks.max()) + 1 if len(blocks) else 0
    if count < FEWEST_BLOCKS:
        return CalibrationEvidence()
    confidence = probabilities.max(axis=1)
    bins = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    gaps = (probabilities.argmax(axis=1) == classes) - confidence
    sums = SumsByBlock.of(gaps, bins, blocks, BINS)
    rng = np.random.default_rng(seed)
    draws = rng.multinomial(count, np.full(count, 1.0 / count), DRAWS).astype(np.float64)
    debiased = float(_debiased_square(sums)[0])
    spread = _debiased_square(sums, draws)
    spread += debiased - spread.mean()  # resampling adds the variance once more
    low, high = np.sqrt(np.maximum(np.percentile(spread, [5.0, 95.0]), 0.0)).tolist()
    return CalibrationEvidence(
        debiased=float(np.sqrt(max(debiased, 0.0))),
        interval=(low, high),
        p_value=_sign_flip_p_value(sums, rng),
    )


def _debiased_square(sums: SumsByBlock, draws: Array | None = None) -> Array:
    """Return the mean over the rows of each bin's squared gap less its variance, by draw."""
    means = sums.means(draws)
    squares = means.rows * (means.mean**2 - means.variance)
    return np.asarray(squares.sum(axis=1) / means.rows.sum(axis=1))


def _sign_flip_p_value(sums: SumsByBlock, rng: np.random.Generator) -> float:
    signs = rng.integers(0, 2, (DRAWS, len(sums.sums))) * 2.0 - 1.0
    errors = np.abs(signs @ sums.sums).sum(axis=1)
    plain = float(np.abs(sums.sums.sum(axis=0)).sum())
    reached = int(np.count_nonzero(errors >= plain * (1.0 - 1e-12)))
    return (1.0 + reached) / (1.0 + DRAWS)
