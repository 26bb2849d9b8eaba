"""Explain: predictions and the features behind them in, explanations out, off the hot path.

    features.vectors.v1, predictions.ensemble.v1, predictions.requests.v1  -->  [explain]
      -->  explanations.attributions.v1

Every prediction is explained. Those of a poll that are not neutral come first. Neutral ones, the
newest first, get the time of ``allowance``; what it passes over is explained on request. When
something is explained depends on the clock, what is said of it does not. Feature rows wait in
memory for the prediction of their bar; a restore reads them again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
from workers.explain.allowance import NeutralAllowance
from workers.explain.attribution import ExplainableModel, explain, explained_class
from workers.explain.history import BARS_AHEAD, BARS_BEHIND, ExplainHistory
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
        """Add a model; the oldest of its timeframe goes when there are too many."""
        self.models.pop(model.version, None)
        self.models[model.version] = model
        timeframe_ms = model.manifest.timeframe_ms
        same = [v for v, each in self.models.items() if each.manifest.timeframe_ms == timeframe_ms]
        for version in same[:-MODELS_IN_MEMORY]:
            del self.models[version]

    def history(self, key: StateKey) -> ExplainHistory:
        """Return the history of a symbol and timeframe."""
        return self.histories.setdefault(key, ExplainHistory())

    def bars_ahead(self, timeframe_ms: int) -> int:
        """Return how many bars of a timeframe may wait for their predictions."""
        served = any(m.manifest.timeframe_ms == timeframe_ms for m in [*self.models.values()])
        return BARS_AHEAD if served else BARS_BEHIND

    def explain(self, prediction: Prediction) -> Explanation:
        """Explain a prediction by the model that made it; raises as ``inputs`` does."""
        model, window = self.inputs(prediction)
        return explain(model, prediction, window)

    def predicted(self, request: PredictionRequest) -> Prediction | None:
        """Return the prediction that a request is about; None where another process holds it."""
        history = self.histories.get(_key(request))
        encoded = None if history is None else history.predictions.get(request.bar_time_ms)
        return None if encoded is None else Prediction.decode(encoded)

    def inputs(self, prediction: Prediction) -> tuple[ExplainableModel, NDArray[np.float64]]:
        """Return the model that made a prediction, and what it saw, shape (window, F).

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
        return model, self.history(_key(prediction)).window(model, prediction)


def explain_processor(
    explainable: ExplainableModels, allowance: NeutralAllowance | None = None
) -> Processor:
    """Return the processor over the models that the worker loads."""
    allowance = allowance or NeutralAllowance()

    def step_batch(
        states: Mapping[StateKey, Any], records: Sequence[Record]
    ) -> tuple[Mapping[StateKey, Any], Sequence[Outputs]]:
        return _ExplainBatch(explainable, allowance, dict(states)).run(records)

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
        step_batch=step_batch,
        state_key=("symbol", "timeframe_ms"),
        window=REFILL_INPUTS,
        refill=refill,
    )


def _key(record: Any) -> StateKey:
    return (record.symbol, record.timeframe_ms)


class _ExplainBatch:
    """One poll: what is asked for or directional at once, then neutral ones as time allows."""

    def __init__(
        self,
        explainable: ExplainableModels,
        allowance: NeutralAllowance,
        states: dict[StateKey, ExplainState],
    ) -> None:
        self._explainable = explainable
        self._allowance = allowance
        self._states = states
        self._neutral: list[tuple[int, Prediction]] = []
        self._explained: set[str] = set()  # ids of predictions
        self._outputs: list[Outputs] = []

    def run(
        self, records: Sequence[Record]
    ) -> tuple[Mapping[StateKey, ExplainState], Sequence[Outputs]]:
        """Return changed states and the explanations that each record led to."""
        before = dict(self._states)
        self._outputs = [() for _ in records]
        for number, record in enumerate(records):
            if isinstance(record, PredictionRequest):
                if record.explain and record.model_override is None and record.prediction is None:
                    history = self._explainable.history(_key(record))
                    self._explain((number, history.prediction(record.bar_time_ms)))
            elif isinstance(record, FeatureVector | Prediction):
                self._receive(number, record)
        self._explain_neutral()
        changed = {k: s for k, s in self._states.items() if s is not before.get(k)}
        return changed, self._outputs

    def _receive(self, number: int, record: FeatureVector | Prediction) -> None:
        key = _key(record)
        state, history = self._states[key], self._explainable.history(key)
        if isinstance(record, FeatureVector):
            history.add(record, self._explainable.bars_ahead(record.timeframe_ms))
            self._states[key], due = _featured(state, record)
        else:
            self._states[key], due = _predicted(history, state, record)
        if due is not None and explained_class(due) == "neutral":
            self._neutral.append((number, due))
        elif due is not None:
            self._explain((number, due))

    def _explain(self, due: tuple[int, Prediction]) -> None:
        number, prediction = due
        self._outputs[number] = (self._explainable.explain(prediction),)
        self._explained.add(prediction.prediction_id)

    def _explain_neutral(self) -> None:
        waiting = [due for due in self._neutral if due[1].prediction_id not in self._explained]
        waiting.sort(key=lambda due: due[1].event_time_ms, reverse=True)
        self._allowance.spend(waiting, self._explain)


def _featured(
    state: ExplainState, features: FeatureVector
) -> tuple[ExplainState, Prediction | None]:
    """Return the prediction that waited for these features; drop an older one."""
    waiting, now = state.pending, features.event_time_ms
    if waiting is None or waiting.event_time_ms > now:
        return (state if state.seen else state.model_copy(update={"seen": True})), None
    done = state.model_copy(update={"pending": None})
    return done, waiting if waiting.event_time_ms == now else None


def _predicted(
    history: ExplainHistory, state: ExplainState, prediction: Prediction
) -> tuple[ExplainState, Prediction | None]:
    """Return a prediction that is new, unless it has to wait for the features of its bar."""
    now = prediction.event_time_ms
    if now <= state.event_time_ms:
        return state, None
    history.add(prediction)
    state = state.model_copy(update={"event_time_ms": now, "seen": True})
    if now in history.rows:
        return state, prediction
    if state.pending is not None and explained_class(prediction) == "neutral":
        return state, None  # one place to wait: the directional one keeps it
    return state.model_copy(update={"pending": prediction}), None
