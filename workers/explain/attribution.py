"""Explains one prediction: attributes both members, pools their shares, writes a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.explanations import Driver, Explanation
from schemas.ids import derived_id
from schemas.models import ModelRegistered
from schemas.predictions import Prediction
from schemas.specialists import ANSWERERS, SPECIALISTS, Answerer
from schemas.topics import EXPLANATIONS, SIGNALS
from workers.explain.words import feature_words
from workers.models import forest as forests
from workers.models import lstm as lstms
from workers.models.artifact import FOREST_ROLES, ArtifactError, Manifest, read_model
from workers.models.booster import read_booster
from workers.models.ensemble import answer_shares
from workers.models.lstm_attribution import attribute_closely
from workers.models.symbol_forests import decode_forests, other_columns, own_features
from workers.models.treeshap import TreeExplainer, compile_explainer, shap_values

CLASSES: tuple[Literal["sell", "neutral", "buy"], ...] = ("sell", "neutral", "buy")
REGIME_INPUTS = ("regime_bull", "regime_bear", "regime_sideways")
DRIVERS_SHOWN = 5


class ExplainableForest(NamedTuple):
    """One forest, to be run and to be attributed."""

    forest: forests.Forest
    explainer: TreeExplainer

    @classmethod
    def read(cls, content: bytes) -> ExplainableForest:
        """Return the forest of a file; raises ``KeyError`` or ``ValueError``."""
        booster = read_booster(content)
        return cls(forests.compile_forest(booster), compile_explainer(booster))


@dataclass(frozen=True)
class ExplainableModel:
    """The weights of one model, laid out for attribution; its forests by who answers with them."""

    registered: ModelRegistered
    manifest: Manifest
    version: str
    forests: Mapping[Answerer, ExplainableForest]
    own_forests: Mapping[str, ExplainableForest]  # by symbol
    network: lstms.Lstm

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Inputs of the forest: the features, then the regime posterior."""
        return self.manifest.feature_names + REGIME_INPUTS

    @cached_property
    def _other_columns(self) -> dict[str, NDArray[np.int64]]:
        return other_columns(self.manifest.feature_names, self.manifest.features)

    def forest_row(self, symbol: str, row: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the inputs of the forest at a bar, those features alone that are its symbol's."""
        return np.asarray(own_features(row[None], (symbol,), self._other_columns)[0])

    def forest_that_answers(self, name: Answerer, symbol: str) -> ExplainableForest:
        """Return the forest of an answerer; that of the symbol where it has one of its own."""
        own = self.has_own_forest(name, symbol)
        return self.own_forests[symbol] if own else self.forests[name]

    def has_own_forest(self, name: Answerer, symbol: str) -> bool:
        """Return whether a symbol has a forest of its own for an answerer."""
        return name == "universal" and symbol in self.own_forests

    @cached_property
    def alphabetical(self) -> NDArray[np.int64]:
        """Place of each input among their sorted names."""
        return np.argsort(sorted(range(len(self.names)), key=self.names.__getitem__))

    @property
    def parameters(self) -> int:
        """Weights of the network plus nodes of the forest, as inference counts them."""
        return self.network.parameters + len(self.forests["universal"].forest.nodes)

    def shares(self, prediction: Prediction) -> dict[Answerer, float]:
        """Return how much of a prediction is whose; those of none are left out."""
        who = prediction.answered_by
        if who != "blend":
            return {who or "universal": 1.0}
        weights = np.array([[prediction.strategy_weights[name] for name in SPECIALISTS]])
        shares = answer_shares("blend", weights, self.manifest.selection.qualified)[0].tolist()
        return {name: share for name, share in zip(ANSWERERS, shares, strict=True) if share}


def load_explainable(model: ModelRegistered) -> ExplainableModel:
    """Load a registered model; raises ``ArtifactError`` when a file is missing or altered."""
    manifest, contents = read_model(model)
    try:
        return ExplainableModel(
            registered=model,
            manifest=manifest,
            version=model.model_version,
            forests={
                name: ExplainableForest.read(contents[role])
                for name, role in FOREST_ROLES.items()
                if role in contents
            },
            own_forests={
                symbol: ExplainableForest.read(raw)
                for symbol, raw in decode_forests(contents.get("forests", b"{}")).items()
            },
            network=lstms.read_lstm(contents["lstm"]),
        )
    except (KeyError, ValueError) as error:
        raise ArtifactError(f"model {model.model_version} cannot be read: {error}") from None


def explained_class(prediction: Prediction) -> Literal["sell", "neutral", "buy"]:
    """Return the class that the signal will show; a tie is neutral, as in grading."""
    chances = prediction.probabilities
    best = max(chances.sell, chances.neutral, chances.buy)
    winners = [name for name in CLASSES if getattr(chances, name) == best]
    return winners[0] if len(winners) == 1 else "neutral"


def explain(
    model: ExplainableModel, prediction: Prediction, window: NDArray[np.float64]
) -> Explanation:
    """Return what drove a prediction; uses its window alone.

    Args:
        model: The model that made the prediction.
        prediction: The prediction to explain.
        window: Its inputs, shape (window, F), oldest bar first.
    """
    shown = explained_class(prediction)
    _, trees, margin = attribute_trees(model, prediction, window)
    sequence = attribute_closely(model.network, window, CLASSES.index(shown))
    positive, negative = _drivers(model, _inputs(prediction, window), trees[:-1], sequence.shares)
    who = prediction.answered_by or "universal"
    spoken = f"{getattr(prediction.probabilities, shown):.0%}{_speaker(who)}"
    return Explanation(
        explanation_id=derived_id(EXPLANATIONS.name, prediction.prediction_id),
        prediction_id=prediction.prediction_id,
        signal_id=derived_id(SIGNALS.name, prediction.prediction_id),
        symbol=prediction.symbol,
        timeframe_ms=prediction.timeframe_ms,
        event_time_ms=prediction.event_time_ms,
        available_time_ms=prediction.available_time_ms,
        model_version=prediction.model_version,
        explained_class=shown,
        positive=positive,
        negative=negative,
        base_value=float(trees[-1]),
        methods={
            "xgboost": "exact TreeSHAP, path-dependent, margin",
            "lstm": f"integrated gradients from the training mean, {sequence.steps} points, logit",
        },
        additivity_gap={
            "xgboost": float(trees.sum() - margin),
            "lstm": float(sequence.gap),
        },
        sentence=sentence(shown, spoken, positive, negative),
        answered_by=who,
        shares=model.shares(prediction),
        why=prediction.why or "",
    )


def _inputs(prediction: Prediction, window: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the last bar's features, then the regime posterior."""
    regime = prediction.regime
    return np.concatenate((window[-1], (regime.bull, regime.bear, regime.sideways)))


def attribute_trees(
    model: ExplainableModel, prediction: Prediction, window: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Return the forest's row, its SHAP values with the base last, and the margin they sum to.

    Values and margin are of the explained class, log-odds; of a blend the mean over its forests,
    weighed by their shares. Arguments as in ``explain``.
    """
    target = CLASSES.index(explained_class(prediction))
    row = model.forest_row(prediction.symbol, _inputs(prediction, window))
    values, margin = np.zeros(len(row) + 1), 0.0
    for name, share in model.shares(prediction).items():
        each = model.forest_that_answers(name, prediction.symbol)
        values += share * shap_values(each.explainer, row[None])[0, target]
        margin += share * float(forests.margins(each.forest, row[None])[0, target])
    return row, values, margin


def _drivers(
    model: ExplainableModel,
    row: NDArray[np.float64],
    trees: NDArray[np.float64],
    gradients: NDArray[np.float64],
) -> tuple[tuple[Driver, ...], tuple[Driver, ...]]:
    """Pool signed shares by member weight; return the strongest for and against, ties by name.

    Margins of trees and logits of a network have different units. So each member's attribution
    is divided by its own total before the two are added.
    """
    weights, names = model.manifest.member_weights, model.names
    network = np.zeros_like(trees)
    network[: len(gradients)] = gradients
    shares = weights["xgboost"] * _shares(trees) + weights["lstm"] * _shares(network)
    ranked = np.lexsort((model.alphabetical, -np.abs(shares))).tolist()
    pooled = shares.tolist()

    def driver(i: int) -> Driver:
        return Driver(
            feature=names[i],
            value=None if np.isnan(row[i]) else float(row[i]),
            contribution=pooled[i],
            xgboost_margin=float(trees[i]),
            lstm_gradient=float(gradients[i]) if i < len(gradients) else None,
        )

    positive = [i for i in ranked if pooled[i] > 0.0][:DRIVERS_SHOWN]
    negative = [i for i in ranked if pooled[i] < 0.0][:DRIVERS_SHOWN]
    return tuple(map(driver, positive)), tuple(map(driver, negative))


def _shares(attribution: NDArray[np.float64]) -> NDArray[np.float64]:
    total = np.abs(attribution).sum()
    return attribution / total if total > 0.0 else np.zeros_like(attribution)


def sentence(
    shown: str, chance: str, positive: Sequence[Driver], negative: Sequence[Driver]
) -> str:
    """Return one plain sentence that names the direction, its probability and what drove it."""
    text = f"{shown.capitalize()} at {chance}"
    if positive:
        text += ", mostly for " + _listed(positive[:2])
    if negative:
        text += ("; against it " if positive else ", against ") + _listed(negative[:1])
    return text + "."


def _speaker(who: str) -> str:
    """Return who answered as part of a sentence; empty for the universal model."""
    if who == "universal":
        return ""
    return " by the blend" if who == "blend" else f" by the {who.replace('_', ' ')}"


def _listed(drivers: Sequence[Driver]) -> str:
    return " and ".join(
        f"{feature_words(d.feature)} ({'unknown' if d.value is None else format(d.value, '.4g')})"
        for d in drivers
    )
