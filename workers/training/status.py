"""What the training process says of itself: failures around it, timeframes without a model."""

from __future__ import annotations

import base64
from collections.abc import Mapping

import structlog

from schemas.dead_letter import DeadLetter
from schemas.models import ModelRegistered
from schemas.timeframes import timeframe_name
from schemas.topics import MODELS_REGISTERED, TRAINING_REQUESTS
from schemas.training import TrainingRequest
from streams.runtime.codec import dead_letter_topic
from streams.runtime.reader import Reader
from streams.runtime.settings import KafkaSettings
from streams.runtime.status import Report

log = structlog.get_logger()


class TrainingStatus:
    """Reports each change.

    A first model of a higher timeframe that cannot be trained is told and makes nothing degraded:
    the others go on, and an operator asks for it again when its history is longer.

    Args:
        report: Publishes a state and its detail.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self._mlflow = ""
        self._store = ""
        self._without_model: dict[int, str] = {}  # by timeframe, the cause
        self._publish()

    def recall(self, without_model: Mapping[int, str]) -> None:
        """Say by timeframe why an earlier process could not train its first model."""
        if without_model:
            self._without_model.update(without_model)
            self._publish()

    def mlflow(self, failure: str) -> None:
        """Say why MLflow is behind; an empty text: it is not."""
        self._mlflow = failure
        self._publish()

    def store(self, failure: str) -> None:
        """Say why a model's bundle is not stored yet; an empty text: none waits."""
        if failure != self._store:
            self._store = failure
            self._publish()

    def trained(self, request: TrainingRequest) -> None:
        """Say no more that a timeframe has no model."""
        if self._without_model.pop(request.timeframe_ms, None) is not None:
            self._publish()

    def refused(self, request: TrainingRequest, cause: str) -> None:
        """Say why a higher timeframe has no model yet; of others nothing changes."""
        if not is_first_of_higher(request):
            return
        self._without_model[request.timeframe_ms] = cause
        log.warning(
            "model.missing",
            timeframe=timeframe_name(request.timeframe_ms),
            cause=cause,
            remedy="none is needed for the other timeframes; when its history is longer: "
            f"`regimeflow train --timeframe {timeframe_name(request.timeframe_ms)}`",
        )
        self._publish()

    def _publish(self) -> None:
        missing = [
            f"bars of {timeframe_name(timeframe_ms)} have no model: {cause}"
            for timeframe_ms, cause in sorted(self._without_model.items())
        ]
        failures = [failure for failure in (self._store, self._mlflow) if failure]
        self._report("degraded" if failures else "running", "; ".join([*failures, *missing]))


def is_first_of_higher(request: TrainingRequest) -> bool:
    """Return whether a request is for the first model of a timeframe above the base bar."""
    return request.reason == "bootstrap" and request.base_ms is not None


def read_without_model(kafka: KafkaSettings) -> dict[int, str]:
    """Return by timeframe why its first model could not be trained, as the topics have it."""
    causes: dict[int, str] = {}
    with Reader(kafka, (dead_letter_topic(TRAINING_REQUESTS),)) as letters:
        for message in letters.read_to_end():
            letter = message.record
            if isinstance(letter, DeadLetter) and letter.kind != "undecodable":
                request = TrainingRequest.decode(base64.b64decode(letter.payload_base64))
                if is_first_of_higher(request):
                    causes[request.timeframe_ms] = letter.cause
    with Reader(kafka, (MODELS_REGISTERED,)) as registered:
        for message in registered.read_to_end():
            if isinstance(message.record, ModelRegistered):
                causes.pop(message.record.timeframe_ms, None)
    return causes
