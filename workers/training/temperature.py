"""Fits the pool's temperature on rows that no member was trained on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workers.models.ensemble import calibrate
from workers.training.dataset import Array

MIN_TEMPERATURE, MAX_TEMPERATURE = 0.5, 20.0
# Deviation of the log-temperature in the prior. A few days of one market, whose labels overlap,
# must not move the pool's confidence far.
PRIOR_DEVIATION = 0.25


def fit_temperature(
    probabilities: Array, priors: Array, classes: NDArray[np.int64], overlap: float
) -> float:
    """Return the most probable temperature, in [0.5, 20].

    Minimises the log-loss (Guo et al., 2017) with a log-normal prior around 1, so that few rows
    change little.

    Args:
        probabilities: Pooled, shape (N, 3).
        priors: Class shares of the training rows of each, shape (N, 3) or (3,).
        classes: What came true, 0..2, shape (N,).
        overlap: Rows that share one outcome; the N rows count as N / overlap.

    Raises: ValueError without rows, for another length, or for an overlap that is not above 0.
    """
    from scipy.optimize import minimize_scalar

    if len(classes) == 0 or len(probabilities) != len(classes):
        raise ValueError(
            f"{len(probabilities)} probabilities and {len(classes)} classes, expected as many of "
            "each, and at least one"
        )
    if not 0.0 < overlap < np.inf:
        raise ValueError(f"overlap is {overlap}, expected more than 0")
    rows = np.arange(len(classes))
    weight = len(classes) / overlap

    def cost(log_temperature: float) -> float:
        scaled = calibrate(probabilities, priors, float(np.exp(log_temperature)))
        loss = float(-np.log(np.maximum(scaled[rows, classes], 1e-12)).mean())
        return weight * loss + 0.5 * (log_temperature / PRIOR_DEVIATION) ** 2

    minimum = minimize_scalar(
        cost,
        bounds=(np.log(MIN_TEMPERATURE), np.log(MAX_TEMPERATURE)),
        method="bounded",
        options={"xatol": 1e-6},
    )
    return float(np.exp(minimum.x))
