"""Asking workers for jobs: submit, cancel, resume.

[gateway] --> backtest.requests.v1, tuning.requests.v1, jobs.commands.v1
"""

from __future__ import annotations

from uuid import uuid4

from gateway.answers import idempotency
from gateway.answers.job_strategies import resolve
from gateway.context import AppContext
from gateway.errors import Conflict, Unavailable
from gateway.views.jobs import WORKERS, JobView
from schemas.jobs import BacktestRequest, JobCommand, TuningRequest
from schemas.research import TuningSpec
from streams.configs.job_defaults import JobSpec

AWAY = frozenset({"stopping", "failed"})


async def submit(ctx: AppContext, spec: JobSpec, key: str | None, trace_id: str) -> JobView:
    """Ask a worker for a job; the same ``Idempotency-Key`` returns the same job.

    Raises a ``GatewayError``: the symbol or strategy is unknown, the worker is away, or the key was
    used for another request.
    """
    ctx.require_ready()
    job_id = str(uuid4()) if key is None else idempotency.id_from_key("jobs", key)
    earlier = ctx.views.jobs.get(job_id)
    spec = resolve(ctx, spec, earlier)
    ctx.symbol(spec.symbol)
    if earlier is not None:
        if earlier.spec != spec.model_dump(mode="json"):
            raise Conflict(f"Idempotency-Key {key} was used for another request, job {job_id}")
        return earlier
    _require_worker(ctx, WORKERS[spec.kind])
    record = _request(job_id, spec, ctx.wall_ms())
    job = ctx.views.jobs.request(record)
    try:
        await ctx.bus.publish(record, trace_id=trace_id)
    except Unavailable:
        ctx.views.jobs.forget(job)
        raise
    return job


async def cancel(ctx: AppContext, job: JobView, trace_id: str, by: str = "operator") -> None:
    """Cancel a job; one that has ended stays as it is."""
    if job.result is not None:
        return
    now_ms = max(ctx.wall_ms(), job.requested_ms)
    command = JobCommand(job_id=job.job_id, event_time_ms=now_ms, command="cancel", by=by)
    await ctx.bus.publish(command, trace_id=trace_id)
    ctx.views.jobs.command(command)


async def resume(ctx: AppContext, job: JobView, trace_id: str) -> None:
    """Ask for a search again that was cut short; it goes on under its id."""
    # Later than whatever ended the job, so that every reader sees the new request win.
    now_ms = max(ctx.wall_ms(), job.cancelled_ms + 1, job.requested_ms + 1)
    command = JobCommand(job_id=job.job_id, event_time_ms=now_ms, command="resume")
    await ctx.bus.publish(command, trace_id=trace_id)
    request = _request(job.job_id, TuningSpec.model_validate(job.spec), now_ms)
    await ctx.bus.publish(request, trace_id=trace_id)
    ctx.views.jobs.request(request)


def _request(job_id: str, spec: JobSpec, now_ms: int) -> BacktestRequest | TuningRequest:
    if isinstance(spec, TuningSpec):
        return TuningRequest(request_id=job_id, event_time_ms=now_ms, spec=spec)
    return BacktestRequest(request_id=job_id, event_time_ms=now_ms, spec=spec)


def _require_worker(ctx: AppContext, worker: str) -> None:
    states = {
        status.state
        for process, status in ctx.views.statuses.items()
        if process.split("-")[0] == worker
    }
    if not states - AWAY:
        how = "has stopped" if states else "does not run"
        raise Unavailable(f"the process {worker} {how}; start it with `regimeflow run {worker}`")
