"""POST, GET /api/v1/hyperopt: searches for a strategy's parameters, as jobs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from gateway.answers import job_bodies, job_events, job_requests
from gateway.answers.idempotency import Key
from gateway.answers.job_strategies import JobConfig, config_body
from gateway.context import ContextDep, PrincipalDep
from gateway.envelope import plain
from gateway.errors import Conflict, Detail
from gateway.routes.backtest import JobList, LastEventId
from gateway.views.jobs import UNFINISHED, JobStatus, JobView
from schemas.research import TuningSpec

router = APIRouter(prefix="/api/v1/hyperopt", tags=["hyperopt"])

NOT_YET: dict[int | str, dict[str, Any]] = {
    409: {"model": Detail, "description": "The job has no result yet, or cannot be resumed"}
}


class Accepted(BaseModel):
    """A job that was asked for."""

    job_id: str
    status: JobStatus
    url: str
    config: JobConfig | None = Field(description="Of its strategy, and what it took from it")


async def followed(
    job_id: str, ctx: ContextDep, last_event_id: LastEventId = None
) -> tuple[JobView, int | None]:
    """Return a job and the place of the last event that its reader has seen."""
    return _search(ctx, job_id), job_events.parse_last_event_id(last_event_id)


def _search(ctx: ContextDep, job_id: str) -> JobView:
    ctx.require_ready()
    return ctx.views.jobs.require(job_id, "hyperopt")


@router.post("", status_code=202, response_model=Accepted)
async def start(body: TuningSpec, request: Request, ctx: ContextDep, key: Key = None) -> Response:
    """Start a search; it goes on whether anybody watches or not."""
    job = await job_requests.submit(ctx, body, key, request.state.correlation_id)
    url = f"{router.prefix}/{job.job_id}"
    response = plain(_accepted(job, url), 202)
    response.headers["Location"] = url
    return response


@router.get("", response_model=JobList)
async def jobs(ctx: ContextDep) -> Response:
    """Return the searches, newest first."""
    ctx.require_ready()
    return plain({"jobs": [job_bodies.summary(job) for job in ctx.views.jobs.newest("hyperopt")]})


@router.get("/{job_id}", response_model=job_bodies.JobDetail)
async def job(job_id: str, ctx: ContextDep) -> Response:
    """Return how one search stands."""
    return plain(job_bodies.detail(_search(ctx, job_id)))


@router.get("/{job_id}/result", response_model=job_bodies.JobAnswer, responses=NOT_YET)
async def result(job_id: str, ctx: ContextDep) -> Response:
    """Return what a search found; 409 before its end."""
    return plain(job_bodies.answer(_search(ctx, job_id)))


@router.post("/{job_id}/cancel", response_model=job_bodies.JobSummary)
async def cancel(
    job_id: str, request: Request, ctx: ContextDep, principal: PrincipalDep
) -> Response:
    """Stop a search after the trials under way; what it has found is kept."""
    job = _search(ctx, job_id)
    by = principal.signature("operator")
    await job_requests.cancel(ctx, job, request.state.correlation_id, by)
    return plain(job_bodies.summary(job))


@router.post("/{job_id}/resume", status_code=202, response_model=Accepted, responses=NOT_YET)
async def resume(job_id: str, request: Request, ctx: ContextDep) -> Response:
    """Go on with a search that was cancelled, failed or ran out of time."""
    job = _search(ctx, job_id)
    if job.status in UNFINISHED or job.status == "done":
        raise Conflict(f"job {job_id} is {job.status}; only one that was cut short is resumed")
    await job_requests.resume(ctx, job, request.state.correlation_id)
    url = f"{router.prefix}/{job_id}"
    return plain(_accepted(job, url), 202)


def _accepted(job: JobView, url: str) -> dict[str, Any]:
    config = config_body(job.spec)
    return {"job_id": job.job_id, "status": job.status, "url": url, "config": config}


@router.get("/{job_id}/stream", response_class=EventSourceResponse)
async def stream(
    reader: Annotated[tuple[JobView, int | None], Depends(followed)], ctx: ContextDep
) -> AsyncIterator[ServerSentEvent]:
    """Follow a search: `init`, `progress`, then `result` or `error`."""
    async for event in job_events.events(ctx, *reader):
        yield event
