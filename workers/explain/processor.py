"""Explain: predictions and the features behind them in, explanations out, off the hot path.

    features.vectors.v1, predictions.ensemble.v1, predictions.requests.v1  -->  [explain]
      -->  explanations.attributions.v1

Every prediction that is not neutral is explained at once, others when asked for. Feature rows
wait in memory until the prediction of their bar has come; they are read again at restore.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.explanations import Explanation
from schemas.features import FeatureVector
from schemas.predictions import Prediction, PredictionRequest
from schemas.record import Record
from schemas.topics import EXPLANATIONS, FEATURE_VECTORS, PREDICTION_REQUESTS, PREDICTIONS
from streams.processor import Outputs, Processor, RecordRejected, StateKey
from workers.explain.attribution import ExplainableModel, explain, explained_class

BARS_BEHIND = 256  # kept behind the newest prediction: a window, and what may be asked for
BARS_AHEAD = 20_000  # features that run ahead of predictions, as in a fast replay
RESTORED = 2_048  # inputs read back at restore


class ExplainState(Record):
    """The newest prediction seen, and predictions whose features have not come yet."""

    event_time_ms: int = -1
    pending: tuple[Prediction, ...] = ()


@dataclass
class History:
    """Feature rows and predictions of one symbol by bar; filling it twice changes nothing."""

    rows: dict[int, NDArray[np.float32]] = field(default_factory=dict)
    names: dict[int, tuple[str, ...]] = field(default_factory=dict)
    predictions: dict[int, Prediction] = field(default_factory=dict)

    def add(self, record: FeatureVector | Prediction) -> None:
        """Hold one record of either topic."""
        if isinstance(record, Prediction):
            self.predictions[record.event_time_ms] = record
            self._prune(record.event_time_ms - BARS_BEHIND * record.timeframe_ms)
            return
        values = [np.nan if v is None else v for v in record.values.values()]
        self.rows[record.event_time_ms] = np.array(values, dtype=np.float32)
        self.names[record.event_time_ms] = tuple(record.values)
        if len(self.rows) > BARS_AHEAD:
            self._prune(next(iter(self.rows)) + record.timeframe_ms)

    def _prune(self, before_ms: int) -> None:
        for held in (self.rows, self.names, self.predictions):
            while held and (oldest := next(iter(held))) < before_ms:
                del held[oldest]

    def window(self, model: ExplainableModel, prediction: Prediction) -> NDArray[np.float64] | None:
        """Return the prediction's inputs in model order; None while one of them is not here."""
        length = model.network.config.window
        last, step = prediction.event_time_ms, prediction.timeframe_ms
        times = range(last - (length - 1) * step, last + 1, step)
        if any(t not in self.rows for t in times):
            return None
        place = {name: i for i, name in enumerate(self.names[last])}
        columns = [place[name] for name in model.manifest.feature_names]
        return np.array([self.rows[t][columns] for t in times], dtype=np.float64)


@dataclass
class Explainers:
    """Loaded models by version, and how many explanations could not be made."""

    models: dict[str, ExplainableModel] = field(default_factory=dict)
    histories: dict[StateKey, History] = field(default_factory=dict)

    def history(self, key: StateKey) -> History:
        """Return the history of a symbol and timeframe."""
        return self.histories.setdefault(key, History())


def explain_processor(explainers: Explainers) -> Processor:
    """Return the processor over models that the worker keeps loaded."""

    def step_batch(
        states: Mapping[StateKey, Any], records: Sequence[Record]
    ) -> tuple[Mapping[StateKey, Any], Sequence[Outputs]]:
        now = dict(states)
        outputs = []
        for record in records:
            key = _key(record)
            now[key], made = _step(explainers, now[key], record)
            outputs.append(made)
        return {k: s for k, s in now.items() if s is not states.get(k)}, outputs

    def refill(state: Any, last_inputs: Sequence[Record]) -> Any:
        for record in last_inputs:
            if isinstance(record, FeatureVector | Prediction):
                explainers.history(_key(record)).add(record)
        return state

    return Processor(
        name="explain",
        reads=(FEATURE_VECTORS, PREDICTIONS, PREDICTION_REQUESTS),
        writes=(EXPLANATIONS,),
        initial=ExplainState(),
        step_batch=step_batch,
        state_key=("symbol", "timeframe_ms"),
        window=RESTORED,
        refill=refill,
    )


def _key(record: Any) -> StateKey:
    return (record.symbol, record.timeframe_ms)


def _step(
    explainers: Explainers, state: ExplainState, record: Record
) -> tuple[ExplainState, Outputs]:
    history = explainers.history(_key(record))
    if isinstance(record, PredictionRequest):
        return state, _asked(explainers, history, record)
    if isinstance(record, FeatureVector):
        history.add(record)
        due = [p for p in state.pending if p.event_time_ms <= record.event_time_ms]
        if not due:
            return state, ()
        made = tuple(e for p in due if (e := _explained(explainers, history, p)) is not None)
        rest = tuple(p for p in state.pending if p.event_time_ms > record.event_time_ms)
        return state.model_copy(update={"pending": rest}), made
    assert isinstance(record, Prediction)  # noqa: S101 - the third of three topics
    return _predicted(explainers, history, state, record)


def _predicted(
    explainers: Explainers, history: History, state: ExplainState, prediction: Prediction
) -> tuple[ExplainState, Outputs]:
    if prediction.event_time_ms <= state.event_time_ms:
        return state, ()
    history.add(prediction)
    state = state.model_copy(update={"event_time_ms": prediction.event_time_ms})
    if explained_class(prediction) == "neutral":
        return state, ()
    if prediction.event_time_ms not in history.rows:
        return state.model_copy(update={"pending": (*state.pending, prediction)}), ()
    found = _explained(explainers, history, prediction)
    return state, () if found is None else (found,)


def _asked(explainers: Explainers, history: History, request: PredictionRequest) -> Outputs:
    prediction = history.predictions.get(request.bar_time_ms)
    if not request.explain or prediction is None:
        return ()
    found = _explained(explainers, history, prediction)
    return () if found is None else (found,)


def _explained(
    explainers: Explainers, history: History, prediction: Prediction
) -> Explanation | None:
    model = explainers.models.get(prediction.model_version)
    if model is None:
        raise RecordRejected(
            f"model {prediction.model_version} of prediction {prediction.prediction_id} is not "
            f"loaded; loaded: {', '.join(explainers.models) or 'none'}"
        )
    window = history.window(model, prediction)
    if window is None:
        raise RecordRejected(
            f"features behind prediction {prediction.prediction_id} are out of reach: "
            f"{len(history.rows)} bars are held"
        )
    return explain(model, prediction, window)
