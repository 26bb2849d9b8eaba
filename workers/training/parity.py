"""The answers of the training libraries to a few rows, which serving must reproduce at load."""

from __future__ import annotations

import numpy as np

from schemas.predictions import ClassProbabilities
from workers.models.artifact import ParityCase
from workers.models.ensemble import class_probabilities
from workers.models.symbol_forests import other_columns, own_features
from workers.training.dataset import Array
from workers.training.fit import FittedNetworks, TrainingPlan, parity_rows
from workers.training.fit_boosted import boosted_probabilities
from workers.training.fitted import FittedModel
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
    rows = fitted.all_inputs(table, which)
    boosted = class_probabilities(boosted_probabilities(fitted.forest, rows))
    network = class_probabilities(networks.answers)
    others, symbols = specialists.parity(rows), _symbol_parity(table, fitted, rows)
    return tuple(
        ParityCase(
            row=tuple(rows[i].tolist()),
            window=tuple(tuple(row) for row in windows[i].tolist()),
            forest=boosted[i],
            lstm=network[i],
            specialists=others[i],
            symbols={symbol: answers[i] for symbol, answers in symbols.items()},
        )
        for i in range(len(which))
    )


def _symbol_parity(
    table: TrainingTable, fitted: FittedModel, rows: Array
) -> dict[str, list[ClassProbabilities]]:
    """Return xgboost's own answers to some rows, as to rows of each symbol with its own parts."""
    names = next(iter(table.series.values())).names
    others, answers = other_columns(names, fitted.features), {}
    for symbol in sorted(fitted.features.keys() | fitted.forests.keys()):
        own = own_features(rows, [symbol] * len(rows), others)
        forest = fitted.forests.get(symbol, fitted.forest)
        answers[symbol] = class_probabilities(boosted_probabilities(forest, own))
    return answers
