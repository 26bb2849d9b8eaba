"""Forecasts that stand beside a model: its members, the class shares, and two simple rules.

A model that beats the class shares alone may still know no more than the newest label or the
volatility. Each baseline is fitted on the training rows of its fold.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numpy as np

from schemas.gates import Forecast, ForecastScore
from workers.training.dataset import Array, Rows
from workers.training.labels import UNKNOWN
from workers.training.metrics import (
    balanced_accuracy,
    brier_score,
    calibration_error,
    class_shares,
    log_loss,
    macro_f1,
)
from workers.training.table import LabelPlan, TrainingTable

VOLATILITY_BINS = 5  # of equally many training rows
PRIOR_ROWS = 30.0  # weight of the class shares in each state's shares: two label horizons
KNOWN_STATES = 4  # the newest known label: unknown, sell, neutral, buy


def baseline_forecasts(
    table: TrainingTable, labels: LabelPlan, train: Rows, rows: Rows
) -> dict[str, Array]:
    """Return what each baseline, fitted on some rows, says of others, shape (n, 3) each."""
    prior = class_shares(table.classes[train])
    known = last_known_classes(table, labels.horizon_bars) - UNKNOWN
    column = next(iter(table.series.values())).names.index(labels.volatility_feature)
    volatility = table.rows[:, column]
    edges = np.quantile(volatility[train], np.linspace(0.0, 1.0, VOLATILITY_BINS + 1)[1:-1])
    calm = np.searchsorted(edges, volatility)
    classes = table.classes[train]
    return {
        "class_prior": np.tile(prior, (len(rows), 1)),
        "naive_last_label": _shares_by_state(known[train], classes, prior, KNOWN_STATES)[
            known[rows]
        ],
        "historical_volatility": _shares_by_state(calm[train], classes, prior, VOLATILITY_BINS)[
            calm[rows]
        ],
    }


def last_known_classes(table: TrainingTable, horizon_bars: int) -> Rows:
    """Return the newest label of a row's symbol that is known at its close; -1 without one.

    Causal: the label of a bar is known a horizon after its close.
    """
    begin, parts = 0, []
    for series in table.series.values():
        classes = table.classes[begin : begin + len(series.times)]
        begin += len(series.times)
        known_at = series.times + horizon_bars * series.timeframe_ms
        newest = np.searchsorted(known_at, series.times, side="right") - 1
        parts.append(np.where(newest >= 0, classes[np.maximum(newest, 0)], UNKNOWN))
    return np.concatenate(parts)


def _shares_by_state(states: Rows, classes: Rows, prior: Array, count: int) -> Array:
    """Return the class shares of each state, drawn to the prior where it has few rows."""
    counts = np.zeros((count, 3))
    np.add.at(counts, (states, classes), 1.0)
    counts += PRIOR_ROWS * prior
    return np.asarray(counts / counts.sum(axis=1, keepdims=True))


def score_forecasts(forecasts: Mapping[str, Array], classes: Rows) -> tuple[ForecastScore, ...]:
    """Return the scores of each forecast on the same rows, in the order of the forecasts."""
    return tuple(
        ForecastScore(
            forecast=cast(Forecast, name),
            log_loss=log_loss(probabilities, classes),
            brier=brier_score(probabilities, classes),
            accuracy=_accuracy(probabilities, classes),
            macro_f1=macro_f1(probabilities.argmax(axis=1), classes),
            balanced_accuracy=balanced_accuracy(probabilities.argmax(axis=1), classes),
            calibration_error=calibration_error(probabilities, classes),
        )
        for name, probabilities in forecasts.items()
    )


def _accuracy(probabilities: Array, classes: Rows) -> float | None:
    if len(classes) == 0:
        return None
    return float((probabilities.argmax(axis=1) == classes).mean())
