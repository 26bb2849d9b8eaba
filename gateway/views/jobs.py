"""View of research jobs: what was asked for, how far each is, what came of it; who waits is woken.

Holds the newest ``JOBS`` jobs, and results up to ``RESULTS_BYTES`` in all: older ones stay on
their topic and in its archive.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import orjson

from gateway.errors import Unknown
from schemas.jobs import BacktestRequest, JobCommand, JobKind, JobProgress, JobResult, TuningRequest

JOBS = 1_000
RESULTS_BYTES = 32 * 2**20

Status = Literal["queued", "running", "cancelling", "done", "failed", "cancelled", "partial"]
WORKERS: dict[str, str] = {
    "optimize": "backtest",
    "performance": "backtest",
    "walk_forward": "backtest",
    "hyperopt": "tuning",
}
LIVE = ("queued", "running", "cancelling")


@dataclass(frozen=True, slots=True)
class HeldResult:
    """What came of a job; the result itself as JSON, null once it had to make room."""

    status: Literal["done", "failed", "cancelled", "partial"]
    error: str | None
    fault: str | None
    trials: int
    seconds: float
    event_time_ms: int
    raw: bytes | None
    urls: dict[str, str]


@dataclass
class Job:
    """One job, as far as it is known here."""

    job_id: str
    kind: JobKind
    spec: dict[str, Any]
    requested_ms: int
    again: bool = False  # asked for once more: what it said before no longer counts
    progress: JobProgress | None = None
    place: int = 0  # of that progress on its topic: what a stream resumes from
    result: HeldResult | None = None
    cancelled_ms: int = -1
    watchers: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def worker(self) -> str:
        """The process that runs it."""
        return WORKERS[self.kind]

    @property
    def status(self) -> Status:
        """How it stands."""
        if self.result is not None:
            return self.result.status
        if self.cancelled_ms >= self.requested_ms:
            return "cancelling"
        return "queued" if self.progress is None else "running"

    def outdates(self, said_ms: int) -> bool:
        """Whether what was said at a time was said by a run before the newest request."""
        # Only then are the clocks of two machines compared.
        return self.again and said_ms < self.requested_ms

    def touch(self) -> None:
        """Wake who waits for a change."""
        woken, self.changed = self.changed, asyncio.Event()
        woken.set()


class Jobs:
    """All jobs by id, in the order they were asked for; written on the event loop only."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._with_result: OrderedDict[str, int] = OrderedDict()  # bytes, oldest first

    def get(self, job_id: str) -> Job | None:
        """Return a job; None when it is not held."""
        return self._jobs.get(job_id)

    def named(self, job_id: str, *kinds: JobKind) -> Job:
        """Return a job of some kinds; raises ``Unknown``."""
        job = self._jobs.get(job_id)
        if job is None or job.kind not in kinds:
            raise Unknown(
                f"no {' or '.join(kinds)} job {job_id} is among the newest held; older results "
                "are on the topic jobs.results.v1"
            )
        return job

    def newest(self, *kinds: JobKind) -> list[Job]:
        """Return the jobs of some kinds, newest first."""
        return [job for job in reversed(self._jobs.values()) if job.kind in kinds]

    def busy(self, worker: str) -> Job | None:
        """Return a job that a worker is at, as far as is known; None when there is none."""
        running = (j for j in self._jobs.values() if j.worker == worker and j.result is None)
        return next((job for job in running if job.progress is not None), None)

    def request(self, record: BacktestRequest | TuningRequest) -> Job:
        """Take a request; one of a later time puts a job that had ended on its way again."""
        job = self._jobs.get(record.request_id)
        if job is None:
            spec = record.spec.model_dump(mode="json")
            job = Job(record.request_id, record.spec.kind, spec, record.event_time_ms)
            self._put(job)
        elif record.event_time_ms > job.requested_ms:
            job.requested_ms, job.again = record.event_time_ms, True
            if job.result is not None and job.result.event_time_ms < record.event_time_ms:
                job.result, job.progress = None, None
                self._with_result.pop(job.job_id, None)
            job.touch()
        return job

    def forget(self, job: Job) -> None:
        """Drop a job whose request never left."""
        self._jobs.pop(job.job_id, None)

    def command(self, record: JobCommand) -> None:
        """Take a command."""
        job = self._jobs.get(record.job_id)
        if job is not None and record.command == "cancel":
            job.cancelled_ms = max(job.cancelled_ms, record.event_time_ms)
            job.touch()

    def progress(self, record: JobProgress, place: int) -> None:
        """Take progress; that of a job not held, or of an earlier run, changes nothing."""
        job = self._jobs.get(record.job_id)
        if job is None or job.result is not None or job.outdates(record.event_time_ms):
            return
        job.progress, job.place = record, place
        job.touch()

    def result(self, record: JobResult) -> None:
        """Take a result; the newest one of a job counts."""
        job = self._jobs.get(record.job_id)
        if job is None:  # its request lies before what was read
            job = Job(record.job_id, record.kind, record.spec, record.event_time_ms)
            self._put(job)
        if job.outdates(record.event_time_ms):
            return
        raw = None if record.result is None else orjson.dumps(record.result)
        job.result = HeldResult(
            record.status,
            record.error,
            record.fault,
            record.trials,
            record.seconds,
            record.event_time_ms,
            raw,
            record.urls,
        )
        self._make_room(job.job_id, len(raw or b""))
        job.touch()

    def _put(self, job: Job) -> None:
        self._jobs[job.job_id] = job
        while len(self._jobs) > JOBS:
            gone, _ = self._jobs.popitem(last=False)
            self._with_result.pop(gone, None)

    def _make_room(self, job_id: str, size: int) -> None:
        self._with_result[job_id] = size
        self._with_result.move_to_end(job_id)
        while sum(self._with_result.values()) > RESULTS_BYTES:
            oldest, _ = self._with_result.popitem(last=False)
            held = self._jobs[oldest].result
            if held is not None:
                self._jobs[oldest].result = replace(held, raw=None)
