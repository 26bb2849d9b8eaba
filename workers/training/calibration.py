"""Calibration of the pool: one number, fitted on rows that no member was trained on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from workers.models.ensemble import calibrate
from workers.training.dataset import Array

COLDEST, HOTTEST = 0.5, 20.0
# Deviation of the log-temperature before any row was seen: a few days of one market, whose
# labels overlap, must not talk the pool into much more, or much less, than it says itself.
BELIEF = 0.25


def fit_temperature(
    probabilities: Array, priors: Array, classes: NDArray[np.int64], overlap: float
) -> float:
    """Return the most probable temperature, in [0.5, 20].

    Least log-loss (Guo et al., 2017) with a log-normal belief around 1, so that few rows say
    little.

    Args:
        probabilities: Pooled, shape (N, 3).
        priors: Class shares of the rows that each was trained on, shape (N, 3) or (3,).
        classes: What came true, 0..2, shape (N,).
        overlap: Rows that share one outcome: N / overlap of them count.
    """
    rows = np.arange(len(classes))
    weight = len(classes) / overlap

    def cost(log_temperature: float) -> float:
        scaled = calibrate(probabilities, priors, float(np.exp(log_temperature)))
        loss = float(-np.log(np.maximum(scaled[rows, classes], 1e-12)).mean())
        return weight * loss + 0.5 * (log_temperature / BELIEF) ** 2

    found = minimize_scalar(
        cost, bounds=(np.log(COLDEST), np.log(HOTTEST)), method="bounded", options={"xatol": 1e-6}
    )
    return float(np.exp(found.x))
