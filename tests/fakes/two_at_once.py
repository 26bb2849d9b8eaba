"""Two requests whose commands are both published before either is decided, in order of arrival."""

from __future__ import annotations

import asyncio
from typing import Any

from schemas.record import Record
from tests.fakes.gateway import RunningGateway

Post = tuple[str, dict[str, Any] | None]


async def post_two_at_once(gateway: RunningGateway, *posts: Post) -> list[int]:
    """Return the statuses of both answers, the lower one first."""
    decide, waiting, all_wait = gateway.bus.answers, list[Record](), asyncio.Event()

    def hold(command: Record) -> tuple[Record, ...]:
        waiting.append(command)
        if len(waiting) == len(posts):
            all_wait.set()
        return ()

    gateway.bus.answers = hold
    calls = [asyncio.create_task(gateway.client.post(path, json=body)) for path, body in posts]
    await all_wait.wait()
    for command in waiting:
        gateway.bus.feed(*decide(command))
    return sorted([(await call).status_code for call in calls])
