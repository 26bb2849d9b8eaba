"""What a child of the tuning process runs: a search of its own process, or of another.

Optuna, pandas and the kernels are loaded in the child only, and go when it ends.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import structlog

from schemas.jobs import JobCommand, JobResult, TuningRequest
from schemas.market import Bar
from schemas.record import Record
from schemas.research import TuningSpec
from schemas.topics import BARS, JOB_COMMANDS
from streams.runtime.batch import in_one_line
from streams.runtime.publisher import Publisher
from streams.runtime.reader import Reader
from streams.runtime.settings import KafkaSettings
from streams.runtime.wall_clock import wall_ms
from workers.bars.arrays import Bars
from workers.bars.bar_store import BarStore
from workers.jobs.progress import JobProgressPublisher
from workers.process import without_secrets
from workers.settings import Settings

log = structlog.get_logger()


@dataclass(frozen=True)
class StudyLocation:
    """Where studies and results are kept.

    Attributes:
        home: Of the journal files.
        storage_url: Of the studies' database, with its password; None: journal files.
        results: URL or folder of result files.
        packages: Whose strategies a job may name as ``package.module:Class``.
    """

    home: Path
    storage_url: str | None = field(repr=False)
    results: str = field(repr=False)
    packages: tuple[str, ...] = ()

    @classmethod
    def of(cls, settings: Settings) -> StudyLocation:
        """Return what the settings say."""
        secret = settings.tuning_storage
        url = None if secret is None else secret.get_secret_value()
        return cls(settings.home, url, settings.results, settings.strategy_packages)


@dataclass(frozen=True)
class OwnedRequest:
    """An encoded ``TuningRequest``, and the id that it and all that it causes share."""

    encoded: bytes
    trace_id: str


def run_owned(
    channel: Connection,
    stop: Any,
    request: OwnedRequest,
    location: StudyLocation,
    kafka: KafkaSettings,
) -> None:
    """Run a job and send its encoded result."""
    channel.send_bytes(run_request(request, location, kafka, stop).encode())


def assist(
    channel: Connection, stop: Any, request: bytes, location: StudyLocation, kafka: KafkaSettings
) -> None:
    """Take part in a job that another process owns; sends nothing."""
    from workers.research.strategies.packages import allow_packages
    from workers.tuning.job import TuningJob, take_part

    del channel
    allow_packages(location.packages)
    wanted = TuningRequest.decode(request)
    job = TuningJob(
        wanted.request_id,
        wanted.spec,
        f"tuning-{kafka.instance}",
        location.home,
        location.storage_url,
    )
    try:
        take_part(job, read_requested_bars(wanted.spec, kafka), stop)
    except ValueError as refused:  # the owner's result says so
        log.info("assist.refused", job=wanted.request_id, cause=str(refused))


def run_request(
    owned: OwnedRequest, location: StudyLocation, kafka: KafkaSettings, stop: threading.Event
) -> JobResult:
    """Run one job to its result: a failure is a result too."""
    from workers.jobs.results import ResultsError
    from workers.research.strategies.packages import allow_packages
    from workers.studies.storage import StorageError
    from workers.tuning.job import TuningJob
    from workers.tuning.results import stored

    allow_packages(location.packages)
    started_s, request = time.monotonic(), TuningRequest.decode(owned.encoded)
    publisher = Publisher(kafka, f"tuning-{kafka.instance}-progress")
    telling = JobProgressPublisher(request.request_id, publisher)
    telling.tell("init", 0, request.spec.n_trials, None)
    commands = CancelFollower(request, kafka, stop)
    parts: dict[str, Any] | None = None
    failed: tuple[str, str] | None = None
    job = TuningJob(
        request.request_id,
        request.spec,
        f"tuning-{kafka.instance}",
        location.home,
        location.storage_url,
    )
    try:
        parts = _searched(job, request.spec, kafka, telling, stop)
    except StorageError as unreachable:
        failed = (f"REGIMEFLOW_TUNING_STORAGE: {unreachable}", "worker")
    except ValueError as wrong:
        failed = (str(wrong), "request")
    except MemoryError:
        failed = ("not enough memory; take a shorter span", "request")
    except Exception as bug:  # the job's last line: a bug is a result too
        log.exception("job.failed", remedy="report this with the request; the next job runs")
        failed = (f"a bug in the worker: {in_one_line(bug)}", "worker")
    status = _status(commands, parts)
    if status in {"cancelled", "partial"}:
        telling.tell("partial", telling.trial, telling.total, telling.best, status)
    result = JobResult(
        job_id=request.request_id,
        kind="hyperopt",
        event_time_ms=wall_ms(),
        status=status,
        error=without_secrets(failed[0]) if failed else None,
        fault=failed[1] if failed else None,  # type: ignore[arg-type]  # one of the two words above
        trials=parts["trials"] if parts else 0,
        seconds=round(time.monotonic() - started_s, 3),
        spec=request.spec.model_dump(mode="json"),
        result=parts,
        git_commit=kafka.git_commit,
        trace_id=owned.trace_id,
    )
    publisher.flush()
    if parts is None:
        return result
    try:
        return stored(result, location.results)
    except ResultsError as unwritable:
        return result.model_copy(
            update={"status": "failed", "error": str(unwritable), "fault": "worker", "result": None}
        )


def _status(commands: CancelFollower, parts: dict[str, Any] | None) -> Any:
    if parts is None:
        return "cancelled" if commands.cancelled else "failed"
    if not parts["partial"]:
        return "done"
    return "cancelled" if commands.cancelled else "partial"


def _searched(
    job: Any,
    spec: TuningSpec,
    kafka: KafkaSettings,
    telling: JobProgressPublisher,
    stop: threading.Event,
) -> dict[str, Any]:
    from workers.tuning.job import tune

    def progress(done: int, total: int, best: float | None, note: str) -> None:
        telling.tell("progress", done, total, best, note)

    return tune(job, read_requested_bars(spec, kafka), progress, stop)


class CancelFollower:
    """Follows the commands of a job: sets ``stop`` when it is cancelled.

    Those that were there before are read before this returns.
    """

    def __init__(self, request: TuningRequest, kafka: KafkaSettings, stop: Any) -> None:
        self._request, self._stop = request, stop
        self.cancelled = False
        self._reader = Reader(kafka, (JOB_COMMANDS,), follow=True)
        for message in self._reader.read_to_end():
            self._apply(message.record)
        threading.Thread(target=self._follow, daemon=True, name="commands").start()

    def _follow(self) -> None:
        while not self.cancelled:
            for message in self._reader.take_readable():
                self._apply(message.record)

    def _apply(self, record: Record) -> None:
        if (
            isinstance(record, JobCommand)
            and record.command == "cancel"
            and record.job_id == self._request.request_id
            and record.event_time_ms >= self._request.event_time_ms
        ):
            self.cancelled = True
            self._stop.set()


def read_requested_bars(spec: TuningSpec, kafka: KafkaSettings) -> Bars:
    """Return the bars that a request asks for, as its topic holds them now.

    Raises: BarsRejected when there are none.
    """
    store, others = BarStore(1), set[str]()
    with Reader(kafka, (BARS,)) as reader:
        for message in reader.read_to_end():
            bar = message.record
            if isinstance(bar, Bar) and (bar.symbol == spec.symbol or bar.symbol not in others):
                store.put(bar)  # one of each other symbol, for the list of those known
                others.add(bar.symbol)
    return store.of(spec)
