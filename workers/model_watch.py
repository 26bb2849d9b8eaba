"""Follows ``models.changes.v1``: every instance reads all of it and loads the latest models.

A model that cannot be loaded is refused: the one of its timeframe before keeps serving, and the
status says so. It is tried again, so a restored file needs no restart. Where no model can serve the
base bars, they wait for it; bars of a higher timeframe go on without a prediction.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial

import structlog

from schemas.models import ModelChanged, ModelRegistered
from schemas.status import LoadedModel, WorkerStatus
from schemas.timeframes import timeframe_name
from schemas.topics import MODELS_CHANGES
from streams.processor import Processor
from streams.runtime.chain import run_until_signalled
from streams.runtime.codec import Received
from streams.runtime.heartbeat import heartbeat
from streams.runtime.reader import Reader
from streams.runtime.settings import EXIT_FATAL, Fatal, KafkaSettings
from streams.runtime.status import State, StatusPublisher
from streams.runtime.wall_clock import wall_ms
from workers.models.artifact import ArtifactError
from workers.process import fatal as log_fatal
from workers.serving.right_of_way import RightOfWay
from workers.serving.slots import MODELS_IN_MEMORY

RETRY_EVERY_S = 5.0  # a refused model: its files may have been restored
LOOK_EVERY_S = 1.0
LOADED_WITHIN_S = 60.0  # a record that names a model comes after the change that announces it
APPLIED_WITHIN_S = 5.0  # a change of the model that serves, to one that has been loaded before

log = structlog.get_logger()

LoadModel = Callable[[ModelChanged], LoadedModel]  # raises ``ArtifactError``


class ModelReadiness:
    """Which model versions are settled: loaded, refused, or too old to be loaded.

    Who waits lends its right of way to the thread that loads.
    """

    def __init__(self, way: RightOfWay | None = None) -> None:
        self._way = way or RightOfWay()
        self._settled: set[str] = set()
        self._refused: set[str] = set()  # or not come in time
        self._held: set[str] = set()
        self._changed = threading.Condition()

    def settle(self, version: str, *, refused: bool = False) -> None:
        """Release those who wait for a version."""
        with self._changed:
            self._settled.add(version)
            (self._refused.add if refused else self._refused.discard)(version)
            self._changed.notify_all()

    def hold(self, version: str) -> None:
        """Let those who wait for a version wait without limit: no model can serve."""
        with self._changed:
            self._held.add(version)
            self._changed.notify_all()

    def wait_for(
        self,
        version: str,
        serves: Callable[[], bool] = lambda: True,
        within_s: float = LOADED_WITHIN_S,
    ) -> None:
        """Return once a version is settled and serves, or when it did not come in time.

        A version that comes back is settled before the change that brings it back is applied; where
        it ``serves`` is then asked. A batch that waits for a held version is folded anew if its
        partitions move meanwhile. Who waits is alive: the main loop beats.
        """
        deadline_s = time.monotonic() + within_s
        with self._changed:
            while version not in self._settled and (
                version in self._held or time.monotonic() < deadline_s
            ):
                self._wait(within_s)
            if version not in self._settled:
                log.error(
                    "model.unknown",
                    model_version=version,
                    waited_s=within_s,
                    remedy="look for model.refused above; bars of that version stay without a "
                    "prediction",
                )
                self._settled.add(version)
                self._refused.add(version)  # no other record waits for it again
            deadline_s = time.monotonic() + min(APPLIED_WITHIN_S, within_s)
            while version not in self._refused and not serves():
                self._wait(within_s)
                if time.monotonic() >= deadline_s:
                    self._refused.add(version)

    def _wait(self, within_s: float) -> None:
        heartbeat.beat()
        with self._way.lent():
            self._changed.wait(min(LOOK_EVERY_S, within_s))


class ModelStatus(StatusPublisher):
    """The status of the chain, with its loaded models and the last refusal of each timeframe."""

    def __init__(self, kafka: KafkaSettings, process: str) -> None:
        super().__init__(kafka, process)
        self._state: State = "starting"
        self._detail = ""
        self._loaded: dict[str, LoadedModel] = {}
        self._refused: dict[int | None, tuple[str, str]] = {}  # version and cause, by timeframe
        self._concerns: dict[int | None, str] = {}
        self._shortfall = ""

    def report(self, state: State, detail: str = "") -> None:
        """Publish the state of the chain."""
        self._state, self._detail = state, detail
        self._publish()

    def loaded(self, model: LoadedModel, concern: str = "") -> None:
        """Add a model and clear the last refusal; ``concern`` is what is wrong with it still."""
        self._loaded.pop(model.version, None)
        self._loaded[model.version] = model
        for version in self._versions(model.timeframe_ms)[:-MODELS_IN_MEMORY]:
            del self._loaded[version]
        self._refused.pop(model.timeframe_ms, None)
        self._concerns[model.timeframe_ms] = concern
        self._publish()

    def refused(self, cause: str, model: ModelRegistered) -> None:
        """Publish why a model was refused; the model before it still serves, if there is one."""
        waiting = "; no model serves, so bars wait for it"
        if self.serves(model.timeframe_ms):
            waiting = ""
        elif model.base_ms is not None:
            bars = timeframe_name(model.timeframe_ms)
            waiting = f"; no model serves bars of {bars}, they go on without a prediction"
        self._refused[model.timeframe_ms] = (model.model_version, f"{cause}{waiting}")
        self._publish()

    def falls_short(self, of: str) -> None:
        """Publish what the process leaves out for now; an empty text: it keeps up again."""
        self._shortfall = of
        self._publish()

    def serves(self, timeframe_ms: int) -> bool:
        """Whether a model of a timeframe is in memory."""
        return bool(self._versions(timeframe_ms))

    def _versions(self, timeframe_ms: int | None) -> list[str]:
        models = self._loaded.values()
        return [model.version for model in models if model.timeframe_ms == timeframe_ms]

    def _publish(self) -> None:
        running = self._state == "running"
        refused = dict(self._refused.values())
        said = [*refused.values(), *self._concerns.values(), self._shortfall]
        trouble = next(filter(None, said), "")
        models = tuple(self._loaded.values())
        self.publish(
            WorkerStatus(
                process=self._process,
                event_time_ms=wall_ms(),
                state="degraded" if running and trouble else self._state,
                detail=trouble or self._detail or ("" if models else "no model yet"),
                models=models,
                refused=refused,
                device=models[-1].device if models else None,
            )
        )


class ModelWatch:
    """Applies each change as it comes, of the past ones only the latest of each timeframe."""

    def __init__(
        self,
        kafka: KafkaSettings,
        process: str,
        load: LoadModel,
        concern: Callable[[ModelRegistered], str] = lambda _model: "",
        way: RightOfWay | None = None,
    ) -> None:
        self._kafka = kafka
        self._load, self._concern = load, concern
        self.status = ModelStatus(kafka, process)
        self.readiness = ModelReadiness(way)
        self.stop = threading.Event()
        self.failed = False
        self._refused: dict[str, ModelChanged] = {}  # by version, oldest first
        self._retry_at_s = 0.0

    def run_or_terminate(self, follow: Callable[[], None]) -> None:
        """Follow a topic; end the process when the topic can no longer be followed."""
        try:
            follow()
        except Fatal as fatal:
            log_fatal(fatal)
            self.failed = True
            os.kill(os.getpid(), signal.SIGTERM)

    def run(self, caught_up: threading.Event) -> None:
        """Follow the topic until ``stop`` is set; set ``caught_up`` when its past is loaded."""
        with Reader(self._kafka, (MODELS_CHANGES,), follow=True) as reader:
            self.apply(_changes(reader.read_to_end()))
            caught_up.set()
            while not self.stop.is_set():
                self.apply(_changes(reader.take_readable()))
                self.retry()

    def apply(self, changes: list[ModelChanged]) -> None:
        """Load the latest of some changes; refuse a model that does not fit its registration."""
        for change in self._latest(changes):
            version = change.model.model_version
            try:
                self._serve(change)
            except ArtifactError as refused:
                self._refused[version] = change
                self._retry_at_s = time.monotonic() + RETRY_EVERY_S
                self.status.refused(f"model {version} refused: {refused}", change.model)
                log.error(
                    "model.refused",
                    model_version=version,
                    cause=str(refused),
                    remedy="the one before goes on serving; restore its folder, or ask for "
                    "another with `regimeflow train`",
                )
        self._settle_refused()

    def _latest(self, changes: list[ModelChanged]) -> list[ModelChanged]:
        """Return the changes of each timeframe that can matter; nobody waits for the others.

        Their models fit in memory, or had their bar to come when the newest was made; and the one
        before. A model that comes back is counted once: rollbacks in a row need one bar each, and
        a process that was away has all of those bars before it.
        """
        later: dict[int, set[str]] = {}
        now_ms: dict[int, int] = {}
        served: set[int] = set()  # timeframes whose change that counts by now is among them
        latest = []
        for change in reversed(changes):
            length_ms = change.model.timeframe_ms
            models = later.setdefault(length_ms, set())
            models.add(change.model.model_version)
            if len(models) <= MODELS_IN_MEMORY or length_ms not in served:
                latest.append(change)
                if change.effective_from_ms <= now_ms.setdefault(length_ms, change.event_time_ms):
                    served.add(length_ms)
            else:
                self.readiness.settle(change.model.model_version)
        return latest[::-1]

    def retry(self) -> None:
        """Try to load refused models again, now and then: their files may have been restored."""
        if not self._refused or time.monotonic() < self._retry_at_s:
            return
        for change in tuple(self._refused.values()):
            with contextlib.suppress(ArtifactError):  # it was said when it was refused first
                self._serve(change)
        self._retry_at_s = time.monotonic() + RETRY_EVERY_S
        self._settle_refused()

    def _serve(self, change: ModelChanged) -> None:
        """Load the model of a change; raises ``ArtifactError``."""
        loaded, version = self._load(change), change.model.model_version
        concern = self._concern(change.model)
        self._refused.pop(version, None)
        self.status.loaded(loaded, concern)
        self.readiness.settle(version)
        log.info(
            "model.loaded",
            model_version=version,
            timeframe=timeframe_name(change.model.timeframe_ms),
            qualified=change.model.qualified,
            serves_from_ms=change.effective_from_ms,
            seconds=round(loaded.load_seconds or 0.0, 2),
            device=loaded.device,
        )
        if concern:
            log.warning(
                "model.impaired",
                cause=concern,
                remedy="none: it serves; of changed features the training process asks for another",
            )

    def _settle_refused(self) -> None:
        """Let bars go on without the refused models; base bars wait unless another serves."""
        for version, change in self._refused.items():
            higher = change.model.base_ms is not None
            goes_on = higher or self.status.serves(change.model.timeframe_ms)
            if goes_on:
                self.readiness.settle(version, refused=True)
            else:
                self.readiness.hold(version)


def _changes(messages: Iterable[Received]) -> list[ModelChanged]:
    records = [message.record for message in messages]
    return [record for record in records if isinstance(record, ModelChanged)]


def run_with_models(
    processor: Processor,
    watch: ModelWatch,
    kafka: KafkaSettings,
    beside: Callable[[], None] | None = None,
) -> int:
    """Run a batch processor until SIGTERM, once the models of the past are loaded.

    ``beside`` follows another topic in a thread of its own until the watch's ``stop`` is set.
    """
    caught_up = threading.Event()
    thread = _start("models", watch, partial(watch.run, caught_up))
    while not caught_up.wait(0.2):
        heartbeat.beat()
        if not thread.is_alive():
            return EXIT_FATAL
    threads = [thread] if beside is None else [thread, _start("beside", watch, beside)]
    gc.collect()
    gc.freeze()  # libraries and models stay: a collection that visits them takes 200 ms
    try:
        code = run_until_signalled(processor.name, (processor,), kafka, watch.status)
        return EXIT_FATAL if watch.failed else code
    finally:
        watch.stop.set()
        for each in threads:
            each.join(5.0)


def _start(name: str, watch: ModelWatch, follow: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=watch.run_or_terminate, args=(follow,), name=name, daemon=True)
    thread.start()
    return thread
