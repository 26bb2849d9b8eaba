"""POST, GET /api/v1/hyperopt: searches for a strategy's parameters, as jobs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from gateway.answers import jobs as answers
from gateway.context import Given
from gateway.envelope import plain
from gateway.errors import Conflict
from gateway.routes.backtest import JobList, Key, LastEvent
from gateway.views.jobs import LIVE, Job, Status
from schemas.jobs import JobCommand
from schemas.research import TuningSpec

router = APIRouter(prefix="/api/v1/hyperopt", tags=["hyperopt"])

NOT_YET: dict[int | str, dict[str, Any]] = {
    409: {"description": "The job has no result yet, or cannot be resumed"}
}


class Accepted(BaseModel):
    """A job that was asked for."""

    job_id: str
    status: Status
    url: str


async def followed(job_id: str, given: Given, seen: LastEvent = None) -> tuple[Job, int | None]:
    """Return a job and where its reader was."""
    return _named(given, job_id), answers.resumed_at(seen)


def _named(given: Given, job_id: str) -> Job:
    given.require_ready()
    return given.views.jobs.named(job_id, "hyperopt")


@router.post("", status_code=202, response_model=Accepted)
async def start(body: TuningSpec, request: Request, given: Given, key: Key = None) -> Response:
    """Start a search; it goes on whether anybody watches or not."""
    job = await answers.submit(given, body, key, request.state.correlation_id)
    url = f"{router.prefix}/{job.job_id}"
    response = plain({"job_id": job.job_id, "status": job.status, "url": url}, 202)
    response.headers["Location"] = url
    return response


@router.get("", response_model=JobList)
async def jobs(given: Given) -> Response:
    """Return the searches, newest first."""
    given.require_ready()
    return plain({"jobs": [answers.summary(job) for job in given.views.jobs.newest("hyperopt")]})


@router.get("/{job_id}", response_model=answers.JobDetail)
async def job(job_id: str, given: Given) -> Response:
    """Return how one search stands."""
    return plain(answers.detail(_named(given, job_id)))


@router.get("/{job_id}/result", response_model=answers.JobAnswer, responses=NOT_YET)
async def result(job_id: str, given: Given) -> Response:
    """Return what a search found; 409 before its end."""
    return plain(answers.answer(_named(given, job_id)))


@router.post("/{job_id}/cancel", response_model=answers.JobSummary)
async def cancel(job_id: str, request: Request, given: Given) -> Response:
    """Stop a search after the trials under way; what it has found is kept."""
    found = _named(given, job_id)
    await answers.cancel(given, found, request.state.correlation_id)
    return plain(answers.summary(found))


@router.post("/{job_id}/resume", status_code=202, response_model=Accepted, responses=NOT_YET)
async def resume(job_id: str, request: Request, given: Given) -> Response:
    """Go on with a search that was cancelled, failed or ran out of time."""
    found = _named(given, job_id)
    if found.status in LIVE or found.status == "done":
        raise Conflict(f"job {job_id} is {found.status}; only one that was cut short is resumed")
    ended_ms = max(found.cancelled_ms, found.requested_ms)
    now_ms = max(given.wall_ms(), ended_ms + 1)
    trace_id = request.state.correlation_id
    told = JobCommand(job_id=job_id, event_time_ms=now_ms, command="resume")
    await given.bus.publish(told, trace_id=trace_id)
    spec = TuningSpec.model_validate(found.spec)
    again = answers.request_of(job_id, spec, now_ms)
    await given.bus.publish(again, trace_id=trace_id)
    given.views.jobs.request(again)
    url = f"{router.prefix}/{job_id}"
    return plain({"job_id": job_id, "status": found.status, "url": url}, 202)


@router.get("/{job_id}/stream", response_class=EventSourceResponse)
async def stream(
    found: Annotated[tuple[Job, int | None], Depends(followed)], given: Given
) -> AsyncIterator[ServerSentEvent]:
    """Follow a search: `init`, `progress`, then `result` or `error`."""
    async for event in answers.events(given, *found):
        yield event
