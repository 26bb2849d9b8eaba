"""Request and reply over topics: asks the workers what the views cannot answer.

    [gateway] --> predictions.requests.v1 --> inference, explain
    predictions.replies.v1, explanations.attributions.v1 --> [gateway]

Nobody waits longer than ``BOUND_S``; equal questions that are open at once are asked once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from uuid import uuid4

from gateway.errors import Unavailable
from gateway.kafka.bus import Bus
from gateway.views.views import HeldSignal
from schemas.explanations import Explanation
from schemas.predictions import PredictionReply, PredictionRequest

BOUND_S = 0.1


class Questions:
    """Open questions of this replica."""

    def __init__(
        self, bus: Bus, replica: str, wall_ms: Callable[[], int], bound_s: float = BOUND_S
    ) -> None:
        self._bus = bus
        self._replica = replica
        self._wall_ms = wall_ms
        self._bound_s = bound_s
        self._replies: dict[str, asyncio.Future[PredictionReply]] = {}
        self._explanations: dict[tuple[str, int, str], asyncio.Future[bytes]] = {}

    async def prediction(
        self, signal: HeldSignal, model: str, *, explain: bool, trace_id: str
    ) -> PredictionReply | None:
        """Return the worker's reply about one bar by one model; None when it is late."""
        request = self._request(signal, model, explain=explain)
        future: asyncio.Future[PredictionReply] = asyncio.get_running_loop().create_future()
        self._replies[request.request_id] = future
        try:
            async with asyncio.timeout(self._bound_s):
                await self._bus.publish(request, trace_id=trace_id)
                return await future
        except TimeoutError:
            return None
        finally:
            del self._replies[request.request_id]

    async def explanation(self, signal: HeldSignal, trace_id: str) -> bytes | None:
        """Return the explanation of a signal once it is on its topic; None when it is late."""
        key = (signal.symbol, signal.event_time_ms, signal.model_version)
        open_one = self._explanations.get(key)
        future = open_one or asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(self._bound_s):
                if open_one is None:
                    self._explanations[key] = future
                    request = self._request(signal, None, explain=True)
                    await self._bus.publish(request, trace_id=trace_id)
                return await asyncio.shield(future)
        except (TimeoutError, Unavailable):
            return None
        finally:
            if open_one is None:
                self._explanations.pop(key, None)

    def take(self, record: object, encoded: bytes) -> None:
        """Give an arrived record to whoever waits for it."""
        if isinstance(record, PredictionReply):
            reply = self._replies.get(record.request_id)
            if reply is not None and not reply.done():
                reply.set_result(record)
        elif isinstance(record, Explanation):
            key = (record.symbol, record.event_time_ms, record.model_version)
            waiting = self._explanations.get(key)
            if waiting is not None and not waiting.done():
                waiting.set_result(encoded)

    def _request(
        self, signal: HeldSignal, model: str | None, *, explain: bool
    ) -> PredictionRequest:
        now = self._wall_ms()
        return PredictionRequest(
            request_id=str(uuid4()),
            symbol=signal.symbol,
            timeframe_ms=signal.timeframe_ms,
            bar_time_ms=signal.event_time_ms,
            event_time_ms=now,
            deadline_ms=now + round(self._bound_s * 1000),
            reply_to=self._replica,
            model_override=model,
            explain=explain,
        )
