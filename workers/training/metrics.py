"""Out-of-sample metrics of class probabilities; None where undefined."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr, stdtr

from schemas.models import ModelMetrics
from schemas.regimes import LN_3
from streams.confidence import BINS
from streams.costs import DEFAULT_COSTS
from streams.signals.grading import DEFAULT_POLICY
from workers.training.blocks import SumsByBlock, time_blocks
from workers.training.calibration_evidence import FEWEST_BLOCKS, calibration_evidence
from workers.training.dataset import Array, Rows
from workers.training.labels import BUY, NEUTRAL, SELL

RESAMPLES = 400
TINY = 1e-24  # variance of a gain that is the same in every block
Classes = NDArray[np.int64]  # 0 sell, 1 neutral, 2 buy


def log_loss(probabilities: Array, classes: Classes) -> float | None:
    """Return mean minus log probability of what came true, natural log; None without rows."""
    return _mean(surprise(probabilities, classes))


def _mean(values: NDArray[Any]) -> float | None:
    return float(values.mean()) if len(values) else None


def surprise(probabilities: Array, classes: Classes) -> Array:
    """Return minus log probability of what came true, natural log, shape (N,)."""
    chosen = probabilities[np.arange(len(classes)), classes]
    return np.asarray(-np.log(np.maximum(chosen, 1e-12)))


def brier_score(probabilities: Array, classes: Classes) -> float | None:
    """Return the multiclass Brier score in [0, 2] (Brier, 1950); None without rows."""
    truth = np.eye(3)[classes]
    return _mean(((probabilities - truth) ** 2).sum(axis=1))


def macro_f1(predicted: Classes, classes: Classes) -> float | None:
    """Return the mean F1 over the classes that occur; None without rows."""
    scores = []
    for which in np.unique(classes):
        hits = int(((predicted == which) & (classes == which)).sum())
        total = int((predicted == which).sum() + (classes == which).sum())
        scores.append(2.0 * hits / total)
    return float(np.mean(scores)) if scores else None


def balanced_accuracy(predicted: Classes, classes: Classes) -> float | None:
    """Return the mean share called right of each class that occurs; None without rows."""
    shares = [float((predicted[classes == which] == which).mean()) for which in np.unique(classes)]
    return float(np.mean(shares)) if shares else None


def calibration_error(probabilities: Array, classes: Classes) -> float | None:
    """Return the expected calibration error of the top label (Guo et al., 2017); None without rows.

    The same number as ``streams.evaluation.calibration``, on arrays: intervals need it 400 times.
    """
    return _calibration_gap(probabilities, classes) if len(classes) else None


def _calibration_gap(probabilities: Array, classes: Classes) -> float:
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == classes
    bins = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    gaps = [
        abs(correct[bins == b].mean() - confidence[bins == b].mean()) * (bins == b).mean()
        for b in np.unique(bins)
    ]
    return float(sum(gaps))


def bootstrap_interval(
    statistic: Callable[[Rows], float], times: Rows, block_ms: int, seed: int
) -> tuple[float, float] | None:
    """Return the 5-95 % interval of a statistic of rows; None for fewer than ten blocks or none.

    Blocks of time are drawn with all their symbols (Kunsch, 1989). Labels overlap in time and
    symbols move together, so single rows would overstate the evidence.

    Args:
        statistic: A function of row numbers, which may repeat.
        times: Close of each row's bar, ms, shape (N,).
        block_ms: Longer than the time over which rows depend on each other.
        seed: Of the draws.
    """
    if len(times) == 0:
        return None
    order = np.argsort(times, kind="stable")
    blocks = np.split(order, np.flatnonzero(np.diff(time_blocks(times, block_ms)[order])) + 1)
    if len(blocks) < FEWEST_BLOCKS:
        return None
    rng = np.random.default_rng(seed)
    drawn = [
        statistic(np.concatenate([blocks[b] for b in rng.integers(0, len(blocks), len(blocks))]))
        for _ in range(RESAMPLES)
    ]
    low, high = np.percentile(drawn, [5.0, 95.0])
    return float(low), float(high)


def unclear_share(regimes: Array) -> float | None:
    """Return the share of rows whose regimes fail a signal's entropy confirmation; None without.

    Args:
        regimes: Filtered probabilities, shape (N, 3), rows sum to 1.
    """
    return _mean(entr(regimes).sum(axis=1) / LN_3 > DEFAULT_POLICY.max_entropy)


def net_returns(predicted: Classes, forward: Array, funding: Array) -> Array:
    """Return what each directional call earned after fees, slippage and funding, fractions."""
    side = np.where(predicted == BUY, 1.0, np.where(predicted == SELL, -1.0, 0.0))
    called = predicted != NEUTRAL
    net = side * forward - DEFAULT_COSTS.round_trip - side * funding
    return np.asarray(net[called])


def class_shares(classes: Classes) -> Array:
    """Return the class shares, Laplace-smoothed, shape (3,)."""
    counts = np.bincount(classes, minlength=3) + 1.0
    return np.asarray(counts / counts.sum())


@dataclass(frozen=True)
class StitchedRows:
    """Test blocks joined into one.

    Attributes:
        probabilities: Calibrated pool, shape (N, 3).
        priors: Class shares of each row's training fold, shape (N, 3): the baseline to beat.
        classes: What came true, shape (N,).
        forward: Return from next open to the horizon's close, shape (N,).
        funding: Rates settled meanwhile, shape (N,).
        times: Close of each row's bar, ms, shape (N,).
        folds: Number of test blocks.
        rows: Row number of each in the training table, shape (N,).
        forecasts: The pool again, the members and the baselines, shape (N, 3) each.
    """

    probabilities: Array
    priors: Array
    classes: Classes
    forward: Array
    funding: Array
    times: Rows
    folds: int
    rows: Rows = field(default_factory=lambda: np.empty(0, np.int64))
    forecasts: Mapping[str, Array] = field(default_factory=dict)


def chance_of_no_edge(gains: Sequence[Array], times: Rows, block_ms: int) -> float | None:
    """Return the largest one-sided p-value of gains by row; None for fewer than ten blocks.

    By Student's t of block means: with few blocks the bootstrap's intervals are too narrow.
    """
    blocks = time_blocks(times, block_ms)
    if len(blocks) == 0 or blocks.max() + 1 < FEWEST_BLOCKS:
        return None
    all_rows = np.zeros(len(times), np.int64)
    means = [SumsByBlock.of(gain, all_rows, blocks, 1).means() for gain in gains]
    chances = [
        stdtr(m.effective - 1.0, -m.mean / np.sqrt(np.maximum(m.variance, TINY))) for m in means
    ]
    return float(np.max(chances))


def fold_averages(test: StitchedRows) -> Array:
    """Return for each row the average forecast of its fold, shape (N, 3).

    A forecast that is the same for all rows can beat the class shares by chance alone, all test
    long: it leans to the class that then comes more often. Beside its own average it cannot.
    """
    fold = np.unique(test.priors, axis=0, return_inverse=True)[1].reshape(-1)
    sums = np.stack([np.bincount(fold, column) for column in test.probabilities.T], axis=1)
    return np.asarray((sums / np.bincount(fold)[:, None])[fold])


def model_metrics(test: StitchedRows, block_ms: int, seed: int) -> ModelMetrics:
    """Return the out-of-sample record of stitched test blocks.

    Args:
        test: The rows.
        block_ms: Length of the blocks that the intervals resample: several label horizons.
        seed: Of the resampling.
    """
    final, classes = test.probabilities, test.classes
    predicted = final.argmax(axis=1)
    net = net_returns(predicted, test.forward, test.funding)
    edge = surprise(test.priors, classes) - surprise(final, classes)
    resolution = surprise(fold_averages(test), classes) - surprise(final, classes)
    evidence = calibration_evidence(final, classes, test.times, block_ms, seed)
    return ModelMetrics(
        rows=len(classes),
        folds=test.folds,
        log_loss=log_loss(final, classes),
        prior_log_loss=log_loss(test.priors, classes),
        log_loss_edge_interval=bootstrap_interval(
            lambda rows: float(edge[rows].mean()), test.times, block_ms, seed
        ),
        log_loss_resolution_interval=bootstrap_interval(
            lambda rows: float(resolution[rows].mean()), test.times, block_ms, seed
        ),
        edge_p_value=chance_of_no_edge((edge, resolution), test.times, block_ms),
        brier=brier_score(final, classes),
        accuracy=_mean(predicted == classes),
        macro_f1=macro_f1(predicted, classes),
        calibration_error=calibration_error(final, classes),
        calibration_error_interval=bootstrap_interval(
            lambda rows: _calibration_gap(final[rows], classes[rows]), test.times, block_ms, seed
        ),
        calibration_error_debiased=evidence.debiased,
        calibration_error_debiased_interval=evidence.interval,
        calibration_p_value=evidence.p_value,
        net_return_per_signal=_mean(net),
        directional_calls=len(net),
    )
