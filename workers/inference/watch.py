"""Follows ``models.changes.v1``: every instance reads it whole, loads and checks each model.

While a model loads, ``loading`` is held, so that a bar waits rather than go to the model before.
A model that cannot be loaded is refused, the one before keeps serving, and the status says so.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from schemas.models import ModelChanged
from schemas.record import Record
from schemas.status import LoadedModel, WorkerStatus
from schemas.topics import MODELS_CHANGES
from streams.cluster import KafkaSettings
from streams.processor import Outputs, Processor, StateKey
from streams.publisher import Publisher
from streams.reader import Reader
from streams.runtime import run_until_signalled
from streams.wire import Received
from workers.inference.artifact import ArtifactError

log = logging.getLogger("regimeflow.models")

Take = Callable[[ModelChanged], LoadedModel]


class ModelWatch:
    """Applies each change as it comes; reports what is loaded under the process's name."""

    def __init__(self, kafka: KafkaSettings, process: str, take: Take) -> None:
        self._kafka = kafka
        self._process = process
        self._take = take
        self._publisher = Publisher(kafka, f"{process}-{kafka.instance}-models")
        self._loaded: dict[str, LoadedModel] = {}
        self._refused = ""
        self.loading = threading.Lock()
        self.stop = threading.Event()

    def run(self, caught_up: threading.Event) -> None:
        """Follow the topic until told to stop; set ``caught_up`` when its past is loaded."""
        reader = Reader(self._kafka, (MODELS_CHANGES,))
        try:
            while not self.stop.is_set():
                for message in reader.take():
                    if isinstance(message, Received) and isinstance(message.record, ModelChanged):
                        self._apply(message.record)
                if reader.caught_up and not caught_up.is_set():
                    caught_up.set()
                    self._report()
        finally:
            reader.close()

    def _apply(self, change: ModelChanged) -> None:
        version = change.model.model_version
        with self.loading:
            try:
                self._loaded[version] = self._take(change)
            except ArtifactError as refused:
                self._refused = f"model {version} refused: {refused}"
                log.exception("model.refused", extra={"model_version": version})
            else:
                self._refused = ""
                log.info("model.loaded", extra={"model_version": version})
        self._report()

    def _report(self) -> None:
        models = tuple(self._loaded.values())
        self._publisher.publish(
            WorkerStatus(
                process=self._process,
                event_time_ms=int(time.time() * 1000),
                state="degraded" if self._refused else "running",
                detail=self._refused or ("" if models else "no model yet"),
                models=models,
                device=models[-1].device if models else None,
            )
        )
        self._publisher.flush()


def run_with_models(processor: Processor, watch: ModelWatch, kafka: KafkaSettings) -> int:
    """Run a batch processor until SIGTERM, after the models of the past are loaded."""
    caught_up = threading.Event()
    thread = threading.Thread(target=watch.run, args=(caught_up,), name="models", daemon=True)
    thread.start()
    while not caught_up.wait(0.2):
        if not thread.is_alive():
            return 1
    try:
        return run_until_signalled(processor.name, (held_back(processor, watch.loading),), kafka)
    finally:
        watch.stop.set()
        thread.join(5.0)


def held_back(processor: Processor, loading: threading.Lock) -> Processor:
    """Return the processor with its batches held back while a model loads."""
    step_batch = processor.step_batch
    assert step_batch is not None  # noqa: S101 - processors over models are batch steps

    def held(
        states: Mapping[StateKey, Any], records: Sequence[Record]
    ) -> tuple[Mapping[StateKey, Any], Sequence[Outputs]]:
        with loading:
            return step_batch(states, records)

    return replace(processor, step_batch=held)
