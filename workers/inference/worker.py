"""The inference process: loads models as they change, predicts every bar close.

A change of model arrives on ``models.changes.v1``, which every instance reads whole. A model is
loaded and checked before it can serve, and while one loads no bar is predicted: a bar at or
after ``effective_from_ms`` waits rather than go to the model before. A model that cannot be
loaded is refused, the one before keeps serving, and the status says ``degraded``.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from schemas.models import ModelChanged
from schemas.record import Record
from schemas.status import WorkerStatus
from schemas.topics import MODELS_CHANGES
from streams.kafka import KafkaSettings
from streams.processor import Outputs, Processor, StateKey
from streams.publisher import Publisher
from streams.reader import Reader
from streams.runtime import run_until_signalled
from streams.wire import Received
from workers.inference import forest, lstm
from workers.inference.artifact import ArtifactError
from workers.inference.processor import inference_processor
from workers.inference.slots import Slots, load
from workers.settings import Settings

log = logging.getLogger("regimeflow.inference")


class ModelWatch:
    """Keeps the slots as ``models.changes.v1`` says; holds back predictions while one loads."""

    def __init__(self, kafka: KafkaSettings, slots: Slots) -> None:
        self._kafka = kafka
        self._slots = slots
        self._publisher = Publisher(kafka, f"inference-{kafka.instance}-models")
        self._refused = ""
        self.loading = threading.Lock()
        self.stop = threading.Event()

    def run(self, caught_up: threading.Event) -> None:
        """Follow the topic until told to stop; set ``caught_up`` when all of the past is loaded."""
        reader = Reader(self._kafka, (MODELS_CHANGES,))
        try:
            while not self.stop.is_set():
                for message in reader.take():
                    if isinstance(message, Received) and isinstance(message.record, ModelChanged):
                        self._apply(message.record)
                if reader.caught_up and not caught_up.is_set():
                    self._report()
                    caught_up.set()
        finally:
            reader.close()

    def _apply(self, change: ModelChanged) -> None:
        version = change.model.model_version
        with self.loading:
            try:
                self._slots.put(change, load(change.model))
            except ArtifactError as refused:
                self._refused = f"model {version} refused: {refused}"
                log.exception("model.refused", extra={"model_version": version})
            else:
                self._refused = ""
                log.info("model.loaded", extra={"model_version": version})
        self._report()

    def _report(self) -> None:
        models = tuple(model.status() for model in self._slots.all())
        self._publisher.publish(
            WorkerStatus(
                process="inference",
                event_time_ms=int(time.time() * 1000),
                state="degraded" if self._refused else "running",
                detail=self._refused or ("" if models else "no model yet"),
                models=models,
                device=models[-1].device if models else None,
            )
        )
        self._publisher.flush()


def waiting_for_models(processor: Processor, loading: threading.Lock) -> Processor:
    """Return the processor with its batches held back while a model loads."""
    step_batch = processor.step_batch
    assert step_batch is not None  # noqa: S101 - inference is a batch step

    def held(
        states: Mapping[StateKey, Any], records: Sequence[Record]
    ) -> tuple[Mapping[StateKey, Any], Sequence[Outputs]]:
        with loading:
            return step_batch(states, records)

    return replace(processor, step_batch=held)


def run(_settings: Settings, kafka: KafkaSettings) -> int:
    """Run until SIGTERM; return the exit code."""
    forest.warm_up()
    lstm.warm_up()
    slots = Slots()
    watch = ModelWatch(kafka, slots)
    caught_up = threading.Event()
    thread = threading.Thread(target=watch.run, args=(caught_up,), name="models", daemon=True)
    thread.start()
    while not caught_up.wait(0.2):
        if not thread.is_alive():
            return 1
    processor = inference_processor(slots, lambda: int(time.time() * 1000))
    try:
        return run_until_signalled(
            "inference", (waiting_for_models(processor, watch.loading),), kafka
        )
    finally:
        watch.stop.set()
        thread.join(5.0)
