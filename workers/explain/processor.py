"""Explain: predictions and the features behind them in, explanations out, off the hot path.

    features.vectors.v1, predictions.ensemble.v1, predictions.requests.v1  -->  [explain]
      -->  explanations.attributions.v1

Every prediction that is not neutral is explained at once, a neutral one on request. Feature rows
wait in memory for the prediction of their bar; a restore reads them again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from schemas.explanations import Explanation
from schemas.features import FeatureVector
from schemas.predictions import Prediction, PredictionRequest
from schemas.record import Record
from schemas.topics import EXPLANATIONS, FEATURE_VECTORS, PREDICTION_REQUESTS, PREDICTIONS
from streams.processor import Outputs, Processor, RecordRejected, StateKey
from workers.explain.attribution import ExplainableModel, explain, explained_class
from workers.explain.history import BARS_BEHIND, ExplainHistory
from workers.serving.slots import MODELS_IN_MEMORY

REFILL_INPUTS = BARS_BEHIND + 64  # read back at restore: the history, and a window before it


class ExplainState(Record):
    """The newest prediction, and one that waits for the features of its bar."""

    seen: bool = False  # a key that has a state is restored with its features
    event_time_ms: int = -1
    pending: Prediction | None = None


@dataclass
class ExplainableModels:
    """Loaded models by version, and the history of each symbol.

    Attributes:
        wait_for: Returns once a model version has been loaded or refused.
    """

    wait_for: Callable[[str], None]
    models: dict[str, ExplainableModel] = field(default_factory=dict)
    histories: dict[StateKey, ExplainHistory] = field(default_factory=dict)

    def put(self, model: ExplainableModel) -> None:
        """Add a model; the oldest goes when there are too many."""
        self.models.pop(model.version, None)
        self.models[model.version] = model
        for version in list(self.models)[:-MODELS_IN_MEMORY]:
            del self.models[version]

    def history(self, key: StateKey) -> ExplainHistory:
        """Return the history of a symbol and timeframe."""
        return self.histories.setdefault(key, ExplainHistory())

    def explain(self, prediction: Prediction) -> Explanation:
        """Explain a prediction by the model that made it.

        Raises:
            RecordRejected: The model or the features are not in memory.
        """
        self.wait_for(prediction.model_version)
        model = self.models.get(prediction.model_version)
        if model is None:
            raise RecordRejected(
                f"model {prediction.model_version} of prediction {prediction.prediction_id} is "
                f"not loaded; loaded: {', '.join(self.models) or 'none'}"
            )
        return explain(model, prediction, self.history(_key(prediction)).window(model, prediction))


def explain_processor(explainable: ExplainableModels) -> Processor:
    """Return the processor over the models that the worker loads."""

    def step(state: ExplainState, record: Record) -> tuple[ExplainState, Outputs]:
        history = explainable.history(_key(record))
        if isinstance(record, PredictionRequest):
            if not record.explain or record.model_override is not None:
                return state, ()
            return state, (explainable.explain(history.prediction(record.bar_time_ms)),)
        if isinstance(record, FeatureVector):
            history.add(record)
            return _featured(explainable, state, record)
        assert isinstance(record, Prediction)  # noqa: S101 - the third of its topics
        return _predicted(explainable, history, state, record)

    def refill(state: Any, last_inputs: Sequence[Record]) -> Any:
        inputs = [r for r in last_inputs if isinstance(r, FeatureVector | Prediction)]
        if inputs:
            explainable.histories[_key(inputs[0])] = history = ExplainHistory()
            for record in inputs:
                history.add(record)
        return state

    return Processor(
        name="explain",
        reads=(FEATURE_VECTORS, PREDICTIONS, PREDICTION_REQUESTS),
        writes=(EXPLANATIONS,),
        initial=ExplainState(),
        step=step,
        state_key=("symbol", "timeframe_ms"),
        window=REFILL_INPUTS,
        refill=refill,
    )


def _key(record: Any) -> StateKey:
    return (record.symbol, record.timeframe_ms)


def _featured(
    explainable: ExplainableModels, state: ExplainState, features: FeatureVector
) -> tuple[ExplainState, Outputs]:
    """Explain the prediction that waited for these features; drop an older one."""
    waiting, now = state.pending, features.event_time_ms
    if waiting is None or waiting.event_time_ms > now:
        return (state if state.seen else state.model_copy(update={"seen": True})), ()
    done = state.model_copy(update={"pending": None})
    return done, (explainable.explain(waiting),) if waiting.event_time_ms == now else ()


def _predicted(
    explainable: ExplainableModels,
    history: ExplainHistory,
    state: ExplainState,
    prediction: Prediction,
) -> tuple[ExplainState, Outputs]:
    now = prediction.event_time_ms
    if now <= state.event_time_ms:
        return state, ()
    history.add(prediction)
    state = state.model_copy(update={"event_time_ms": now, "seen": True})
    if explained_class(prediction) == "neutral":
        return state, ()
    if now not in history.rows:
        return state.model_copy(update={"pending": prediction}), ()
    return state, (explainable.explain(prediction),)
