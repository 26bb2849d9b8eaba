"""Following a job: wait for its result, or stream its events.

jobs.progress.v1, jobs.results.v1 --> [gateway]
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
from fastapi.sse import ServerSentEvent

from gateway.answers.job_bodies import answer, objective, total_trials
from gateway.answers.job_requests import cancel
from gateway.context import AppContext
from gateway.errors import Conflict, GatewayError, Refused, TooSlow, Unavailable
from gateway.views.jobs import JobView
from schemas.jobs import JobProgress

ANSWER_WITHIN_S = 30.0  # by routes that wait for a result
TAKEN_WITHIN_S = 5.0  # by a worker that is not busy
COME_BACK_S = 5.0  # a reader that lost its stream has this long before its job is cancelled
LAST_EVENT_ID = "end"

_abandonments: set[asyncio.Task[None]] = set()  # the loop itself keeps no task alive


async def wait_for_answer(ctx: AppContext, job: JobView) -> dict[str, Any]:
    """Wait for a job and return its result.

    Raises:
        Unavailable: No worker has taken it, and none is known to be at another job.
        TooSlow: It takes longer than ``ANSWER_WITHIN_S``; it goes on.
    """
    job.ends_with_reader = False
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            await _wait_until_taken(ctx, job)
            while job.result is None:
                await job.changed.wait()
    except TimeoutError:
        raise TooSlow(
            f"job {job.job_id} takes longer than {ANSWER_WITHIN_S:.0f} s and goes on; "
            f"GET /backtest/jobs/{job.job_id} has its result later",
            job_id=job.job_id,
        ) from None
    return answer(job)


async def _wait_until_taken(ctx: AppContext, job: JobView) -> None:
    while job.progress is None and job.result is None:
        try:
            async with asyncio.timeout(TAKEN_WITHIN_S):
                await job.changed.wait()
        except TimeoutError:
            if ctx.views.jobs.running_on(job.worker) is None:
                raise Unavailable(
                    f"the process {job.worker} has not taken job {job.job_id} within "
                    f"{TAKEN_WITHIN_S:.0f} s; it stays queued: GET /backtest/jobs/{job.job_id}",
                    job_id=job.job_id,
                ) from None


def parse_last_event_id(last_event_id: str | None) -> int | None:
    """Return the place of the last event that a reader has seen; None for a new reader.

    Raises ``Conflict`` after the last one (which ends a browser's attempts), ``Refused`` for an
    id that no event had.
    """
    if last_event_id is None:
        return None
    if last_event_id == LAST_EVENT_ID:
        raise Conflict("this stream has ended; the job's own address has its result")
    if not last_event_id.isdecimal() or len(last_event_id) > 18:
        raise Refused(f"Last-Event-ID: {last_event_id!r} is no id of an event of this stream")
    return int(last_event_id)


def asked_events(ctx: AppContext, job: JobView) -> AsyncIterator[ServerSentEvent]:
    """Return the events of a job for who asked for it: it is cancelled when nobody reads them.

    Unless the request said otherwise, or somebody else waits for the answer of the same job.
    """
    if job.ends_with_reader is None:
        job.ends_with_reader = bool(job.spec.get("cancel_on_disconnect"))
    return events(ctx, job, None)


async def events(
    ctx: AppContext, job: JobView, after: int | None
) -> AsyncIterator[ServerSentEvent]:
    """Yield ``init``, ``progress`` as it comes, and at the end ``result`` or ``error``.

    Each progress supersedes the ones before, so a slow reader misses steps and nothing else.

    Args:
        ctx: Context of the app.
        job: The job to follow.
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
                yield _event("progress", str(seen), _progress(job, job.progress))
            if job.result is not None:
                yield _last_event(job)
                return
            await changed.wait()
    finally:
        job.watchers -= 1
        if job.result is None and job.ends_with_reader:
            task = asyncio.get_running_loop().create_task(_cancel_if_abandoned(ctx, job))
            _abandonments.add(task)
            task.add_done_callback(_abandonments.discard)


async def _cancel_if_abandoned(ctx: AppContext, job: JobView) -> None:
    await asyncio.sleep(COME_BACK_S)
    if job.watchers == 0 and job.ends_with_reader:
        await cancel(ctx, job, "", by="nobody watches")


def _init(job: JobView) -> dict[str, Any]:
    return {
        "job_id": job.job_id,
        "kind": job.kind,
        "status": job.status,
        "total_trials": total_trials(job),
    }


def _progress(job: JobView, progress: JobProgress) -> dict[str, Any]:
    maximised = objective(job)
    return {
        "job_id": job.job_id,
        "trial": progress.trial,
        "total": progress.total,
        "best_sharpe": progress.best if maximised == "sharpe" else None,
        "objective": maximised,
        "best": progress.best,
        "stage": progress.stage,
        "note": progress.note,
    }


def _last_event(job: JobView) -> ServerSentEvent:
    try:
        return _event("result", LAST_EVENT_ID, answer(job))
    except GatewayError as error:
        body = {
            "job_id": job.job_id,
            "status": job.status,
            "detail": error.message,
            "fault": job.result.fault if job.result is not None else None,
        }
        return _event("error", LAST_EVENT_ID, body)


def _event(name: str, event_id: str, body: dict[str, Any]) -> ServerSentEvent:
    return ServerSentEvent(event=name, id=event_id, raw_data=orjson.dumps(body).decode())
