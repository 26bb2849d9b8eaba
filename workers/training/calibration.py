"""Temperature scaling of pooled probabilities: one number, the order of classes is kept."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from workers.inference.ensemble import calibrate
from workers.training.dataset import Array

COLDEST, HOTTEST = 0.2, 20.0


def fit_temperature(probabilities: Array, classes: NDArray[np.int64]) -> float:
    """Return the temperature of least log-loss (Guo et al., 2017), in [0.2, 20].

    Args:
        probabilities: Pooled, shape (N, 3); fitted on rows after the members' training rows.
        classes: What came true, 0..2, shape (N,).
    """
    rows = np.arange(len(classes))

    def loss(log_temperature: float) -> float:
        scaled = calibrate(probabilities, float(np.exp(log_temperature)))
        return float(-np.log(np.maximum(scaled[rows, classes], 1e-12)).mean())

    found = minimize_scalar(loss, bounds=(np.log(COLDEST), np.log(HOTTEST)), method="bounded")
    return float(np.exp(found.x))
