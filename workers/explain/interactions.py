"""The strongest pairs of features of one row, by the shap package; loaded when first asked for.

A pair's value is what both features add only together: twice the off-diagonal of the symmetric
SHAP interaction matrix (Lundberg et al. 2020), whose rows sum to the SHAP values. It costs a
second, where the values themselves cost a millisecond.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.explanations import FeatureInteraction
from schemas.specialists import Answerer
from workers.explain.attribution import ExplainableModel
from workers.models.artifact import FOREST_ROLES, ArtifactError, read_model
from workers.models.symbol_forests import decode_forests

PAIRS_SHOWN = 5


class InteractionExplainer:
    """Keeps shap's explainers of the model that was asked about last."""

    def __init__(self) -> None:
        self._version = ""
        self._explainers: dict[tuple[Answerer, str], Any] = {}

    def matrix(
        self,
        model: ExplainableModel,
        row: NDArray[np.float64],
        target: int,
        shares: Mapping[Answerer, float],
        symbol: str = "",
    ) -> NDArray[np.float64]:
        """Return the interaction values of one class, shape (F, F), log-odds.

        Args:
            model: The model.
            row: Inputs of its forests, shape (F,).
            target: The class.
            shares: How much of the answer is whose; the values are the mean by them.
            symbol: Of the row; it may have a forest of its own.

        Raises:
            ArtifactError: The files of the model are gone or altered.
        """
        if self._version != model.version:
            self._explainers.clear()
            self._version = model.version
        mean = np.zeros((len(row), len(row)))
        for name, share in shares.items():
            key = (name, symbol if model.has_own_forest(name, symbol) else "")
            if key not in self._explainers:
                self._explainers[key] = _tree_explainer(model, *key)
            values = self._explainers[key].shap_interaction_values(row[None])
            mean += share * np.asarray(values, dtype=np.float64)[0, :, :, target]
        return mean


def _tree_explainer(model: ExplainableModel, name: Answerer, own: str) -> Any:
    """Return shap's explainer of an answerer's forest, or of the own one of a symbol."""
    import shap
    import xgboost

    _, contents = read_model(model.registered)
    booster = xgboost.Booster({"nthread": 1})
    raw = decode_forests(contents["forests"])[own] if own else contents[FOREST_ROLES[name]]
    try:
        booster.load_model(bytearray(raw))
    except xgboost.core.XGBoostError as error:
        raise ArtifactError(f"model {model.version} cannot be read: {error}") from None
    return shap.TreeExplainer(booster)


def strongest_pairs(
    matrix: NDArray[np.float64], names: tuple[str, ...], most: int = PAIRS_SHOWN
) -> tuple[FeatureInteraction, ...]:
    """Return the pairs of the largest size that are not 0, ties by name."""
    first, second = np.triu_indices(len(names), k=1)
    values = matrix[first, second] + matrix[second, first]
    pairs = [
        FeatureInteraction(features=(names[i], names[j]), value=value)
        for i, j, value in zip(first.tolist(), second.tolist(), values.tolist(), strict=True)
        if value
    ]
    return tuple(sorted(pairs, key=lambda pair: (-abs(pair.value), pair.features))[:most])
