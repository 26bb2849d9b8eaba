"""Ask a venue again while it cannot answer."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from workers.ingest.exchange import VenueUnavailable

FIRST_WAIT_S, LONGEST_WAIT_S = 0.2, 10.0

Answer = TypeVar("Answer")


async def with_retries(request: Callable[[], Awaitable[Answer]], patience_s: float) -> Answer:
    """Return the answer to a request; send it again while the venue is unavailable.

    The wait doubles each time, with jitter. It is never shorter than the venue's ``Retry-After``.

    Raises:
        VenueUnavailable: No answer within ``patience_s``.
    """
    loop = asyncio.get_running_loop()
    deadline_s, wait_s = loop.time() + patience_s, FIRST_WAIT_S
    while True:
        try:
            return await request()
        except VenueUnavailable as error:
            pause_s = max(error.retry_after_s, wait_s * random.uniform(0.75, 1.25))
            if loop.time() + pause_s > deadline_s:
                raise
        await asyncio.sleep(pause_s)
        wait_s = min(2 * wait_s, LONGEST_WAIT_S)
