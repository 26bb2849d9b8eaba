"""The tuning process: runs searches that events request; any number of processes share them.

    tuning.requests.v1, jobs.commands.v1, jobs.progress.v1, jobs.results.v1, market.bars.v1
        -->  [tuning]  -->  jobs.progress.v1, jobs.results.v1

One process of the group owns a job: it starts the study, writes the report, and publishes the one
result with the request's offset in one transaction. A process without a job takes part in the
oldest job that another process has started. They share the study's storage: a database, or on one
machine the journal file. Each runs its search in a child process. If the owner dies, the group
gives the request to another process, and the study goes on; ``study.py`` says what becomes of
trials under way.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import structlog

from schemas.jobs import JobProgress, JobResult, TuningRequest
from schemas.record import Record
from schemas.topics import JOB_PROGRESS, JOB_RESULTS, TUNING_REQUESTS
from streams.runtime.codec import Received
from streams.runtime.jobs import JobFuture, in_thread, run_jobs
from streams.runtime.reader import tail
from streams.runtime.settings import Aborted, Fatal, KafkaSettings
from streams.runtime.status import StatusPublisher
from streams.runtime.wall_clock import wall_ms
from workers.child import Child
from workers.process import event_on_signals, fatal
from workers.settings import Settings
from workers.tuning.search_child import OwnedRequest, StudyLocation, assist, run_owned
from workers.watched_threads import WatchedThreads

log = structlog.get_logger()

MAX_ATTEMPTS = 2  # a job that killed as many children is given up
IDLE_FOR_S = 3.0  # before it takes part in another's job: its own may be on the way
LOOK_EVERY_S = 0.2


def run(settings: Settings, kafka: KafkaSettings) -> int:
    """Run until SIGTERM; return the exit code."""
    stop = event_on_signals()
    status = StatusPublisher(kafka, "tuning")
    status.report("running")
    tuning = TuningJobs(StudyLocation.of(settings), kafka, stop)
    threads = WatchedThreads(stop)
    threads.start("requests", tuning.follow)
    threads.start("share", tuning.take_part)
    try:
        idle_s = settings.job_idle_s
        run_jobs("tuning", TUNING_REQUESTS, tuning.job, kafka, stop=stop, idle_s=idle_s)
        threads.raise_fatal()
    except (Aborted, Fatal) as error:
        return fatal(error)
    else:
        status.report("stopping")
        return 0
    finally:
        stop.set()
        tuning.close()
        threads.join()
        status.close()


class TuningJobs:
    """The jobs of one process: its own, and those it takes part in."""

    def __init__(
        self, location: StudyLocation, kafka: KafkaSettings, stop: threading.Event
    ) -> None:
        self._location, self._kafka, self._stop = location, kafka, stop
        self._open: dict[str, TuningRequest] = {}  # without a result, oldest request first
        self._started: dict[str, int] = {}  # by job: time of its newest progress
        self._own_child: Child | None = None
        self._shared_child: Child | None = None
        self._busy = threading.Event()
        self._idle_since_s = time.monotonic()

    def close(self) -> None:
        """End the children: what they have under way is not lost."""
        for child in (self._own_child, self._shared_child):
            if child is not None:
                child.kill()

    def follow(self) -> None:
        """Keep the list of jobs without a result."""
        topics = (TUNING_REQUESTS, JOB_PROGRESS, JOB_RESULTS)
        for message in tail(self._kafka, topics, stop=self._stop):
            self._note(message.record)

    def _note(self, record: Record) -> None:
        if isinstance(record, TuningRequest):
            self._open[record.request_id] = record
        elif isinstance(record, JobResult):
            request = self._open.get(record.job_id)
            self._started.pop(record.job_id, None)
            if request is not None and request.event_time_ms <= record.event_time_ms:
                del self._open[record.job_id]
        elif isinstance(record, JobProgress) and record.trial > 0:
            self._started[record.job_id] = record.event_time_ms

    def job(self, received: Received) -> JobFuture:
        """Start one request; its future holds the one result."""
        request = received.record
        assert isinstance(request, TuningRequest)  # noqa: S101 - the only record there
        future = in_thread(lambda future: self._work(request, received.trace_id, future))
        future.add_done_callback(self._cancelled)
        return future

    def _cancelled(self, future: JobFuture) -> None:
        if future.cancelled() and self._own_child is not None:
            self._own_child.kill()

    def _work(self, request: TuningRequest, trace_id: str, future: JobFuture) -> Sequence[Record]:
        self._busy.set()
        try:
            return (self._result(request, trace_id, future),)
        finally:
            self._idle_since_s = time.monotonic()
            self._busy.clear()

    def _result(self, request: TuningRequest, trace_id: str, future: JobFuture) -> JobResult:
        started_s, owned = time.monotonic(), OwnedRequest(request.encode(), trace_id)
        for attempt in range(1, MAX_ATTEMPTS + 1):
            child = self._own_child = Child(run_owned, owned, self._location, self._kafka)
            try:
                return JobResult.decode(child.channel.recv_bytes())
            except (EOFError, OSError):
                child.process.join()
                log.warning(
                    "child.died",
                    exit_code=child.process.exitcode,
                    life=attempt,
                    lives=MAX_ATTEMPTS,
                    remedy="none while it has lives left; -9 is mostly a lack of memory",
                )
                if future.cancelled():
                    break
            finally:
                child.channel.close()
                child.process.join()
                self._own_child = None
        return JobResult(
            job_id=request.request_id,
            kind="hyperopt",
            event_time_ms=wall_ms(),
            status="failed",
            error=f"the search ended {MAX_ATTEMPTS} times without a result, most likely out of "
            "memory; its trials are kept: take a shorter span and resume",
            fault="worker",
            trials=0,
            seconds=round(time.monotonic() - started_s, 3),
            spec=request.spec.model_dump(mode="json"),
            git_commit=self._kafka.git_commit,
            trace_id=trace_id,
        )

    def take_part(self) -> None:
        """While it has no job of its own, take part in the oldest that others have started."""
        while not self._stop.wait(LOOK_EVERY_S):
            idle_s = time.monotonic() - self._idle_since_s
            wanted = self._started_job()
            if self._busy.is_set() or wanted is None or idle_s < IDLE_FOR_S:
                continue
            child = self._shared_child = Child(assist, wanted.encode(), self._location, self._kafka)
            while child.process.is_alive() and not self._stop.is_set():
                if self._busy.is_set() or self._open.get(wanted.request_id) is not wanted:
                    child.finish()
                child.process.join(LOOK_EVERY_S)
            child.kill()
            child.channel.close()
            self._shared_child = None
            self._idle_since_s = time.monotonic()

    def _started_job(self) -> TuningRequest | None:
        """Return the oldest job that a process is running."""
        running = [
            request
            for job_id, request in list(self._open.items())
            if self._started.get(job_id, -1) >= request.event_time_ms
        ]
        return running[0] if running else None
