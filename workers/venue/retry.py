"""Ask a venue again while it cannot answer."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from workers.venue.exchange import VenueUnavailable
from workers.venue.reach import Reach

FIRST_WAIT_S, LONGEST_WAIT_S = 0.2, 10.0

Answer = TypeVar("Answer")


async def with_retries(
    request: Callable[[], Awaitable[Answer]], patience_s: float, reach: Reach | None = None
) -> Answer:
    """Return the answer to a request; send it again while the venue is unavailable.

    The wait doubles each time, with jitter. It is never shorter than the venue's ``Retry-After``.

    Args:
        request: Sends it.
        patience_s: After how many seconds without an answer to give up; may be infinite.
        reach: Is told while the request stays unanswered.

    Raises:
        VenueUnavailable: No answer within ``patience_s``.
    """
    loop, reach, key = asyncio.get_running_loop(), reach or Reach("the venue"), object()
    deadline_s, wait_s = loop.time() + patience_s, FIRST_WAIT_S
    try:
        while True:
            try:
                return await request()
            except VenueUnavailable as error:
                pause_s = max(error.retry_after_s, wait_s * random.uniform(0.75, 1.25))
                if loop.time() + pause_s > deadline_s:
                    raise
                reach.failed(key, str(error), pause_s)
            await asyncio.sleep(pause_s)
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)
    finally:
        reach.settled(key)
