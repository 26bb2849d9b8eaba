"""The ensemble: pools the members by weight, calibrates the pool, weighs the specialists."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray

from schemas.predictions import ClassProbabilities
from schemas.specialists import ANSWERERS, SelectionRule, SpecialistPolicy

Array = NDArray[np.float64]

SMALLEST = 1e-12  # keeps logs finite where a member was certain


def pool(members: Mapping[str, Array], weights: Mapping[str, float]) -> Array:
    """Return the linear pool of class probabilities.

    Args:
        members: Name to probabilities, shape (N, 3), rows sum to 1.
        weights: By member; the weight of an absent one is shared out in proportion.

    Returns: shape (N, 3), rows sum to 1.
    """
    total = sum(weights[name] for name in members)
    pooled = np.zeros_like(next(iter(members.values())))
    for name, probabilities in members.items():
        pooled += weights[name] / total * probabilities
    return pooled


def calibrate(probabilities: Array, priors: Array, temperature: float) -> Array:
    """Return temperature-scaled probabilities: the hotter, the closer to the class priors.

    ``prior * (p / prior) ** (1 / temperature)``, normalised. This scales the evidence that the
    models add to the class shares; with equal priors it is the temperature scaling of Guo et al.
    (2017). A linear pool of calibrated members is under-confident (Ranjan, Gneiting, 2010), so
    the pool is calibrated, not its members.

    Args:
        probabilities: Shape (N, 3).
        priors: Class shares of the training rows, > 0, shape (3,) or (N, 3).
        temperature: > 0; 1 changes nothing, infinity gives the priors.
    """
    baseline = np.log(priors)
    evidence = np.log(np.maximum(probabilities, SMALLEST)) - baseline
    logits = baseline + evidence / temperature
    logits -= logits.max(axis=1, keepdims=True)
    scaled: Array = np.exp(logits)
    return np.asarray(scaled / scaled.sum(axis=1, keepdims=True))


def specialist_weights(regimes: Array, entropies: Array, policy: SpecialistPolicy) -> Array:
    """Return the specialists' weights: regime probabilities times a row-stochastic matrix.

    Where the policy shrinks them, they near equal weights as the regime becomes uncertain: at
    entropy 1 all are 1/3. A row does not depend on the others.

    Args:
        regimes: Bull, bear, sideways, shape (N, 3), rows sum to 1.
        entropies: Normalised, in [0, 1], shape (N,).
        policy: Matrix, and whether they shrink.

    Returns: in order of ``SPECIALISTS``, shape (N, 3), rows sum to 1.
    """
    bull, bear, sideways = np.asarray(policy.matrix)
    weights = regimes[:, :1] * bull + regimes[:, 1:2] * bear + regimes[:, 2:] * sideways
    if policy.shrink:
        weights = (1.0 - entropies[:, None]) * weights + entropies[:, None] / 3.0
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def answer_shares(rule: SelectionRule, weights: Array, qualified: Collection[str]) -> Array:
    """Return how much of each answer is whose: of ``ANSWERERS``, shape (N, 4), rows sum to 1.

    ``argmax`` gives all to the specialist of highest weight (of equals the first), ``blend`` each
    its weight. The universal model takes the share of who is not qualified.

    Args:
        rule: Who answers.
        weights: In order of ``SPECIALISTS``, shape (N, 3), rows sum to 1.
        qualified: Names of the specialists that may answer.
    """
    shares = np.zeros((len(weights), len(ANSWERERS)))
    if rule == "universal":
        shares[:, 0] = 1.0
        return shares
    shares[:, 1:] = weights if rule == "blend" else np.eye(3)[weights.argmax(axis=1)]
    for place, name in enumerate(ANSWERERS):
        if place and name not in qualified:
            shares[:, 0] += shares[:, place]
            shares[:, place] = 0.0
    return shares


def mix(shares: Array, parts: Mapping[str, Array]) -> Array:
    """Return the parts' values weighed by their shares, shape (N, 3).

    Args:
        shares: Of ``ANSWERERS``, shape (N, 4); 0 where a part is absent.
        parts: By name, shape (N, 3).
    """
    mixed = np.zeros_like(next(iter(parts.values())))
    for place, name in enumerate(ANSWERERS):
        if name in parts:
            mixed += shares[:, place : place + 1] * parts[name]
    return mixed


def class_probabilities(rows: Array) -> list[ClassProbabilities]:
    """Return rows (sell, neutral, buy) as records, each normalised to sum to 1.

    Raises:
        ValueError: A row holds a negative or no number, or zeros alone.
    """
    normalised = rows / rows.sum(axis=1, keepdims=True)
    usable = (rows >= 0.0).all(axis=1) & np.isfinite(normalised).all(axis=1)
    if not usable.all():
        raise ValueError(f"{rows[~usable][0].tolist()} are no class probabilities")
    return [
        ClassProbabilities.unchecked(sell=sell, neutral=neutral, buy=buy)
        for sell, neutral, buy in normalised.tolist()
    ]
