"""From pairs to predictions: one batch of symbols through one model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.ids import derived_id
from schemas.predictions import ClassProbabilities, MarketContext, Prediction, RegimeView
from schemas.specialists import SPECIALISTS, Answerer
from schemas.topics import PREDICTIONS
from streams.costs import label_threshold
from streams.signals.risk import LEVEL_FEATURE
from workers.models.calibration import CalibrationLookup
from workers.models.ensemble import class_probabilities
from workers.serving.pairing import FeatureWindow, PairedBar, PreparedRows, RowsInOrder
from workers.serving.selection import Regimes, answer
from workers.serving.slots import LoadedEnsemble


class Spoken(NamedTuple):
    """What a model says of one bar: calibrated, by member, the specialists' weights, and who."""

    probabilities: ClassProbabilities
    members: dict[str, ClassProbabilities]
    weights: dict[str, float]
    answered_by: Literal[Answerer, "blend"]
    why: str
    as_selected: bool


class ModelInputs(NamedTuple):
    """What a model sees of N bars.

    Attributes:
        rows: Features of the last bar in model order, shape (N, F).
        windows: The last bars as its network prepared them, oldest first, shape (N, window, P).
        complete: Whether a window is full and without a null, shape (N,).
    """

    rows: NDArray[np.float64]
    windows: NDArray[np.float32]
    complete: NDArray[np.bool_]

    def of(self, chosen: NDArray[np.bool_]) -> ModelInputs:
        """Return the inputs of the chosen bars."""
        return ModelInputs(self.rows[chosen], self.windows[chosen], self.complete[chosen])


def model_inputs(model: LoadedEnsemble, windows: Sequence[FeatureWindow]) -> ModelInputs:
    """Return a model's inputs; each row of a symbol is prepared once, whatever windows share it.

    Raises:
        FeaturesMissing: A window lacks features of the model.
    """
    rows = np.array(
        [
            window.shared.rows[window.end - 1].take(
                model.columns(window.feature_set_id, window.names)
            )
            for window in windows
        ]
    )
    _prepare_rows(model, windows)
    length = model.window
    prepared = [window.shared.prepared[model.version].rows for window in windows]
    inputs = np.empty((len(windows), length, prepared[0].shape[1]), dtype=np.float32)
    complete = np.empty(len(windows), dtype=np.bool_)
    for i, (window, kept) in enumerate(zip(windows, prepared, strict=True)):
        complete[i] = full = len(window.times) >= length
        inputs[i] = kept[window.end - length : window.end] if full else np.nan
    return ModelInputs(rows, inputs, complete & ~np.isnan(inputs[:, :, 0]).any(axis=1))


def _prepare_rows(model: LoadedEnsemble, windows: Sequence[FeatureWindow]) -> None:
    """Prepare the rows of some windows that are not yet; a row with a null becomes all NaN."""
    todo: list[tuple[RowsInOrder, int]] = []
    raw: list[NDArray[np.float64]] = []
    for window in windows:
        first = window.end - min(model.window, len(window.times))
        prepared = window.shared.prepared.get(model.version)
        if prepared is not None:
            first = prepared.missing_from(first)
        if first < window.end:
            columns = model.columns(window.feature_set_id, window.names)
            todo.append((window.shared, first))
            raw.append(window.shared.rows[first : window.end].take(columns, axis=1))
    if not todo:
        return
    rows = np.concatenate(raw)
    made = model.network.prepare(rows[:, None])[:, 0]
    made[np.isnan(rows).any(axis=1)] = np.nan
    start = 0
    for (shared, first), part in zip(todo, raw, strict=True):
        kept = shared.prepared.setdefault(model.version, PreparedRows(made.shape[1]))
        kept.write(first, made[start : start + len(part)])
        start += len(part)


def predict(
    model: LoadedEnsemble,
    pairs: Sequence[PairedBar],
    inputs: ModelInputs,
    named: Answerer | None = None,
) -> list[Prediction]:
    """Return one prediction for each pair; a row's result does not depend on its batch.

    Args:
        model: The model of these bars.
        pairs: N pairs.
        inputs: Theirs, all complete.
        named: Who is to answer instead of the model's own choice; it must be loaded.
    """
    views = [_regime_view(pair) for pair in pairs]
    regimes = Regimes(
        np.array([(view.bull, view.bear, view.sideways) for view in views]),
        np.array([view.entropy for view in views]),
        [pair.policy(model.manifest.strategy) for pair in pairs],
    )
    rows = model.forest_rows(
        np.hstack((inputs.rows, regimes.probabilities)), [pair.features.symbol for pair in pairs]
    )
    answers = answer(model, rows, inputs.windows, regimes, named)
    parts = zip(*map(class_probabilities, answers.members.values()), strict=True)
    finals = class_probabilities(answers.probabilities)
    predictions = []
    for i, (pair, view, chances, members) in enumerate(
        zip(pairs, views, finals, parts, strict=True)
    ):
        spoken = Spoken(
            chances,
            dict(zip(answers.members, members, strict=True)),
            dict(zip(SPECIALISTS, answers.weights[i].tolist(), strict=True)),
            answers.answered_by[i],
            answers.why[i],
            answers.as_selected[i],
        )
        predictions.append(_prediction(model, pair, view, spoken, named))
    return predictions


def _tables(model: LoadedEnsemble, spoken: Spoken) -> CalibrationLookup | None:
    """Return what scores of these answers were worth out of sample; None where nobody learned it.

    Bundles that are older than tables of a selection have those of the universal model alone.
    """
    if spoken.as_selected and model.selection_calibration is not None:
        return model.selection_calibration
    return model.calibration if spoken.answered_by == "universal" else None


def _distrusted(model: LoadedEnsemble, symbol: str, named: Answerer | None) -> str | None:
    """Return why an answer is unqualified whatever the gates of its model say; None: it is not."""
    if symbol not in model.symbols:
        return f"model {model.version} was not trained on {symbol}"
    selection = model.manifest.selection
    if named in (None, "universal") or named in selection.qualified:
        return None
    return f"{named} is {selection.why_not(named)}"


def _regime_view(pair: PairedBar) -> RegimeView:
    regimes = pair.regimes
    return RegimeView.unchecked(
        bull=regimes.bull,
        bear=regimes.bear,
        sideways=regimes.sideways,
        entropy=regimes.entropy,
        trend_state=regimes.trend_state,
        parameters_version=regimes.parameters_version,
    )


def _prediction(
    model: LoadedEnsemble,
    pair: PairedBar,
    regime: RegimeView,
    spoken: Spoken,
    named: Answerer | None,
) -> Prediction:
    features, manifest = pair.features, model.manifest
    distrusted = _distrusted(model, features.symbol, named)
    tables = _tables(model, spoken) if features.symbol in model.symbols else None
    final = spoken.probabilities
    # Two answers of one model at one bar are two predictions.
    which = () if named is None else (named,)
    return Prediction.unchecked(
        prediction_id=derived_id(
            PREDICTIONS.name,
            features.symbol,
            features.timeframe_ms,
            features.event_time_ms,
            model.version,
            *which,
        ),
        symbol=features.symbol,
        timeframe_ms=features.timeframe_ms,
        event_time_ms=features.event_time_ms,
        available_time_ms=max(features.available_time_ms, pair.regimes.available_time_ms),
        strategy=manifest.strategy,
        model_version=model.version,
        qualified=model.registered.qualified and distrusted is None,
        feature_set_id=features.feature_set_id,
        probabilities=final,
        members=spoken.members,
        member_weights=dict(manifest.member_weights),
        strategy_weights=spoken.weights,
        regime=regime,
        context=MarketContext.unchecked(
            open=features.open,
            close=features.close,
            natr=features.values.get(LEVEL_FEATURE),
            volume_to_median=features.values.get("volume_to_median_20"),
            higher_direction=features.values.get("htf1_direction"),
            funding_rate=features.funding_rate,
            funding_time_ms=features.funding_time_ms,
            bars_missing=features.bars_missing,
            high=features.high,
            low=features.low,
        ),
        horizon_bars=manifest.horizon_bars,
        threshold=label_threshold(
            features[manifest.volatility_feature], manifest.horizon_bars, manifest.label_width
        ),
        device=model.network.device,
        confidence_interval=None if tables is None else tables.confidence_interval(final),
        expected_return=None if tables is None else tables.expected_return(final),
        answered_by=spoken.answered_by,
        why=spoken.why,
        distrusted=distrusted,
    )
