"""Who answers each bar: the universal model, one specialist, or a blend of them.

The model's rule counts only under the policy that it was tested with. Under another policy of the
config the universal model answers, and says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.specialists import ANSWERERS, SPECIALISTS, Answerer, ModelSelection, SpecialistPolicy
from workers.models.ensemble import answer_shares, calibrate, mix, pool, specialist_weights
from workers.serving.slots import ForestRows, LoadedEnsemble

Array = NDArray[np.float64]

NAMED = "strategy_override names it"
OTHER_POLICY = "universal: the config weighs specialists otherwise than the model was tested with"


class Regimes(NamedTuple):
    """Regimes of N bars, and how the config turns each bar's into weights.

    Attributes:
        probabilities: Bull, bear, sideways, shape (N, 3), rows sum to 1.
        entropies: In [0, 1], shape (N,).
        policies: One of each bar.
    """

    probabilities: Array
    entropies: Array
    policies: Sequence[SpecialistPolicy]


@dataclass(frozen=True)
class Answers:
    """What a model says of N bars.

    Attributes:
        members: Of who answered, before pooling, by name, shape (N, 3).
        probabilities: Calibrated, shape (N, 3).
        universal: Those of the universal model alone, shape (N, 3).
        weights: Of the specialists, shape (N, 3).
        answered_by, why: Of each bar.
        as_selected: Whether specialists might answer it by the model's own rule.
    """

    members: dict[str, Array]
    probabilities: Array
    universal: Array
    weights: Array
    answered_by: list[Literal[Answerer, "blend"]]
    why: list[str]
    as_selected: list[bool]


def answer(
    model: LoadedEnsemble,
    rows: ForestRows,
    windows: NDArray[np.float32],
    regimes: Regimes,
    named: Answerer | None = None,
) -> Answers:
    """Return what a model says of N bars; a row does not depend on the others.

    Args:
        model: The model.
        rows: As ``LoadedEnsemble.forest_rows`` gives them.
        windows: As ``LoadedEnsemble.members`` takes them.
        regimes: Theirs.
        named: Who is to answer instead of the model's own choice; it must be loaded.
    """
    weights = _weigh(regimes)
    shares, why = _shares(model.manifest.selection, regimes.policies, weights, named)
    members = model.members(rows, windows)
    forests, final = {"universal": members["xgboost"]}, {"universal": _calibrated(model, members)}
    for name in model.specialists if shares[:, 1:].any() else ():
        forests[name] = model.specialist_chances(name, rows)
        parts = members | {"xgboost": forests[name]}
        final[name] = _calibrated(model, parts, model.temperatures[name])
    return Answers(
        members | {"xgboost": mix(shares, forests)},
        mix(shares, final),
        final["universal"],
        weights,
        [_answerer(row) for row in shares.tolist()],
        why,
        _as_selected(model.manifest.selection, regimes.policies, named),
    )


def _as_selected(
    selection: ModelSelection, policies: Sequence[SpecialistPolicy], named: Answerer | None
) -> list[bool]:
    if named is not None or selection.rule == "universal":
        return [False] * len(policies)
    return [policy == selection.policy for policy in policies]


def _weigh(regimes: Regimes) -> Array:
    """Return the specialists' weights, each row by its policy, shape (N, 3)."""
    weights = np.empty_like(regimes.probabilities)
    for policy in dict.fromkeys(regimes.policies):
        which = np.array([each == policy for each in regimes.policies])
        weights[which] = specialist_weights(
            regimes.probabilities[which], regimes.entropies[which], policy
        )
    return weights


def _shares(
    selection: ModelSelection,
    policies: Sequence[SpecialistPolicy],
    weights: Array,
    named: Answerer | None,
) -> tuple[Array, list[str]]:
    """Return how much of each answer is whose, shape (N, 4), and why."""
    if named is not None:
        alone = np.eye(len(ANSWERERS))[ANSWERERS.index(named)]
        return np.tile(alone, (len(weights), 1)), [NAMED] * len(weights)
    shares = answer_shares(selection.rule, weights, selection.qualified)
    if selection.rule == "universal":
        return shares, [f"universal: {selection.reason}"] * len(weights)
    why = []
    for i, policy in enumerate(policies):
        if policy == selection.policy:
            why.append(_reason(selection, weights[i], shares[i]))
        else:
            shares[i] = np.eye(len(ANSWERERS))[0]
            why.append(OTHER_POLICY)
    return shares, why


def _reason(selection: ModelSelection, weights: Array, shares: Array) -> str:
    if selection.rule == "blend":
        named = zip(ANSWERERS, shares.tolist(), strict=True)
        return "blend: " + ", ".join(f"{name} {share:.0%}" for name, share in named if share)
    place = int(weights.argmax())
    name = SPECIALISTS[place]
    reason = f"argmax: {name} has the highest weight, {weights[place]:.0%}"
    if name in selection.qualified:
        return reason
    return f"{reason}, but is {selection.why_not(name)}"


def _answerer(shares: list[float]) -> Literal[Answerer, "blend"]:
    return ANSWERERS[shares.index(1.0)] if 1.0 in shares else "blend"


def _calibrated(
    model: LoadedEnsemble, members: dict[str, Array], temperature: float | None = None
) -> Array:
    manifest = model.manifest
    pooled = pool(members, manifest.member_weights)
    return calibrate(pooled, np.array(manifest.class_prior), temperature or manifest.temperature)
