"""Follows ``models.changes.v1``: every instance reads it whole, loads and checks the latest models.

A model that cannot be loaded is refused, the one before keeps serving, and the status says so.
"""

from __future__ import annotations

import gc
import os
import signal
import threading
from collections.abc import Callable, Iterable

import structlog

from schemas.models import ModelChanged
from schemas.status import LoadedModel, WorkerStatus
from schemas.topics import MODELS_CHANGES
from streams.processor import Processor
from streams.runtime.chain import run_until_signalled
from streams.runtime.codec import Received, Unreadable
from streams.runtime.reader import Reader
from streams.runtime.settings import EXIT_FATAL, Fatal, KafkaSettings
from streams.runtime.status import State, StatusPublisher
from streams.runtime.wall_clock import wall_ms
from workers.models.artifact import ArtifactError
from workers.process import fatal as log_fatal
from workers.serving.slots import KEPT

LOADED_WITHIN_S = 60.0  # what names a model was made of a change that can be read by now

log = structlog.get_logger()

Take = Callable[[ModelChanged], LoadedModel]


class Arrivals:
    """Which model versions have been dealt with: loaded, refused, or too old to be loaded."""

    def __init__(self) -> None:
        self._settled: set[str] = set()
        self._more = threading.Condition()

    def settle(self, version: str) -> None:
        """Let whoever waits for a version go on."""
        with self._more:
            self._settled.add(version)
            self._more.notify_all()

    def wait_for(self, version: str, within_s: float = LOADED_WITHIN_S) -> None:
        """Return once a version is settled, or after a time that can only mean it never will."""
        with self._more:
            if not self._more.wait_for(lambda: version in self._settled, within_s):
                log.error(
                    "model.unknown",
                    model_version=version,
                    waited_s=within_s,
                    remedy="look for model.refused above; bars of that version stay without a "
                    "prediction",
                )
                self._settled.add(version)  # once is enough


class ModelStatus(StatusPublisher):
    """What the chain says of itself, what is loaded, and what was refused."""

    def __init__(self, kafka: KafkaSettings, process: str) -> None:
        super().__init__(kafka, process)
        self._state: State = "starting"
        self._detail = ""
        self._loaded: dict[str, LoadedModel] = {}
        self._refused = ""

    def report(self, state: State, detail: str = "") -> None:
        """Say what the chain does now."""
        self._state, self._detail = state, detail
        self._say()

    def loaded(self, model: LoadedModel) -> None:
        """Add a model; what was refused before it no longer matters."""
        self._loaded.pop(model.version, None)
        self._loaded[model.version] = model
        while len(self._loaded) > KEPT:
            del self._loaded[next(iter(self._loaded))]
        self._refused = ""
        self._say()

    def refused(self, cause: str) -> None:
        """Say that a model was refused; whatever served before it still does."""
        self._refused = cause
        self._say()

    def _say(self) -> None:
        running = self._state == "running"
        models = tuple(self._loaded.values())
        self.publish(
            WorkerStatus(
                process=self._process,
                event_time_ms=wall_ms(),
                state="degraded" if running and self._refused else self._state,
                detail=self._refused or self._detail or ("" if models else "no model yet"),
                models=models,
                device=models[-1].device if models else None,
            )
        )


class ModelWatch:
    """Applies each change as it comes; of the past only the latest."""

    def __init__(self, kafka: KafkaSettings, process: str, take: Take) -> None:
        self._kafka = kafka
        self._take = take
        self.status = ModelStatus(kafka, process)
        self.arrivals = Arrivals()
        self.stop = threading.Event()
        self.failed = False

    def run_or_end(self, caught_up: threading.Event) -> None:
        """Follow the topic; a process that no longer learns of new models is ended."""
        try:
            self.run(caught_up)
        except Fatal as fatal:
            log_fatal(fatal)
            self.failed = True
            os.kill(os.getpid(), signal.SIGTERM)

    def run(self, caught_up: threading.Event) -> None:
        """Follow the topic until told to stop; set ``caught_up`` when its past is loaded."""
        with Reader(self._kafka, (MODELS_CHANGES,), follow=True) as reader:
            self.apply(_changes(reader.read_to_end()))
            caught_up.set()
            while not self.stop.is_set():
                self.apply(_changes(reader.take()))

    def apply(self, changes: list[ModelChanged]) -> None:
        """Load the latest of some changes, refuse what does not fit its registration."""
        for change in changes[:-KEPT]:
            self.arrivals.settle(change.model.model_version)
        for change in changes[-KEPT:]:
            version = change.model.model_version
            try:
                loaded = self._take(change)
                self.status.loaded(loaded)
            except ArtifactError as refused:
                self.status.refused(f"model {version} refused: {refused}")
                log.error(
                    "model.refused",
                    model_version=version,
                    cause=str(refused),
                    remedy="the one before goes on serving; train again, or restore its folder",
                )
            else:
                log.info(
                    "model.loaded",
                    model_version=version,
                    qualified=change.model.qualified,
                    serves_from_ms=change.effective_from_ms,
                    seconds=round(loaded.load_seconds or 0.0, 2),
                    device=loaded.device,
                )
            self.arrivals.settle(version)


def _changes(messages: Iterable[Received | Unreadable]) -> list[ModelChanged]:
    records = [message.record for message in messages if isinstance(message, Received)]
    return [record for record in records if isinstance(record, ModelChanged)]


def run_with_models(processor: Processor, watch: ModelWatch, kafka: KafkaSettings) -> int:
    """Run a batch processor until SIGTERM, after the models of the past are loaded."""
    caught_up = threading.Event()
    thread = threading.Thread(
        target=watch.run_or_end, args=(caught_up,), name="models", daemon=True
    )
    thread.start()
    while not caught_up.wait(0.2):
        if not thread.is_alive():
            return EXIT_FATAL
    gc.collect()
    gc.freeze()  # libraries and models are for good: searching them again takes 200 ms
    try:
        ended = run_until_signalled(processor.name, (processor,), kafka, watch.status)
        return EXIT_FATAL if watch.failed else ended
    finally:
        watch.stop.set()
        thread.join(5.0)
