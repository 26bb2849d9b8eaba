"""The answers of the training libraries to a few rows, which serving must reproduce at load."""

from __future__ import annotations

import numpy as np

from workers.models.artifact import ParityCase
from workers.models.ensemble import class_probabilities
from workers.training.fit import FittedModel, FittedNetworks, TrainingPlan, parity_rows
from workers.training.fit_boosted import boosted_probabilities
from workers.training.specialists import FittedSpecialists
from workers.training.table import TrainingTable, Windows


def parity_cases(
    table: TrainingTable,
    fitted: FittedModel,
    networks: FittedNetworks,
    plan: TrainingPlan,
    specialists: FittedSpecialists,
) -> tuple[ParityCase, ...]:
    """Return the answers of xgboost and torch to a few rows, for serving to reproduce."""
    which = parity_rows(table)
    windows = Windows(table.rows, which, plan.lstm.window).take(np.arange(len(which)))
    rows = fitted.forest_rows(table, which)
    boosted = class_probabilities(boosted_probabilities(fitted.forest, rows))
    network = class_probabilities(networks.answers)
    others = specialists.parity(rows)
    return tuple(
        ParityCase(
            row=tuple(rows[i].tolist()),
            window=tuple(tuple(row) for row in windows[i].tolist()),
            forest=boosted[i],
            lstm=network[i],
            specialists=others[i],
        )
        for i in range(len(which))
    )
