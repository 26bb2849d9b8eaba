"""Out-of-sample metrics of class probabilities; null where undefined."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.models import ModelMetrics
from streams.costs import DEFAULT_COSTS
from workers.training.dataset import Array
from workers.training.labels import BUY, NEUTRAL, SELL

BINS = 10
RESAMPLES = 200
BLOCK = 50  # rows; resampled together, because neighbouring labels overlap
Classes = NDArray[np.int64]


def log_loss(probabilities: Array, classes: Classes) -> float:
    """Return mean minus log probability of what came true, natural log."""
    chosen = probabilities[np.arange(len(classes)), classes]
    return float(-np.log(np.maximum(chosen, 1e-12)).mean())


def brier_score(probabilities: Array, classes: Classes) -> float:
    """Return the multiclass Brier score in [0, 2] (Brier, 1950)."""
    truth = np.eye(3)[classes]
    return float(((probabilities - truth) ** 2).sum(axis=1).mean())


def macro_f1(predicted: Classes, classes: Classes) -> float | None:
    """Return the mean F1 over the classes that occur; None without rows."""
    scores = []
    for which in np.unique(classes):
        hits = int(((predicted == which) & (classes == which)).sum())
        total = int((predicted == which).sum() + (classes == which).sum())
        scores.append(2.0 * hits / total)
    return float(np.mean(scores)) if scores else None


def calibration_error(probabilities: Array, classes: Classes) -> float:
    """Return the expected calibration error of the top label, 10 equal bins (Guo et al., 2017)."""
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == classes
    bins = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    gaps = [
        abs(right[bins == b].mean() - confidence[bins == b].mean()) * (bins == b).mean()
        for b in np.unique(bins)
    ]
    return float(sum(gaps))


def calibration_interval(
    probabilities: Array, classes: Classes, seed: int
) -> tuple[float, float] | None:
    """Return the 5-95 % block-bootstrap interval of the calibration error; None for few rows."""
    blocks = len(classes) // BLOCK
    if blocks < 10:
        return None
    rng = np.random.default_rng(seed)
    errors = []
    for _ in range(RESAMPLES):
        starts = rng.integers(0, len(classes) - BLOCK + 1, blocks)
        rows = (starts[:, None] + np.arange(BLOCK)).ravel()
        errors.append(calibration_error(probabilities[rows], classes[rows]))
    low, high = np.percentile(errors, [5.0, 95.0])
    return float(low), float(high)


def net_returns(predicted: Classes, forward: Array, funding: Array) -> Array:
    """Return what each directional call earned after fees, slippage and funding, fractions."""
    side = np.where(predicted == BUY, 1.0, np.where(predicted == SELL, -1.0, 0.0))
    called = predicted != NEUTRAL
    net = side * forward - DEFAULT_COSTS.round_trip - side * funding
    return np.asarray(net[called])


def prior_of(classes: Classes) -> Array:
    """Return the class shares, Laplace-smoothed, shape (3,)."""
    counts = np.bincount(classes, minlength=3) + 1.0
    return np.asarray(counts / counts.sum())


@dataclass(frozen=True)
class StitchedRows:
    """Stitched test blocks.

    Attributes:
        probabilities: Calibrated pool, shape (N, 3).
        priors: Class shares of each row's training fold, shape (N, 3): what must be beaten.
        classes: What came true, shape (N,).
        forward: Return from next open to the horizon's close, shape (N,).
        funding: Rates settled meanwhile, shape (N,).
        folds: Test blocks.
    """

    probabilities: Array
    priors: Array
    classes: Classes
    forward: Array
    funding: Array
    folds: int


def metrics_of(test: StitchedRows, seed: int) -> ModelMetrics:
    """Return the out-of-sample record of stitched test blocks; ``seed`` is the bootstrap's."""
    predicted = test.probabilities.argmax(axis=1)
    net = net_returns(predicted, test.forward, test.funding)
    return ModelMetrics(
        rows=len(test.classes),
        folds=test.folds,
        log_loss=log_loss(test.probabilities, test.classes),
        prior_log_loss=log_loss(test.priors, test.classes),
        brier=brier_score(test.probabilities, test.classes),
        accuracy=float((predicted == test.classes).mean()),
        macro_f1=macro_f1(predicted, test.classes),
        calibration_error=calibration_error(test.probabilities, test.classes),
        calibration_error_interval=calibration_interval(test.probabilities, test.classes, seed),
        net_return_per_signal=float(net.mean()) if len(net) else None,
        directional_calls=len(net),
    )
