"""The training process: one request at a time, fitted in a child process, announced once.

    training.requests.v1  -->  [training]  -->  models.registered.v1, training.progress.v1

A request under way when the process ends is run again by the next one: its id and its model
version follow from the request and the rows, so nothing is registered twice.
"""

from __future__ import annotations

import multiprocessing
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path

from schemas.clock import ClockTick
from schemas.features import FeatureVector
from schemas.models import ModelRegistered
from schemas.record import Record
from schemas.status import WorkerStatus
from schemas.topics import CLOCK_TICKS, FEATURE_VECTORS, TRAINING_REQUESTS
from schemas.training import TrainingProgress, TrainingRequest, TrainingStage
from streams.cluster import Fatal, KafkaSettings
from streams.jobs import run_jobs
from streams.kafka import end_offsets
from streams.processor import RecordRejected
from streams.publisher import Publisher
from streams.reader import Reader
from streams.wire import Received
from workers.settings import Settings
from workers.training.fit import Plan, TooFewRows

EXIT_FATAL = 1
FEATURES_WITHIN_S = 600.0  # a history of a million bars is folded in less
TOLD_EVERY_S = 0.25

# Rough shares of a run's time, so that one bar can show the whole of it.
STAGES: tuple[tuple[TrainingStage, float], ...] = (
    ("dataset", 0.0),
    ("folds", 0.1),
    ("regimes", 0.62),
    ("boosted", 0.68),
    ("lstm", 0.75),
    ("calibration", 0.97),
    ("done", 1.0),
)


def run(settings: Settings, kafka: KafkaSettings) -> int:
    """Run until SIGTERM; return the exit code."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    status = Publisher(kafka, f"training-{kafka.instance}-status")
    status.publish(_status("running"))
    status.flush()
    # One child a request: torch and the rows of a run, 1 GB, go when it ends.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, max_tasks_per_child=1) as pool:

        def job(received: Received) -> Future[Sequence[Record]]:
            request = received.record
            assert isinstance(request, TrainingRequest)  # noqa: S101 - the only record there
            return pool.submit(run_request, request.encode(), settings.models, kafka)

        try:
            run_jobs("training", TRAINING_REQUESTS, job, kafka, stop=stop)
        except Fatal:
            return EXIT_FATAL
        finally:
            for child in multiprocessing.active_children():
                child.kill()  # its work is not committed: the next process starts it again
    return 0


def run_request(raw: bytes, models: str, kafka: KafkaSettings) -> Sequence[Record]:
    """Run one request to its registered model; called in a process of its own.

    Raises:
        RecordRejected: The history is too short; the request becomes a dead letter.
    """
    from workers.training.dataset import series_of
    from workers.training.fit_regimes import OBSERVATIONS
    from workers.training.train import MODEL_FEATURES, register, train

    request = TrainingRequest.decode(raw)
    told = Told(request, kafka)
    told.progress("dataset", 0.0, "reading features")
    series = series_of(features_of(request, kafka), MODEL_FEATURES, OBSERVATIONS)
    try:
        trained = train(request, series, Plan(), told.progress)
    except TooFewRows as short:
        told.progress("failed", 0.0, str(short))
        raise RecordRejected(str(short)) from None
    model = register(trained, request, Path(models), market_time(kafka) or request.to_ms)
    told.progress("done", 1.0, _verdict(model))
    return (model,)


def _verdict(model: ModelRegistered) -> str:
    found = model.metrics
    word = "qualified" if model.qualified else "unqualified"
    return (
        f"{word}: log-loss {found.log_loss:.4f}, class prior {found.prior_log_loss:.4f}, "
        f"{found.rows} rows out of sample"
    )


class Told:
    """Publishes progress, a few times a second at most."""

    def __init__(self, request: TrainingRequest, kafka: KafkaSettings) -> None:
        self._request = request
        self._publisher = Publisher(kafka, f"training-{kafka.instance}-progress")
        self._last = ("", 0.0)

    def progress(self, stage: TrainingStage, done: float, note: str) -> None:
        """Tell a step; ``done`` is the share of that stage."""
        said, at = self._last
        if said == stage and done < 1.0 and time.monotonic() - at < TOLD_EVERY_S:
            return
        self._last = (stage, time.monotonic())
        self._publisher.publish(
            TrainingProgress(
                request_id=self._request.request_id,
                strategy=self._request.strategy,
                event_time_ms=int(time.time() * 1000),
                stage=stage,
                done=overall(stage, done),
                note=note,
            )
        )
        self._publisher.flush()


def overall(stage: TrainingStage, done: float) -> float:
    """Return the share of the whole run at a share of one stage."""
    names = [name for name, _ in STAGES]
    if stage not in names:
        return 0.0
    place = names.index(stage)
    begins = STAGES[place][1]
    ends = STAGES[min(place + 1, len(STAGES) - 1)][1]
    return begins + (ends - begins) * min(max(done, 0.0), 1.0)


def features_of(request: TrainingRequest, kafka: KafkaSettings) -> Iterator[FeatureVector]:
    """Yield the vectors of a request's span, waiting until each symbol has reached its end.

    Raises:
        RecordRejected: The features topic did not get there in time.
    """
    reader = Reader(kafka, (FEATURE_VECTORS,))
    waiting = set(request.symbols)
    deadline = time.monotonic() + FEATURES_WITHIN_S
    try:
        while waiting:
            for message in reader.take():
                vector = message.record if isinstance(message, Received) else None
                if not isinstance(vector, FeatureVector) or vector.symbol not in request.symbols:
                    continue
                if vector.event_time_ms >= request.to_ms:
                    waiting.discard(vector.symbol)
                if (
                    vector.timeframe_ms == request.timeframe_ms
                    and request.from_ms <= vector.event_time_ms <= request.to_ms
                ):
                    yield vector
            if time.monotonic() > deadline:
                raise RecordRejected(
                    f"features of {sorted(waiting)} did not reach {request.to_ms} within "
                    f"{FEATURES_WITHIN_S:.0f} s"
                )
    finally:
        reader.close()


def market_time(kafka: KafkaSettings) -> int | None:
    """Return the newest tick of the market's clock; None before the first."""
    source = (CLOCK_TICKS.name, 0)
    end = end_offsets(kafka, [source])[source]
    reader = Reader(kafka, (CLOCK_TICKS,), {source: max(end - 20, 0)}, {source: end})
    newest = None
    try:
        while not reader.caught_up:
            for message in reader.take():
                if isinstance(message, Received) and isinstance(message.record, ClockTick):
                    newest = max(newest or 0, message.record.event_time_ms)
    finally:
        reader.close()
    return newest


def _status(state: str) -> WorkerStatus:
    return WorkerStatus.model_validate(
        {"process": "training", "event_time_ms": int(time.time() * 1000), "state": state}
    )
