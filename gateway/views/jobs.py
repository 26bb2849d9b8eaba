"""View of research jobs: what was requested, how far each job is, and what came of it.

Keeps the newest ``JOBS`` jobs, and their results up to ``RESULTS_BYTES`` in all. Older ones stay on
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
from schemas.mlflow import MlflowRun

JOBS = 1_000
RESULTS_BYTES = 32 * 2**20

JobStatus = Literal["queued", "running", "cancelling", "done", "failed", "cancelled", "partial"]
WORKERS: dict[JobKind, str] = {
    "optimize": "backtest",
    "performance": "backtest",
    "walk_forward": "backtest",
    "hyperopt": "tuning",
}
UNFINISHED = ("queued", "running", "cancelling")


@dataclass(frozen=True, slots=True)
class CompactResult:
    """What came of a job; ``raw`` is the result as JSON, None without one or to save room."""

    status: Literal["done", "failed", "cancelled", "partial"]
    error: str | None
    fault: str | None
    trials: int
    seconds: float
    event_time_ms: int
    raw: bytes | None
    urls: dict[str, str]
    outcome: dict[str, Any] | None = None  # what lists show of the result
    git_commit: str | None = None
    trace_id: str | None = None

    @classmethod
    def from_record(cls, record: JobResult) -> CompactResult:
        """Return the compact form of a result."""
        return cls(
            status=record.status,
            error=record.error,
            fault=record.fault,
            trials=record.trials,
            seconds=record.seconds,
            event_time_ms=record.event_time_ms,
            raw=None if record.result is None else orjson.dumps(record.result),
            urls=record.urls,
            outcome=None if record.result is None else _outcome(record.result),
            git_commit=record.git_commit,
            trace_id=record.trace_id,
        )


def _outcome(result: dict[str, Any]) -> dict[str, Any]:
    """Return the main figures of a result, the fields of ``job_bodies.JobOutcome``."""
    best = result.get("best")  # of a search; a back-test has metrics alone
    metrics = result.get("metrics") or (best.get("metrics") if isinstance(best, dict) else None)
    if not isinstance(metrics, dict):
        metrics = {}
    return {
        "verdict": result.get("verdict"),
        "params": result.get("best_params"),
        "best_value": result.get("best_value"),
        "total_return": metrics.get("total_return"),
        "sharpe_ratio": metrics.get("sharpe_ratio"),
    }


@dataclass
class JobView:
    """One job, as far as it is known here."""

    job_id: str
    kind: JobKind
    spec: dict[str, Any]
    requested_ms: int
    resumed: bool = False  # requested more than once: what was said before no longer counts
    progress: JobProgress | None = None
    place: int = 0  # of that progress on its topic: what a stream resumes from
    result: CompactResult | None = None
    cancelled_ms: int = -1
    mlflow_run_id: str | None = None
    watchers: int = 0
    ends_with_reader: bool | None = None  # None: nobody has asked for it here
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def worker(self) -> str:
        """The process that runs it."""
        return WORKERS[self.kind]

    @property
    def status(self) -> JobStatus:
        """Where it stands."""
        if self.result is not None:
            return self.result.status
        if self.cancelled_ms >= self.requested_ms:
            return "cancelling"
        return "queued" if self.progress is None else "running"

    def outdates(self, event_time_ms: int) -> bool:
        """Whether a record of that time comes from a run before the newest request."""
        # The clocks of two machines are compared only where a job was requested more than once.
        return self.resumed and event_time_ms < self.requested_ms

    def notify(self) -> None:
        """Wake whoever waits for a change."""
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()


class JobIndex:
    """All jobs by id, in the order of their requests; written on the event loop only."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[str, JobView] = OrderedDict()
        self._run_ids: dict[str, str] = {}  # of MLflow, by job
        self._result_bytes: OrderedDict[str, int] = OrderedDict()  # oldest result first

    def get(self, job_id: str) -> JobView | None:
        """Return a job; None for an unknown one."""
        return self._jobs.get(job_id)

    def require(self, job_id: str, *kinds: JobKind) -> JobView:
        """Return a job of one of the kinds; raises ``Unknown``."""
        job = self._jobs.get(job_id)
        if job is None or job.kind not in kinds:
            raise Unknown(
                f"no {' or '.join(kinds)} job {job_id} is among the newest held; older results "
                "are on the topic jobs.results.v1"
            )
        return job

    def newest(self, *kinds: JobKind) -> list[JobView]:
        """Return the jobs of these kinds, newest first, without those that show a trial."""
        return [
            job
            for job in reversed(self._jobs.values())
            if job.kind in kinds and job.spec.get("trial_of") is None
        ]

    def running_on(self, worker: str) -> JobView | None:
        """Return the job that a worker is known to run; None when there is none."""
        unfinished = (j for j in self._jobs.values() if j.worker == worker and j.result is None)
        return next((job for job in unfinished if job.progress is not None), None)

    def request(self, record: BacktestRequest | TuningRequest) -> JobView:
        """Take a request; a later one for a job that has ended starts it again."""
        job = self._jobs.get(record.request_id)
        if job is None:
            spec = record.spec.model_dump(mode="json")
            job = JobView(record.request_id, record.spec.kind, spec, record.event_time_ms)
            self._put(job)
        elif record.event_time_ms > job.requested_ms:
            job.requested_ms, job.resumed = record.event_time_ms, True
            if job.result is not None and job.result.event_time_ms < record.event_time_ms:
                job.result, job.progress = None, None
                self._result_bytes.pop(job.job_id, None)
            job.notify()
        return job

    def forget(self, job: JobView) -> None:
        """Drop a job whose request was never published."""
        self._jobs.pop(job.job_id, None)

    def command(self, record: JobCommand) -> None:
        """Take a command."""
        job = self._jobs.get(record.job_id)
        if job is not None and record.command == "cancel":
            job.cancelled_ms = max(job.cancelled_ms, record.event_time_ms)
            job.notify()

    def progress(self, record: JobProgress, place: int) -> None:
        """Take progress; that of an unknown job, or of an earlier run, changes nothing."""
        job = self._jobs.get(record.job_id)
        if job is None or job.result is not None or job.outdates(record.event_time_ms):
            return
        job.progress, job.place = record, place
        job.notify()

    def result(self, record: JobResult) -> None:
        """Take a result; the newest one of a job counts.

        Raises TypeError for a request or a result that JSON of 64 bits cannot show.
        """
        compact = CompactResult.from_record(record)
        orjson.dumps(record.spec)
        job = self._jobs.get(record.job_id)
        if job is None:  # its request lies before what was read
            job = JobView(record.job_id, record.kind, record.spec, record.event_time_ms)
            self._put(job)
        if job.outdates(record.event_time_ms):
            return
        job.result = compact
        self._make_room(job.job_id, len(compact.raw or b""))
        job.notify()

    def logged(self, run: MlflowRun) -> None:
        """Take the run that shows a job in MLflow; that of something else changes nothing."""
        noun, _, job_id = run.subject.partition("/")
        if noun != "job":
            return
        self._run_ids[job_id] = run.run_id
        if job_id in self._jobs:
            self._jobs[job_id].mlflow_run_id = run.run_id

    def _put(self, job: JobView) -> None:
        job.mlflow_run_id = self._run_ids.get(job.job_id)
        self._jobs[job.job_id] = job
        while len(self._jobs) > JOBS:
            oldest, _ = self._jobs.popitem(last=False)
            self._result_bytes.pop(oldest, None)

    def _make_room(self, job_id: str, size: int) -> None:
        self._result_bytes[job_id] = size
        self._result_bytes.move_to_end(job_id)
        while sum(self._result_bytes.values()) > RESULTS_BYTES:
            oldest, _ = self._result_bytes.popitem(last=False)
            job = self._jobs[oldest]
            if job.result is not None:
                job.result = replace(job.result, raw=None)
