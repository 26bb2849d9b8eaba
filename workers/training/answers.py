"""What a model says of rows: as it serves, and by its universal model alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr

from schemas.regimes import LN_3
from schemas.specialists import ModelSelection, SelectionRule, SpecialistName
from workers.models.ensemble import answer_shares, mix, specialist_weights
from workers.training.dataset import Array


@dataclass(frozen=True)
class ModelAnswers:
    """Calibrated probabilities of one model on the same rows.

    Attributes:
        served: As it serves, shape (N, 3).
        universal: Of its universal model alone, shape (N, 3).
        rule: Who answers; ``universal``: both are the same.
    """

    served: Array
    universal: Array
    rule: SelectionRule = "universal"

    def of(self, rows: NDArray[np.bool_]) -> ModelAnswers:
        """Return the answers to the chosen rows."""
        return ModelAnswers(self.served[rows], self.universal[rows], self.rule)


def selected_answers(
    selection: ModelSelection,
    regimes: Array,
    universal: Array,
    specialists: Mapping[SpecialistName, Array],
) -> Array:
    """Return what a selection answers, under the policy that it was tested with, shape (N, 3).

    Args:
        selection: Who answers.
        regimes: Filtered probabilities, bull, bear, sideways, shape (N, 3).
        universal: Of the universal model, shape (N, 3).
        specialists: Of each that is fitted, shape (N, 3).
    """
    entropies = np.minimum(entr(regimes).sum(axis=1) / LN_3, 1.0)
    weights = specialist_weights(regimes, entropies, selection.policy)
    shares = answer_shares(selection.rule, weights, selection.qualified)
    parts: dict[str, Array] = {"universal": universal}
    return mix(shares, parts | dict(specialists.items()))
