"""POST /backtest/optimize, /optimize/stream, /performance, /walk-forward; jobs and strategies."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from gateway.answers import jobs as answers
from gateway.context import Given
from gateway.envelope import plain
from gateway.routes.refdata import TableView, shown
from gateway.views.jobs import Job
from schemas.jobs import JobKind
from schemas.research import OptimizeSpec, PerformanceSpec, WalkForwardSpec

router = APIRouter(prefix="/backtest", tags=["backtest"])

KINDS: tuple[JobKind, ...] = ("optimize", "performance", "walk_forward")
SLOW: dict[int | str, dict[str, Any]] = {
    504: {"description": "It takes longer than 30 s and goes on; `job_id` fetches it later"}
}

Key = Annotated[
    str | None,
    Header(alias="Idempotency-Key", description="The same key gives the same job"),
]
LastEvent = Annotated[
    str | None, Header(alias="Last-Event-ID", description="Only what came after this event")
]


class JobList(BaseModel):
    """Jobs, newest first."""

    jobs: list[answers.JobSummary]


async def streamed(body: OptimizeSpec, request: Request, given: Given, key: Key = None) -> Job:
    """Return the job of a stream: what is wrong is told before the stream begins."""
    return await answers.submit(given, body, key, request.state.correlation_id)


async def followed(job_id: str, given: Given, seen: LastEvent = None) -> tuple[Job, int | None]:
    """Return a job and where its reader was."""
    given.require_ready()
    return given.views.jobs.named(job_id, *KINDS), answers.resumed_at(seen)


@router.post("/optimize", response_model=answers.JobAnswer, responses=SLOW)
async def optimize(body: OptimizeSpec, request: Request, given: Given, key: Key = None) -> Response:
    """Try a grid, or a sampler's choice of it: the best ten, and whether they mean anything."""
    job = await answers.submit(given, body, key, request.state.correlation_id)
    return plain(await answers.settled(given, job))


@router.post("/optimize/stream", response_class=EventSourceResponse)
async def optimize_stream(
    job: Annotated[Job, Depends(streamed)], given: Given
) -> AsyncIterator[ServerSentEvent]:
    """Do the same and tell on the way: events `init`, `progress`, then `result` or `error`.

    A reader that goes away cancels the job five seconds later unless it comes back to
    `GET /backtest/jobs/{job_id}/stream`, or had set `cancel_on_disconnect` to false.
    """
    async for event in answers.events(given, job, None):
        yield event


@router.post("/performance", response_model=answers.JobAnswer, responses=SLOW)
async def performance(
    body: PerformanceSpec, request: Request, given: Given, key: Key = None
) -> Response:
    """Run one set of parameters: equity, trades, metrics, drawdown, months."""
    job = await answers.submit(given, body, key, request.state.correlation_id)
    return plain(await answers.settled(given, job))


@router.post("/walk-forward", response_model=answers.JobAnswer, responses=SLOW)
async def walk_forward(
    body: WalkForwardSpec, request: Request, given: Given, key: Key = None
) -> Response:
    """Optimise on a window, trade the next one, move on: in sample against out of sample."""
    job = await answers.submit(given, body, key, request.state.correlation_id)
    return plain(await answers.settled(given, job))


@router.get("/strategies", response_model=TableView)
async def strategies(given: Given) -> Response:
    """Return the strategies that can be named, with their parameters."""
    given.require_ready()
    table = given.views.refdata.table("strategy")
    return plain(shown(table, list(table.rows)))


@router.get("/jobs", response_model=JobList)
async def jobs(given: Given) -> Response:
    """Return the jobs of these routes, newest first."""
    given.require_ready()
    return plain({"jobs": [answers.summary(job) for job in given.views.jobs.newest(*KINDS)]})


@router.get("/jobs/{job_id}", response_model=answers.JobDetail)
async def job(job_id: str, given: Given) -> Response:
    """Return one job, with its result once it has ended."""
    given.require_ready()
    return plain(answers.detail(given.views.jobs.named(job_id, *KINDS)))


@router.delete("/jobs/{job_id}", response_model=answers.JobSummary)
async def cancel(job_id: str, request: Request, given: Given) -> Response:
    """Cancel a job: what it has by then is kept. One that has ended stays as it is."""
    given.require_ready()
    found = given.views.jobs.named(job_id, *KINDS)
    await answers.cancel(given, found, request.state.correlation_id)
    return plain(answers.summary(found))


@router.get("/jobs/{job_id}/stream", response_class=EventSourceResponse)
async def job_stream(
    found: Annotated[tuple[Job, int | None], Depends(followed)], given: Given
) -> AsyncIterator[ServerSentEvent]:
    """Follow any of these jobs, from the start or after `Last-Event-ID`."""
    async for event in answers.events(given, *found):
        yield event
