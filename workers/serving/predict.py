"""From pairs to predictions: one batch of symbols through one model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from schemas.ids import derived_id
from schemas.predictions import ClassProbabilities, MarketContext, Prediction, RegimeView
from schemas.topics import PREDICTIONS
from streams.costs import label_threshold
from workers.models.ensemble import (
    SPECIALISTS,
    calibrate,
    class_probabilities,
    pool,
    specialist_weights,
)
from workers.serving.pairing import FeatureWindow, PairedBar
from workers.serving.slots import LoadedEnsemble


class FeaturesMissing(ValueError):
    """A model was trained on features that are no longer made."""


def model_inputs(model: LoadedEnsemble, window: FeatureWindow) -> NDArray[np.float64] | None:
    """Return the model's window, shape (window, F) in model order; None while it is incomplete.

    Vectors of another feature set fit as long as they hold the model's features.

    Raises:
        FeaturesMissing: They do not; the message names what is missing.
    """
    if missing := sorted(set(model.manifest.feature_names) - set(window.names)):
        raise FeaturesMissing(
            f"feature set {window.feature_set_id} does not fit model {model.version}: it lacks "
            f"{', '.join(missing)}"
        )
    if len(window.times) < model.window:
        return None
    columns = model.columns(window.feature_set_id, window.names)
    rows = window.rows[-model.window :].take(columns, axis=1)
    return None if np.isnan(rows).any() else rows


def predict(
    model: LoadedEnsemble, pairs: Sequence[PairedBar], windows: NDArray[np.float64]
) -> list[Prediction]:
    """Return one prediction for each pair; a row's result does not depend on its batch.

    Args:
        model: The model of these bars.
        pairs: N pairs.
        windows: Their inputs, shape (N, window, F).
    """
    manifest = model.manifest
    regimes = np.array([(p.regimes.bull, p.regimes.bear, p.regimes.sideways) for p in pairs])
    entropies = np.array([pair.regimes.entropy for pair in pairs])
    members = model.members(np.hstack((windows[:, -1], regimes)), windows)
    pooled = pool(members, manifest.member_weights)
    final = calibrate(pooled, np.array(manifest.class_prior), manifest.temperature)
    parts = {name: class_probabilities(rows) for name, rows in members.items()}
    specialists = specialist_weights(regimes, entropies, manifest.strategy_matrix).tolist()
    return [
        _prediction(
            model,
            pair,
            {name: rows[i] for name, rows in parts.items()},
            chance,
            dict(zip(SPECIALISTS, specialists[i], strict=True)),
        )
        for i, (pair, chance) in enumerate(zip(pairs, class_probabilities(final), strict=True))
    ]


def _prediction(
    model: LoadedEnsemble,
    pair: PairedBar,
    members: dict[str, ClassProbabilities],
    final: ClassProbabilities,
    specialists: dict[str, float],
) -> Prediction:
    features, regimes, manifest = pair.features, pair.regimes, model.manifest
    return Prediction(
        prediction_id=derived_id(
            PREDICTIONS.name,
            features.symbol,
            features.timeframe_ms,
            features.event_time_ms,
            model.version,
        ),
        symbol=features.symbol,
        timeframe_ms=features.timeframe_ms,
        event_time_ms=features.event_time_ms,
        available_time_ms=max(features.available_time_ms, regimes.available_time_ms),
        strategy=manifest.strategy,
        model_version=model.version,
        qualified=model.registered.qualified,
        feature_set_id=features.feature_set_id,
        probabilities=final,
        members=members,
        member_weights=dict(manifest.member_weights),
        strategy_weights=specialists,
        regime=RegimeView(
            bull=regimes.bull,
            bear=regimes.bear,
            sideways=regimes.sideways,
            entropy=regimes.entropy,
            trend_state=regimes.trend_state,
            parameters_version=regimes.parameters_version,
        ),
        context=MarketContext(
            open=features.open,
            close=features.close,
            natr=features.values.get("natr_14"),
            volume_to_median=features.values.get("volume_to_median_20"),
            higher_direction=features.values.get("htf1_direction"),
            funding_rate=features.funding_rate,
            funding_time_ms=features.funding_time_ms,
            bars_missing=features.bars_missing,
        ),
        horizon_bars=manifest.horizon_bars,
        threshold=label_threshold(
            features[manifest.volatility_feature], manifest.horizon_bars, manifest.label_width
        ),
        device=model.network.device,
    )
