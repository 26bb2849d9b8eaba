"""Inference: predicts each bar close from its feature vector and regime posterior.

    configs.effective.v1, features.vectors.v1, regimes.probabilities.v1, predictions.requests.v1
      -->  [inference]  -->  predictions.ensemble.v1, predictions.shadow.v1,
    predictions.replies.v1

All symbols of a poll go through a model together. A bar's timeframe and time alone decide its
model: the one with the latest ``effective_from_ms`` at or before it. A posterior names the model of
its regime filter, so a bar waits for a model that is still being loaded, and where another one is
named than at the bar before, until the change to it is applied. The config that is effective at a
bar weighs the specialists. Challengers predict beside the models that serve, from the same inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import compress
from typing import Any

from schemas.configs import ConfigEffective
from schemas.features import FeatureVector
from schemas.predictions import Prediction, PredictionReply, PredictionRequest
from schemas.record import Record
from schemas.regimes import RegimeProbabilities
from schemas.timeframes import timeframe_name
from schemas.topics import (
    CONFIG_EFFECTIVE,
    FEATURE_VECTORS,
    PREDICTION_REPLIES,
    PREDICTION_REQUESTS,
    PREDICTIONS,
    REGIME_PROBABILITIES,
    SHADOW_PREDICTIONS,
)
from streams.processor import Outputs, Processor, StateKey
from workers.serving.pairing import (
    WINDOW,
    PairedBar,
    PairingState,
    receive,
    receive_config,
    refill,
)
from workers.serving.predict import model_inputs, predict
from workers.serving.shadows import Predicted, Shadows
from workers.serving.slots import FeaturesMissing, LoadedEnsemble, Slots

Clock = Callable[[], int]
WaitForModel = Callable[[str, Callable[[], bool]], None]


def inference_processor(
    slots: Slots, wall_clock_ms: Clock, wait_for: WaitForModel, shadows: Shadows | None = None
) -> Processor:
    """Return the processor over the loaded models.

    Args:
        slots: The worker fills them from ``models.changes.v1``.
        wall_clock_ms: For the deadlines of requests alone; no prediction reads it.
        wait_for: Returns once a model version has been loaded and what is asked of it holds, or
            once it has been refused.
        shadows: The worker fills them from ``challenges.events.v1``; None: nobody challenges.
    """
    challengers = shadows or Shadows()

    def step_batch(
        states: Mapping[StateKey, Any], records: Sequence[Record]
    ) -> tuple[Mapping[StateKey, Any], Sequence[Outputs]]:
        with slots.way.taken():
            batch = _InferenceBatch(slots, wall_clock_ms, wait_for, challengers, dict(states))
            return batch.run(records)

    return Processor(
        name="inference",
        # At one time the config comes first.
        reads=(CONFIG_EFFECTIVE, FEATURE_VECTORS, REGIME_PROBABILITIES, PREDICTION_REQUESTS),
        writes=(PREDICTIONS, SHADOW_PREDICTIONS, PREDICTION_REPLIES),
        initial=PairingState(),
        step_batch=step_batch,
        state_key=("symbol", "timeframe_ms"),
        window=WINDOW,
        refill=refill,
    )


class _InferenceBatch:
    """One poll: pairs the halves, gathers rows by model, predicts, answers requests."""

    def __init__(
        self,
        slots: Slots,
        clock: Clock,
        wait_for: WaitForModel,
        shadows: Shadows,
        states: dict[StateKey, PairingState],
    ) -> None:
        self._slots = slots
        self._clock = clock
        self._wait_for = wait_for
        self._shadows = shadows
        self._states = states
        self._waiting: dict[str, tuple[LoadedEnsemble, list[tuple[int, PairedBar]]]] = {}
        self._outputs: list[Outputs] = []

    def run(
        self, records: Sequence[Record]
    ) -> tuple[Mapping[StateKey, PairingState], Sequence[Outputs]]:
        """Return changed states and the outputs of each record."""
        before = dict(self._states)
        self._outputs = [() for _ in records]
        for number, record in enumerate(records):
            if isinstance(record, PredictionRequest):
                if record.model_override is not None:  # the explain process answers the others
                    self._predict_waiting()
                    self._outputs[number] = (self._reply(record, record.model_override),)
            elif isinstance(record, FeatureVector | RegimeProbabilities):
                self._receive(number, record)
            elif isinstance(record, ConfigEffective):
                key = (record.symbol, record.timeframe_ms)
                self._states[key] = receive_config(self._states[key], record)
        self._predict_waiting()
        changed = {k: s for k, s in self._states.items() if s is not before.get(k)}
        return changed, self._outputs

    def _receive(self, number: int, half: FeatureVector | RegimeProbabilities) -> None:
        key = (half.symbol, half.timeframe_ms)
        before: PairedBar | None = self._states[key].pair
        self._states[key], pair = receive(self._states[key], half)
        if pair is None:
            return
        self._wait(pair.regimes, before)
        model = self._slots.for_bar(half.timeframe_ms, half.event_time_ms)
        if model is None:
            return
        try:
            model.columns(pair.window.feature_set_id, pair.window.names)
        except FeaturesMissing:  # the status says so
            return
        self._waiting.setdefault(model.version, (model, []))[1].append((number, pair))

    def _wait(self, regimes: RegimeProbabilities, before: PairedBar | None) -> None:
        """Wait for the model that a bar names, and, if the bar before named another, its change."""
        named = regimes.parameters_version
        if named is None:
            return
        last = None if before is None else before.regimes.parameters_version

        def serves() -> bool:
            return last in (None, named) or self._slots.serves(
                named, regimes.timeframe_ms, regimes.event_time_ms
            )

        self._wait_for(named, serves)

    def _predict_waiting(self) -> None:
        for model, waiting in self._waiting.values():
            inputs = model_inputs(model, [pair.window for _, pair in waiting])
            ready = list(compress(waiting, inputs.complete.tolist()))
            if not ready:
                continue
            if len(ready) < len(waiting):
                inputs = inputs.of(inputs.complete)
            predictions = predict(model, [pair for _, pair in ready], inputs)
            predicted = [
                Predicted(number, pair, prediction)
                for (number, pair), prediction in zip(ready, predictions, strict=True)
            ]
            for number, _, prediction in predicted:
                self._outputs[number] = (prediction,)
            for number, shadow in self._shadows.predictions(model.timeframe_ms, predicted):
                self._outputs[number] = (*self._outputs[number], shadow)
        self._waiting.clear()

    def _reply(self, request: PredictionRequest, model_name: str) -> PredictionReply:
        def reply(
            status: Any, detail: str = "", prediction: Prediction | None = None
        ) -> PredictionReply:
            return PredictionReply(
                request_id=request.request_id,
                reply_to=request.reply_to,
                event_time_ms=request.event_time_ms,
                status=status,
                detail=detail,
                prediction=prediction,
            )

        if self._clock() > request.deadline_ms:
            return reply("expired")
        state = self._states[request.symbol, request.timeframe_ms]
        pair: PairedBar | None = state.pair
        if pair is None or pair.features.event_time_ms != request.bar_time_ms:
            return reply("unknown_bar", f"the newest bar here closed at {state.event_time_ms}")
        model = self._slots.named(model_name, request.timeframe_ms)
        answerer = request.answerer
        if model is None or answerer not in (None, *model.answerers):
            return reply("unknown_model", self._why_unknown(model_name, request))
        try:
            inputs = model_inputs(model, [pair.window])
        except FeaturesMissing as mismatch:
            return reply("failed", str(mismatch))
        if not inputs.complete[0]:
            return reply("failed", "features of this bar are not complete")
        return reply("ok", prediction=predict(model, [pair], inputs, answerer)[0])

    def _why_unknown(self, name: str, request: PredictionRequest) -> str:
        loaded, timeframe_ms = self._slots.all(), request.timeframe_ms
        model = self._slots.named(name, timeframe_ms)
        if model is not None and request.answerer is not None:
            why = model.manifest.selection.why_not(request.answerer)
            return f"{request.answerer} of model {model.version} is {why}"
        others = sorted({model.timeframe_ms for model in loaded if name in model.names})
        if others:
            return (
                f"{name} predicts bars of {', '.join(map(timeframe_name, others))}, the request is "
                f"about a bar of {timeframe_name(timeframe_ms)}"
            )
        return f"loaded: {', '.join(model.version for model in loaded) or 'none'}"
