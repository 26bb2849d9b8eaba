"""What the routes say about a job: in a list, in full, and its result alone."""

from __future__ import annotations

from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field

from gateway.answers.job_strategies import JobConfig, config_body
from gateway.envelope import iso, raw
from gateway.errors import Conflict, GatewayError, Refused
from gateway.views.jobs import JobStatus, JobView
from schemas.jobs import JobKind
from schemas.research import OptimizeSpec

EMPTY: tuple[object, ...] = (None, [], {})


class JobOutcome(BaseModel):
    """The main figures of a result; each is null where the kind of job has none."""

    verdict: str | None = Field(description="Of a search, in words")
    params: dict[str, Any] | None = Field(description="The best of a search")
    best_value: float | None = Field(description="Of the objective: the mean over the windows")
    total_return: float | None = Field(description="After costs, a fraction; of a search the best")
    sharpe_ratio: float | None = Field(description="Of a search the best, not deflated")


class JobSummary(BaseModel):
    """A job in a list."""

    job_id: str
    kind: JobKind
    symbol: str | None
    status: JobStatus
    requested_at: str = Field(description="ISO 8601, UTC")
    trial: int | None = Field(description="Done so far; null before a worker has taken it")
    total_trials: int | None
    best: float | None = Field(description="Of the objective so far")
    objective: str | None
    note: str
    seconds: float | None = Field(description="How long it took; null before its end")
    error: str | None
    request: dict[str, Any] = Field(description="The request without what it leaves empty")
    outcome: JobOutcome | None = Field(description="Null before its end, and without a result")


class ResultOrigin(BaseModel):
    """Where a result comes from; null before its end, and of a release that told neither."""

    git_commit: str | None = Field(description="Of the code that ran the job")
    trace_id: str | None = Field(
        description="Of the request: its correlation id, and that of every log line of the job"
    )
    mlflow_run_id: str | None = Field(
        default=None, description="With log: once MLflow shows the result, seconds later"
    )


class JobDetail(JobSummary, ResultOrigin):
    """One job with what was asked for and, at its end, what came of it."""

    spec: dict[str, Any]
    result: dict[str, Any] | None
    urls: dict[str, str] = Field(description="Parts of the result that are files")
    config: JobConfig | None = Field(description="Of its strategy, and what it took from it")


class JobAnswer(ResultOrigin):
    """The result of a job, its fields beside these."""

    model_config = ConfigDict(extra="allow")

    job_id: str
    status: JobStatus
    urls: dict[str, str]
    config: JobConfig | None = Field(description="Of its strategy, and what it took from it")


def summary(job: JobView) -> dict[str, Any]:
    """Return a job as lists show it, the fields of ``JobSummary``."""
    progress, result = job.progress, job.result
    best = progress.best if progress is not None else None
    if result is not None and result.outcome is not None:
        best = result.outcome["best_value"] if job.kind == "hyperopt" else best
    trial = result.trials if result is not None else progress.trial if progress else None
    return {
        "job_id": job.job_id,
        "kind": job.kind,
        "symbol": job.spec.get("symbol"),
        "status": job.status,
        "requested_at": iso(job.requested_ms),
        "trial": trial,
        "total_trials": total_trials(job),
        "best": best,
        "objective": objective(job),
        "note": progress.note if progress is not None else "",
        "seconds": result.seconds if result is not None else None,
        "error": result.error if result is not None else None,
        "request": {name: value for name, value in job.spec.items() if value not in EMPTY},
        "outcome": result.outcome if result is not None else None,
    }


def detail(job: JobView) -> dict[str, Any]:
    """Return one job with its request and result, the fields of ``JobDetail``."""
    result = job.result
    return summary(job) | {
        "spec": job.spec,
        "result": raw(result.raw) if result is not None else None,
        "urls": result.urls if result is not None else {},
        "config": config_body(job.spec),
        **_provenance(job),
    }


def answer(job: JobView) -> dict[str, Any]:
    """Return the result of a job, the fields of ``JobAnswer``.

    Raises:
        Conflict: The job has no result, or not yet, or no longer.
        Refused: The job failed because its request was wrong.
        GatewayError: The job failed for another reason.
    """
    result = job.result
    if result is None:
        raise Conflict(f"job {job.job_id} is {job.status}, it has no result yet", job_id=job.job_id)
    if result.status == "failed":
        failure = Refused if result.fault == "request" else GatewayError
        raise failure(result.error or "no reason given", job_id=job.job_id)
    if result.raw is None:
        why = "was cancelled before it had any" if result.status == "cancelled" else "is not held"
        raise Conflict(f"the result of job {job.job_id} {why}", job_id=job.job_id)
    return {
        "job_id": job.job_id,
        "status": result.status,
        "urls": result.urls,
        **orjson.loads(result.raw),
        "config": config_body(job.spec),
        **_provenance(job),
    }


def _provenance(job: JobView) -> dict[str, str | None]:
    result = job.result
    return {
        "git_commit": None if result is None else result.git_commit,
        "trace_id": None if result is None else result.trace_id,
        "mlflow_run_id": job.mlflow_run_id,
    }


def total_trials(job: JobView) -> int | None:
    """Return how many trials a job has; None while only its worker can tell."""
    if job.progress is not None and job.progress.total is not None:
        return job.progress.total
    if job.kind != "optimize":
        return job.spec.get("n_trials")
    try:
        return OptimizeSpec.model_validate(job.spec).trials
    except ValueError:  # stored by a release with wider bounds
        return None


def objective(job: JobView) -> str | None:
    """Return what a job maximises; None if it maximises nothing, or several things at once."""
    named = job.spec.get("objective") or job.spec.get("loss_function")
    if isinstance(named, list):
        return named[0] if len(named) == 1 else None
    return named
