"""The training process: one request at a time, fitted in a child process, announced once.

    training.requests.v1  -->  [training]  -->  models.registered.v1, training.progress.v1

A request under way when the process ends is run again by the next one: its id and its model
version follow from the request and the rows, so nothing is registered twice.
"""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path

import structlog

from schemas.clock import ClockTick
from schemas.features import FeatureVector
from schemas.models import ModelRegistered
from schemas.record import Record
from schemas.topics import CLOCK_TICKS, FEATURE_VECTORS, TRAINING_REQUESTS
from schemas.training import TrainingRequest
from streams.features.catalog import FEATURE_SET_ID
from streams.processor import RecordRejected
from streams.runtime.codec import Received
from streams.runtime.jobs import run_jobs
from streams.runtime.reader import BeforeEnd, Reader
from streams.runtime.settings import Aborted, Fatal, KafkaSettings
from streams.runtime.status import StatusPublisher
from workers.models.artifact import ArtifactError, root_of
from workers.process import (
    configure_logging,
    current_log,
    event_on_signals,
    fatal,
    refused,
)
from workers.settings import Settings
from workers.training.fit import Plan, TooFewRows
from workers.training.mirroring import follow
from workers.training.progress import Told

log = structlog.get_logger()

LAST_TICKS = 20  # offsets: the newest tick, and the markers of transactions behind it
FEATURES_WITHIN_S = 600.0  # a history of a million bars is folded in less


def run(settings: Settings, kafka: KafkaSettings) -> int:
    """Run until SIGTERM; return the exit code."""
    try:
        models = root_of(settings.models)
    except ArtifactError as error:
        return refused(f"REGIMEFLOW_MODEL_DIR: {error}")
    stop = event_on_signals()
    status = StatusPublisher(kafka, "training")
    status.report("running")
    mirroring = threading.Thread(
        target=_mirror, args=(settings, kafka, status, stop), name="mlflow"
    )
    mirroring.start()
    try:
        _train_until(stop, models, kafka)
    except (Aborted, Fatal) as error:
        return fatal(error)
    finally:
        stop.set()
        for child in multiprocessing.active_children():
            child.kill()  # its work is not committed: the next process starts it again
        mirroring.join()
        status.close()
    return 0


def _train_until(stop: threading.Event, models: Path, kafka: KafkaSettings) -> None:
    # One child a request: torch and the rows of a run, 1 GB, go when it ends.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        1,
        mp_context=spawn,
        max_tasks_per_child=1,
        initializer=configure_logging,
        initargs=(current_log(),),
    ) as pool:

        def job(received: Received) -> Future[Sequence[Record]]:
            request = received.record
            assert isinstance(request, TrainingRequest)  # noqa: S101 - the only record there
            return pool.submit(run_request, request.encode(), models, kafka)

        try:
            run_jobs("training", TRAINING_REQUESTS, job, kafka, stop=stop)
        finally:
            for child in multiprocessing.active_children():
                child.kill()


def _mirror(
    settings: Settings, kafka: KafkaSettings, status: StatusPublisher, stop: threading.Event
) -> None:
    """Training goes on whatever becomes of MLflow; the status says what became of it."""

    def report(failure: str) -> None:
        if failure:
            log.error(
                "mlflow.behind",
                cause=failure,
                remedy="look at REGIMEFLOW_MLFLOW_TRACKING_URI; it is tried again every 5 minutes",
            )
        status.report("degraded" if failure else "running", failure)

    try:
        follow(settings, kafka, report, stop)
    except Fatal as error:
        report(f"MLflow is not followed: {error}")


def run_request(raw: bytes, models: Path, kafka: KafkaSettings) -> Sequence[Record]:
    """Run one request to its registered model; called in a process of its own.

    Raises:
        RecordRejected: The history is too short; the request becomes a dead letter.
    """
    from workers.training.dataset import series_of
    from workers.training.fit_regimes import OBSERVATIONS
    from workers.training.train import MODEL_FEATURES, register, train

    request = TrainingRequest.decode(raw)
    loading = threading.Thread(target=_load_libraries, daemon=True)
    loading.start()
    told = Told(request, kafka)
    told.progress("dataset", 0.0, "reading features")
    series = series_of(features_of(request, kafka), MODEL_FEATURES, OBSERVATIONS)
    loading.join()
    try:
        trained = train(request, series, Plan(), told.progress)
    except TooFewRows as short:
        told.progress("failed", 0.0, str(short))
        raise RecordRejected(str(short)) from None
    model = register(trained, request, models, market_time(kafka) or request.to_ms)
    told.progress("done", 1.0, _verdict(model))
    log.info(
        "model.registered",
        model_version=model.model_version,
        qualified=model.qualified,
        gates=model.gates,
        symbols=request.symbols,
        rows=model.metrics.rows,
        log_loss=model.metrics.log_loss,
        prior_log_loss=model.metrics.prior_log_loss,
        uri=model.uri,
    )
    return (model,)


def _load_libraries() -> None:
    """Load what training needs, seconds of it, while the features are being read."""
    import torch  # noqa: F401 - loaded for later
    import xgboost  # noqa: F401 - loaded for later


def _verdict(model: ModelRegistered) -> str:
    found = model.metrics
    word = "qualified" if model.qualified else "unqualified"
    return (
        f"{word}: log-loss {found.log_loss:.4f}, class prior {found.prior_log_loss:.4f}, "
        f"{found.rows} rows out of sample"
    )


def features_of(request: TrainingRequest, kafka: KafkaSettings) -> Iterator[FeatureVector]:
    """Yield the vectors of a request's span, waiting until each symbol has reached its end.

    Vectors of another feature set, made before an upgrade, are left out.

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
                    vector.feature_set_id == FEATURE_SET_ID
                    and vector.timeframe_ms == request.timeframe_ms
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
    with Reader(kafka, (CLOCK_TICKS,), BeforeEnd(LAST_TICKS)) as reader:
        records = [message.record for message in reader.read_to_end()]
    return max((r.event_time_ms for r in records if isinstance(r, ClockTick)), default=None)
