"""How much each feature matters to a forest: what its splits gain, and how far it moves answers."""

from __future__ import annotations

import numpy as np

from workers.models.booster import read_booster
from workers.models.symbol_forests import places_by_symbol
from workers.models.treeshap import compile_explainer, shap_values
from workers.training.dataset import Array, Rows
from workers.training.fitted import FittedModel
from workers.training.table import TrainingTable

EXPLAINED_ROWS = 500  # of each symbol, evenly over the rows
SHOWN = 20


def attribution_shares(table: TrainingTable, rows: Rows, model: FittedModel) -> dict[str, Array]:
    """Return by symbol how far each feature moves the shared forest, shape (F,), sum 1 or all 0.

    Mean size of the exact TreeSHAP values over a sample of the symbol's rows, the classes added.
    The inputs that are regimes are left out.
    """
    explainer = compile_explainer(read_booster(model.forest))
    shares = {}
    for symbol, places in places_by_symbol(table.symbols_at(rows)):
        some = np.linspace(0, len(places) - 1, min(EXPLAINED_ROWS, len(places))).astype(np.int64)
        values = shap_values(explainer, model.forest_rows(table, rows[places[some]]))
        shares[symbol] = _shares(np.abs(values).mean(axis=0).sum(axis=0)[: table.rows.shape[1]])
    return shares


def gain_shares(forest: bytes, features: int) -> Array:
    """Return what the splits on each feature gain of the loss, shape (features,), sum 1 or all 0.

    Args:
        forest: File contents.
        features: Inputs that are features; they come first.
    """
    import xgboost

    booster = xgboost.Booster({"nthread": 1})
    booster.load_model(bytearray(forest))
    gains = booster.get_score(importance_type="total_gain")
    return _shares(np.array([gains.get(f"f{i}", 0.0) for i in range(features)], np.float64))


def importance_record(
    table: TrainingTable, rows: Rows, model: FittedModel
) -> dict[str, dict[str, float]]:
    """Return the strongest features by gain and, by symbol, by attribution, for the report."""
    names = next(iter(table.series.values())).names
    parts = {"gain": gain_shares(model.forest, len(names))} | attribution_shares(table, rows, model)
    return {part: _strongest(names, shares) for part, shares in parts.items()}


def _strongest(names: tuple[str, ...], shares: Array) -> dict[str, float]:
    order = np.argsort(-shares, kind="stable")[:SHOWN]
    return {names[i]: float(shares[i]) for i in order.tolist() if shares[i] > 0.0}


def _shares(sizes: Array) -> Array:
    total = float(sizes.sum())
    return sizes / total if total > 0.0 else sizes
