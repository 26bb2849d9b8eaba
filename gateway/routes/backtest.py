"""POST /backtest/optimize, /optimize/stream, /performance, /walk-forward; jobs and strategies."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from gateway.answers import job_bodies, job_events, job_requests
from gateway.answers.idempotency import Key
from gateway.context import ContextDep, PrincipalDep
from gateway.envelope import plain
from gateway.errors import Detail
from gateway.routes.refdata import TableView, table_body
from gateway.views.jobs import JOBS, JobView
from schemas.jobs import JobKind
from schemas.research import OptimizeSpec, PerformanceSpec, WalkForwardSpec

router = APIRouter(prefix="/backtest", tags=["backtest"])

KINDS: tuple[JobKind, ...] = ("optimize", "performance", "walk_forward")
SLOW: dict[int | str, dict[str, Any]] = {
    504: {
        "model": Detail,
        "description": "It takes longer than 30 s and goes on; `job_id` fetches it later",
    }
}

LastEventId = Annotated[
    str | None, Header(alias="Last-Event-ID", description="Only what came after this event")
]


class JobList(BaseModel):
    """Jobs, newest first."""

    jobs: list[job_bodies.JobSummary]


async def submitted(
    body: OptimizeSpec, request: Request, ctx: ContextDep, key: Key = None
) -> JobView:
    """Submit the job of a stream; errors are answered before the stream begins."""
    return await job_requests.submit(ctx, body, key, request.state.correlation_id)


async def followed(
    job_id: str, ctx: ContextDep, last_event_id: LastEventId = None
) -> tuple[JobView, int | None]:
    """Return a job and the place of the last event that its reader has seen."""
    ctx.require_ready()
    return ctx.views.jobs.require(job_id, *KINDS), job_events.parse_last_event_id(last_event_id)


@router.post("/optimize", response_model=job_bodies.JobAnswer, responses=SLOW)
async def optimize(
    body: OptimizeSpec, request: Request, ctx: ContextDep, key: Key = None
) -> Response:
    """Try a grid, or a sampler's choice of it: the best ten, and whether they mean anything."""
    job = await job_requests.submit(ctx, body, key, request.state.correlation_id)
    return plain(await job_events.wait_for_answer(ctx, job))


@router.post("/optimize/stream", response_class=EventSourceResponse)
async def optimize_stream(
    job: Annotated[JobView, Depends(submitted)], ctx: ContextDep
) -> AsyncIterator[ServerSentEvent]:
    """Do the same and tell on the way: events `init`, `progress`, then `result` or `error`.

    A reader that goes away cancels the job five seconds later unless it comes back to
    `GET /backtest/jobs/{job_id}/stream`, or had set `cancel_on_disconnect` to false.
    """
    async for event in job_events.asked_events(ctx, job):
        yield event


@router.post("/performance", response_model=job_bodies.JobAnswer, responses=SLOW)
async def performance(
    body: PerformanceSpec, request: Request, ctx: ContextDep, key: Key = None
) -> Response:
    """Run one set of parameters: equity, trades, metrics, drawdown, months."""
    job = await job_requests.submit(ctx, body, key, request.state.correlation_id)
    return plain(await job_events.wait_for_answer(ctx, job))


@router.post("/walk-forward", response_model=job_bodies.JobAnswer, responses=SLOW)
async def walk_forward(
    body: WalkForwardSpec, request: Request, ctx: ContextDep, key: Key = None
) -> Response:
    """Optimise on a window, trade the next one, move on: in sample against out of sample."""
    job = await job_requests.submit(ctx, body, key, request.state.correlation_id)
    return plain(await job_events.wait_for_answer(ctx, job))


@router.get("/strategies", response_model=TableView)
async def strategies(ctx: ContextDep) -> Response:
    """Return the strategies that can be named, with their parameters."""
    ctx.require_ready()
    table = ctx.views.refdata.table("strategy")
    return plain(table_body(table, list(table.rows)))


@router.get("/jobs", response_model=JobList)
async def jobs(ctx: ContextDep, limit: Annotated[int, Query(ge=1, le=JOBS)] = JOBS) -> Response:
    """Return the jobs of these routes, newest first, without those that show one trial."""
    ctx.require_ready()
    newest = ctx.views.jobs.newest(*KINDS)[:limit]
    return plain({"jobs": [job_bodies.summary(job) for job in newest]})


@router.get("/jobs/{job_id}", response_model=job_bodies.JobDetail)
async def job(job_id: str, ctx: ContextDep) -> Response:
    """Return one job, with its result once it has ended."""
    ctx.require_ready()
    return plain(job_bodies.detail(ctx.views.jobs.require(job_id, *KINDS)))


@router.delete("/jobs/{job_id}", response_model=job_bodies.JobSummary)
async def cancel(
    job_id: str, request: Request, ctx: ContextDep, principal: PrincipalDep
) -> Response:
    """Cancel a job: what it has by then is kept. One that has ended stays as it is."""
    ctx.require_ready()
    job = ctx.views.jobs.require(job_id, *KINDS)
    by = principal.signature("operator")
    await job_requests.cancel(ctx, job, request.state.correlation_id, by)
    return plain(job_bodies.summary(job))


@router.get("/jobs/{job_id}/stream", response_class=EventSourceResponse)
async def job_stream(
    reader: Annotated[tuple[JobView, int | None], Depends(followed)], ctx: ContextDep
) -> AsyncIterator[ServerSentEvent]:
    """Follow any of these jobs, from the start or after `Last-Event-ID`."""
    async for event in job_events.events(ctx, *reader):
        yield event
