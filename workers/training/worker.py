"""The training process: runs one request at a time in a child process, announces it once.

    training.requests.v1  -->  [training]  -->  models.registered.v1, training.progress.v1

A request that runs when the process ends is run again by the next process. The model version
follows from the request and the rows, so nothing is registered twice.

The base bar goes first. Models of a higher timeframe are trained at a low priority, while bars of
the others are predicted.
"""

from __future__ import annotations

import contextlib
import functools
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from schemas.features import FeatureVector
from schemas.models import ModelRegistered
from schemas.record import Record
from schemas.timeframes import timeframe_name
from schemas.topics import (
    BARS,
    FEATURE_VECTORS,
    LEDGER,
    MODELS_CHANGES,
    MODELS_REGISTERED,
    TRAINING_REQUESTS,
)
from schemas.training import TrainingRequest
from streams.features.catalog import FEATURE_SET_ID
from streams.features.processor import PROCESSOR as FEATURES
from streams.processor import RecordRejected
from streams.runtime.codec import Received, written_timeframe
from streams.runtime.jobs import JobFuture, JobRules, in_thread, run_jobs
from streams.runtime.memory_driver import iter_outputs
from streams.runtime.reader import Reader
from streams.runtime.settings import Aborted, Fatal, KafkaSettings
from streams.runtime.status import StatusPublisher
from workers.child import call_in_children
from workers.models.artifact import ArtifactError, models_root
from workers.process import event_on_signals, fatal, refused
from workers.settings import Settings
from workers.training.attempts import TrainingAttempts
from workers.training.cancelled import CancelledTrainings
from workers.training.kept_files import kept_folder, remove_kept
from workers.training.mlflow_follower import Mirroring, follow_models
from workers.training.mlflow_tracking import Tracking
from workers.training.newest_request import ask_after_feature_change
from workers.training.progress import TrainingProgressPublisher, trains_side_by_side
from workers.training.publishing import publish_bundles
from workers.training.queue import (
    base_first,
    ended,
    follow,
    read_market_time,
)
from workers.training.report_drawing import draw_report
from workers.training.span_features import in_span, span_features
from workers.training.status import TrainingStatus, read_without_model
from workers.training.turns import Turns

if TYPE_CHECKING:
    from workers.training.dataset import FeatureSeries
    from workers.training.fit import FittedNetworks, OnProgress

log = structlog.get_logger()

NICENESS = 10  # of a training while bars are predicted: of all but the very first


def run(settings: Settings, kafka: KafkaSettings) -> int:
    """Run until SIGTERM; return the exit code."""
    try:
        models = models_root(settings)
    except ArtifactError as error:
        return refused(f"REGIMEFLOW_MODEL_DIR: {error}")
    stop = event_on_signals()
    status = StatusPublisher(kafka, "training")
    said = TrainingStatus(status.report)
    turns = Turns()
    mirroring = threading.Thread(
        target=_follow_models, args=(settings, kafka, said, stop, turns), name="models"
    )
    mirroring.start()
    cancelled = CancelledTrainings()
    following = threading.Thread(target=follow, args=(kafka, cancelled, stop), name="queue")
    following.start()

    def train(request: TrainingRequest, unwanted: Callable[[], bool]) -> Sequence[Record]:
        records = run_in_children(request, models, kafka, unwanted)
        publish_bundles(records, said.store, unwanted)
        return records

    attempts = TrainingAttempts(kafka, train, cancelled, said, models)

    def job(received: Received) -> JobFuture:
        raw = received.record.encode()

        def work(future: JobFuture) -> Sequence[Record]:
            with turns.training():
                return attempts.run(TrainingRequest.decode(raw), future.cancelled)

        return in_thread(work)

    try:
        said.recall(read_without_model(kafka))
        ask_after_feature_change(kafka, settings.strategy, settings.lengths_ms)
        rules = JobRules(base_first, lambda request, cause: (ended(kafka, request, cause),))
        run_jobs("training", TRAINING_REQUESTS, job, kafka, stop=stop, rules=rules)
    except (Aborted, Fatal) as error:
        return fatal(error)
    else:
        status.report("stopping")  # so that its next start is no restart
        return 0
    finally:
        stop.set()
        following.join()
        mirroring.join()
        status.close()


def run_in_children(
    request: TrainingRequest, models: Path, kafka: KafkaSettings, cancelled: Callable[[], bool]
) -> Sequence[Record]:
    """Return what registers the model of a request, trained in children.

    For the first signal of all two run side by side: the networks take as long as the rest. Later
    ones come one after the other, so that torch's memory is free again before the rest is loaded.

    Raises:
        RecordRejected: The history is too short, or the disk is full; the request becomes a dead
            letter.
        ChildFailed: It was cancelled, or a child was killed.
    """
    first, raw = trains_side_by_side(request), request.encode()
    try:
        with tempfile.TemporaryDirectory(prefix="regimeflow-") as folder:
            files = Path(folder)
            rows = (read_rows, raw, kafka, files)
            networks = (run_networks, raw, models, kafka, files)
            rest = (run_request, raw, models, kafka, files)
            steps: list[list[tuple[Any, ...]]]
            steps = [[networks, rest]] if first else [[rows], [networks], [rest]]
            niceness = 0 if first else NICENESS
            for calls in steps:
                results = call_in_children(*calls, cancelled=cancelled, niceness=niceness)
    except OSError as error:
        raise RecordRejected(unwritten(error)) from None
    records: Sequence[Record] = results[-1]
    return records


def unwritten(error: OSError) -> str:
    """Return what is wrong when a file of a training cannot be written, as on a full disk."""
    return (
        f"a file of the training cannot be written ({error}): free space, then replay this letter; "
        "its finished fits are kept, and nothing of the model is left half written"
    )


def _follow_models(
    settings: Settings,
    kafka: KafkaSettings,
    said: TrainingStatus,
    stop: threading.Event,
    turns: Turns,
) -> None:
    """Draw reports and mirror between trainings. A failure of MLflow only changes the status."""
    models = models_root(settings)

    def registered(model: ModelRegistered) -> None:
        remove_kept(models, model.request_id)
        draw_report(model, turns, stop)

    def report(failure: str) -> None:
        if failure:
            log.error(
                "mlflow.behind",
                cause=failure,
                remedy="look at REGIMEFLOW_MLFLOW_TRACKING_URI; it is tried again every 5 minutes",
            )
        said.mlflow(failure)

    try:
        mirroring = Mirroring(Tracking.from_settings(settings), kafka, settings.home, turns)
        follow_models(mirroring, report, registered, stop)
    except Exception as error:  # noqa: BLE001 - whatever it is, training goes on and says so
        if not stop.is_set():  # a broker that stops with us is no fault of the mirror
            report(f"MLflow is not followed: {error}")


def read_rows(raw: bytes, kafka: KafkaSettings, folder: Path) -> None:
    """Write the rows of one request into a folder, for the other children."""
    from workers.training.hand_over import write_series

    request = TrainingRequest.decode(raw)
    progress = TrainingProgressPublisher(request, kafka)
    progress.publish("dataset", 0.0, "reading features")
    write_series(folder, read_series(request, kafka, progress.publish))


def run_networks(raw: bytes, models: Path, kafka: KafkaSettings, folder: Path) -> None:
    """Fit the networks of one request for ``run_request``, in a child beside it or before it.

    Beside it, the other child publishes the progress. Of a history that is too short there are
    none: ``run_request`` refuses it.
    """
    import torch  # noqa: F401 - loaded while the rows are read

    from workers.training.fit import TooFewRows, TrainingPlan
    from workers.training.hand_over import read_series_files, write_networks
    from workers.training.kept_fits import KeptFits
    from workers.training.train import train_networks

    request = TrainingRequest.decode(raw)
    progress: OnProgress = lambda *_: None  # noqa: E731 - nobody is told
    if not trains_side_by_side(request):
        progress = TrainingProgressPublisher(request, kafka).publish
    kept = KeptFits(kept_folder(models, request.request_id))
    with contextlib.suppress(TooFewRows):
        networks = train_networks(
            request, read_series_files(folder), TrainingPlan(), progress, kept
        )
        write_networks(folder, networks)


def run_request(raw: bytes, models: Path, kafka: KafkaSettings, folder: Path) -> Sequence[Record]:
    """Train the model of one request and register it; called in a child process.

    Args:
        raw: The request.
        models: Root folder of all models.
        kafka: The cluster.
        folder: Has the rows, or gets them here; ``run_networks`` leaves the networks there.

    Raises:
        RecordRejected: The history is too short; the request becomes a dead letter.
    """
    from workers.training.active_policy import plan_under, read_policy
    from workers.training.drift_reference import drift_references
    from workers.training.fit import TooFewRows
    from workers.training.hand_over import has_series, read_series_files
    from workers.training.judge import judge, training_past
    from workers.training.kept_fits import KeptFits
    from workers.training.train import register, train

    request = TrainingRequest.decode(raw)
    if not has_series(folder):
        read_rows(raw, kafka, folder)
    progress = TrainingProgressPublisher(request, kafka)
    policy = read_policy(kafka, request)
    plan = plan_under(policy, request)
    try:
        with Reader(kafka, (MODELS_CHANGES, MODELS_REGISTERED, LEDGER)) as reader:
            past = training_past((message.record for message in reader.read_to_end()), request)
        trained = train(
            request,
            read_series_files(folder),
            plan,
            progress.publish,
            past.filters,
            networks=functools.partial(_wait_for_networks, request, folder, progress.publish),
            kept=KeptFits(kept_folder(models, request.request_id)),
        )
    except TooFewRows as short:
        progress.publish("failed", 0.0, str(short))
        remove_kept(models, request.request_id)
        raise RecordRejected(str(short)) from None
    judgement = judge(trained, request, plan, past)
    if policy is not None:
        judgement = replace(judgement, config_id=policy.config_id)
    now_ms = read_market_time(kafka) or request.to_ms
    model = register(trained, request, models, now_ms, judgement)
    progress.publish("done", 1.0, _summary(model))
    log.info(
        "model.registered",
        model_version=model.model_version,
        timeframe=timeframe_name(model.timeframe_ms),
        qualified=model.qualified,
        gates=model.gates,
        symbols=model.symbols,
        left_out=model.left_out,
        rows=model.metrics.rows,
        log_loss=model.metrics.log_loss,
        prior_log_loss=model.metrics.prior_log_loss,
        uri=model.uri,
    )
    return (model, *drift_references(trained.drift, model))


def _wait_for_networks(
    request: TrainingRequest, folder: Path, progress: OnProgress
) -> FittedNetworks:
    from workers.training.hand_over import read_networks

    if trains_side_by_side(request):  # else they are there, and were told of
        progress("lstm", 0.0, "waiting for the networks")
    return read_networks(folder)


def read_series(
    request: TrainingRequest, kafka: KafkaSettings, progress: OnProgress
) -> dict[str, FeatureSeries]:
    """Return the span's series; where some vectors are of an older feature set, all made again.

    Vectors are read one by one: together they would take more memory than the training.
    """
    from workers.training.dataset import collect_series
    from workers.training.fit_regimes import OBSERVATIONS
    from workers.training.train import MODEL_FEATURES

    older = 0

    def current(vectors: Iterable[FeatureVector]) -> Iterator[FeatureVector]:
        nonlocal older
        for vector in vectors:
            older += vector.feature_set_id != FEATURE_SET_ID
            if not older:
                yield vector

    only = written_timeframe([request.timeframe_ms])
    with Reader(kafka, (FEATURE_VECTORS,), only=only) as reader:
        read = span_features(
            reader.take_readable, request, progress, behind=lambda: not reader.caught_up
        )
        series = collect_series(current(read), MODEL_FEATURES, OBSERVATIONS)
    if not older:
        return series
    progress("dataset", 0.5, "the features have changed: those of the history are made again")
    with Reader(kafka, (BARS,)) as reader:
        bars = (message.record for message in reader.read_to_end())
        made = (v for v in iter_outputs([FEATURES], bars) if isinstance(v, FeatureVector))
        in_request = (vector for vector in made if in_span(vector, request))
        return collect_series(in_request, MODEL_FEATURES, OBSERVATIONS)


def _summary(model: ModelRegistered) -> str:
    metrics = model.metrics
    word = "qualified" if model.qualified else "unqualified"
    return (
        f"{word}: log-loss {metrics.log_loss:.4f}, class prior {metrics.prior_log_loss:.4f}, "
        f"{metrics.rows} rows out of sample"
        + "".join(f"; without {s}: {reason}" for s, reason in model.left_out.items())
        + "".join(f"; {violation}" for violation in certificate_violations(model))
    )


def certificate_violations(model: ModelRegistered) -> tuple[str, ...]:
    """Return why a model's certificate keeps it from being qualified; empty where nothing does."""
    return model.certificate.violations if model.certificate else ()
