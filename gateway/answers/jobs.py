"""Asking for jobs and answering with them: submission, waiting, events for a stream, shapes.

[gateway] --> backtest.requests.v1, tuning.requests.v1, jobs.commands.v1
jobs.progress.v1, jobs.results.v1 --> [gateway]
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import orjson
from fastapi.sse import ServerSentEvent
from pydantic import BaseModel, ConfigDict, Field

from gateway.context import Parts
from gateway.envelope import iso
from gateway.errors import Conflict, GatewayError, Refused, TooSlow, Unavailable
from gateway.views.jobs import Job, Status
from schemas.ids import derived_id
from schemas.jobs import BacktestRequest, JobCommand, JobKind, TuningRequest
from schemas.research import OptimizeSpec, PerformanceSpec, TuningSpec, WalkForwardSpec

ANSWER_WITHIN_S = 30.0  # of routes that wait for a result
TAKEN_WITHIN_S = 5.0  # by a worker that is at nothing else
COME_BACK_S = 5.0  # a reader that lost its stream has this long before its job is cancelled
KEY = re.compile(r"[\x21-\x7e]{1,128}")
ENDED = "end"  # id of the last event of a stream
AWAY = frozenset({"stopping", "failed"})

Spec = OptimizeSpec | PerformanceSpec | WalkForwardSpec | TuningSpec

_leaving: set[asyncio.Task[None]] = set()  # the loop itself keeps no task alive


class JobSummary(BaseModel):
    """A job in a list."""

    job_id: str
    kind: JobKind
    symbol: str | None
    status: Status
    requested_at: str = Field(description="ISO 8601, UTC")
    trial: int | None = Field(description="Done so far; null before a worker has taken it")
    total_trials: int | None
    best: float | None = Field(description="Of the objective so far")
    objective: str | None
    note: str
    seconds: float | None = Field(description="How long it took; null before its end")
    error: str | None


class JobDetail(JobSummary):
    """One job with what was asked for and, at its end, what came of it."""

    spec: dict[str, Any]
    result: dict[str, Any] | None
    urls: dict[str, str] = Field(description="Parts of the result that are files")


class JobAnswer(BaseModel):
    """The result of a job, its fields beside these."""

    model_config = ConfigDict(extra="allow")

    job_id: str
    status: Status
    urls: dict[str, str]


async def submit(given: Parts, spec: Spec, key: str | None, trace_id: str) -> Job:
    """Ask a worker for a job; the same ``Idempotency-Key`` gives the same job.

    Raises what ``gateway.errors`` lists: unknown symbol or strategy, worker away, key used before
    for something else.
    """
    given.symbol(spec.symbol)
    _require_strategy(given, spec)
    job_id = str(uuid4()) if key is None else _id_of(key)
    held = given.views.jobs.get(job_id)
    if held is not None:
        if held.spec != spec.model_dump(mode="json"):
            raise Conflict(f"Idempotency-Key {key} was used for another request, job {job_id}")
        return held
    record = request_of(job_id, spec, given.wall_ms())
    _require_worker(given, record)
    job = given.views.jobs.request(record)
    try:
        await given.bus.publish(record, trace_id=trace_id)
    except Unavailable:
        given.views.jobs.forget(job)
        raise
    return job


def request_of(job_id: str, spec: Spec, now_ms: int) -> BacktestRequest | TuningRequest:
    """Return the request for a job."""
    if isinstance(spec, TuningSpec):
        return TuningRequest(request_id=job_id, event_time_ms=now_ms, spec=spec)
    return BacktestRequest(request_id=job_id, event_time_ms=now_ms, spec=spec)


def _id_of(key: str) -> str:
    if not KEY.fullmatch(key):
        raise Refused("Idempotency-Key: expected 1 to 128 printable ASCII characters, no spaces")
    return derived_id("jobs", key)


def _require_strategy(given: Parts, spec: Spec) -> None:
    name = spec.strategy_name if isinstance(spec, TuningSpec) else spec.strategy
    if name is None:
        return
    known = [str(row["name"]) for row in given.views.refdata.table("strategy").rows]
    if name not in known:
        raise Refused(f"strategy: {name!r} is unknown; expected one of {', '.join(known)}")


def _require_worker(given: Parts, record: BacktestRequest | TuningRequest) -> None:
    worker = "tuning" if isinstance(record, TuningRequest) else "backtest"
    states = {
        status.state
        for name, status in given.views.statuses.items()
        if name.split("-")[0] == worker
    }
    if not states - AWAY:
        how = "has stopped" if states else "does not run"
        raise Unavailable(f"the process {worker} {how}; start it with `regimeflow run {worker}`")


async def settled(given: Parts, job: Job) -> dict[str, Any]:
    """Wait for a job and return its answer.

    Raises:
        Unavailable: No worker has taken it, and none is known to be at another job.
        TooSlow: It takes longer than ``ANSWER_WITHIN_S``; it goes on.
    """
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            await _taken(given, job)
            while job.result is None:
                await job.changed.wait()
    except TimeoutError:
        raise TooSlow(
            f"job {job.job_id} takes longer than {ANSWER_WITHIN_S:.0f} s and goes on; "
            f"GET /backtest/jobs/{job.job_id} has its result later",
            job_id=job.job_id,
        ) from None
    return answer(job)


async def _taken(given: Parts, job: Job) -> None:
    while job.progress is None and job.result is None:
        try:
            async with asyncio.timeout(TAKEN_WITHIN_S):
                await job.changed.wait()
        except TimeoutError:
            if given.views.jobs.busy(job.worker) is None:
                raise Unavailable(
                    f"the process {job.worker} has not taken job {job.job_id} within "
                    f"{TAKEN_WITHIN_S:.0f} s; it stays queued: GET /backtest/jobs/{job.job_id}",
                    job_id=job.job_id,
                ) from None


def answer(job: Job) -> dict[str, Any]:
    """Return what came of a job; raises what a failed one deserves."""
    held = job.result
    if held is None:
        raise Conflict(f"job {job.job_id} is {job.status}, it has no result yet", job_id=job.job_id)
    if held.status == "failed":
        fault = Refused if held.fault == "request" else GatewayError
        raise fault(held.error or "no reason given", job_id=job.job_id)
    if held.raw is None:
        why = "was cancelled before it had any" if held.status == "cancelled" else "is not held"
        raise Conflict(f"the result of job {job.job_id} {why}", job_id=job.job_id)
    return {
        "job_id": job.job_id,
        "status": held.status,
        "urls": held.urls,
        **orjson.loads(held.raw),
    }


def summary(job: Job) -> dict[str, Any]:
    """Return a job as lists show it."""
    told, held = job.progress, job.result
    trial = held.trials if held is not None else told.trial if told is not None else None
    return {
        "job_id": job.job_id,
        "kind": job.kind,
        "symbol": job.spec.get("symbol"),
        "status": job.status,
        "requested_at": iso(job.requested_ms),
        "trial": trial,
        "total_trials": total_of(job),
        "best": told.best if told is not None else None,
        "objective": objective_of(job),
        "note": told.note if told is not None else "",
        "seconds": held.seconds if held is not None else None,
        "error": held.error if held is not None else None,
    }


def detail(job: Job) -> dict[str, Any]:
    """Return one job with its request and result."""
    held = job.result
    return summary(job) | {
        "spec": job.spec,
        "result": orjson.Fragment(held.raw) if held is not None and held.raw else None,
        "urls": held.urls if held is not None else {},
    }


def total_of(job: Job) -> int | None:
    """Return how many trials a job has; None while only its worker can tell."""
    if job.progress is not None and job.progress.total is not None:
        return job.progress.total
    if job.kind == "optimize":
        return OptimizeSpec.model_validate(job.spec).trials
    return job.spec.get("n_trials")


def objective_of(job: Job) -> str | None:
    """Return what a job maximises; None for one that maximises nothing, or several things."""
    found = job.spec.get("objective") or job.spec.get("loss_function")
    if isinstance(found, list):
        return found[0] if len(found) == 1 else None
    return found


async def cancel(given: Parts, job: Job, trace_id: str, by: str = "operator") -> None:
    """Cancel a job that has not ended."""
    if job.result is not None:
        return
    now_ms = max(given.wall_ms(), job.requested_ms)
    record = JobCommand(job_id=job.job_id, event_time_ms=now_ms, command="cancel", by=by)
    await given.bus.publish(record, trace_id=trace_id)
    given.views.jobs.command(record)


def resumed_at(last_event_id: str | None) -> int | None:
    """Return the place of the last event that a reader has seen; None for a new reader.

    Raises ``Conflict`` after the last one (which ends a browser's attempts), ``Refused`` for an
    id that no event had.
    """
    if last_event_id is None:
        return None
    if last_event_id == ENDED:
        raise Conflict("this stream has ended; the job's own address has its result")
    if not last_event_id.isdecimal() or len(last_event_id) > 18:
        raise Refused(f"Last-Event-ID: {last_event_id!r} is no id of an event of this stream")
    return int(last_event_id)


async def events(given: Parts, job: Job, after: int | None) -> AsyncIterator[ServerSentEvent]:
    """Yield ``init``, ``progress`` as it comes, and at the end ``result`` or ``error``.

    Each progress supersedes the ones before, so a slow reader misses steps and nothing else.

    Args:
        given: Parts of the app.
        job: Which one.
        after: Place of the last event seen; None for all.
    """
    job.watchers += 1
    try:
        if after is None:
            yield _event("init", "0", _init(job))
        seen = after or 0
        while True:
            changed = job.changed
            if job.progress is not None and job.place > seen:
                seen = job.place
                yield _event("progress", str(seen), _progress(job))
            if job.result is not None:
                yield _last(job)
                return
            await changed.wait()
    finally:
        job.watchers -= 1
        if job.result is None and job.spec.get("cancel_on_disconnect"):
            leaving = asyncio.get_running_loop().create_task(_left(given, job))
            _leaving.add(leaving)
            leaving.add_done_callback(_leaving.discard)


async def _left(given: Parts, job: Job) -> None:
    await asyncio.sleep(COME_BACK_S)
    if job.watchers == 0:
        await cancel(given, job, "", by="nobody watches")


def _init(job: Job) -> dict[str, Any]:
    return {
        "job_id": job.job_id,
        "kind": job.kind,
        "status": job.status,
        "total_trials": total_of(job),
    }


def _progress(job: Job) -> dict[str, Any]:
    told, objective = job.progress, objective_of(job)
    assert told is not None  # noqa: S101 - asked for by its presence
    return {
        "job_id": job.job_id,
        "trial": told.trial,
        "total": told.total,
        "best_sharpe": told.best if objective == "sharpe" else None,
        "objective": objective,
        "best": told.best,
        "stage": told.stage,
        "note": told.note,
    }


def _last(job: Job) -> ServerSentEvent:
    try:
        return _event("result", ENDED, answer(job))
    except GatewayError as failed:
        fault = job.result.fault if job.result is not None else None
        body = {
            "job_id": job.job_id,
            "status": job.status,
            "detail": failed.message,
            "fault": fault,
        }
        return _event("error", ENDED, body)


def _event(name: str, place: str, body: dict[str, Any]) -> ServerSentEvent:
    return ServerSentEvent(event=name, id=place, raw_data=orjson.dumps(body).decode())
