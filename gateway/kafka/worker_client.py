"""Request and reply over topics: asks a worker for what the views do not have.

    [gateway] --> predictions.requests.v1 --> inference, explain
    predictions.replies.v1, explanations.attributions.v1 --> [gateway]

A caller waits ``BOUND_S`` at most, and longer where it asks for interactions, which are slow to
compute. Callers that want the same explanation or attribution share one request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Literal
from uuid import uuid4

from gateway.errors import Unavailable
from gateway.kafka.bus import Bus
from gateway.views.compact import PredictedBar
from schemas.explanations import Explanation
from schemas.predictions import Prediction, PredictionReply, PredictionRequest
from schemas.specialists import Answerer

BOUND_S = 0.1
INTERACTIONS_BOUND_S = 20.0  # the first time the worker loads shap

AttributionKind = Literal["values", "interactions"]


class WorkerClient:
    """The open requests of this replica."""

    def __init__(
        self, bus: Bus, replica: str, wall_ms: Callable[[], int], bound_s: float = BOUND_S
    ) -> None:
        self._bus = bus
        self._replica = replica
        self._wall_ms = wall_ms
        self._bound_s = bound_s
        self._replies: dict[str, asyncio.Future[PredictionReply]] = {}
        self._explanations: dict[tuple[str, int, str], asyncio.Future[bytes]] = {}
        self._attributions: dict[tuple[str, str, int, str], asyncio.Task[PredictionReply | None]]
        self._attributions = {}

    async def prediction(
        self,
        bar: PredictedBar,
        model: str,
        *,
        answerer: Answerer | None,
        explain: bool,
        trace_id: str,
    ) -> PredictionReply | None:
        """Return the worker's reply about one bar by another model; None when it is late."""
        request = self._request(
            bar, self._bound_s, model_override=model, answerer=answerer, explain=explain
        )
        return await self._reply(request, self._bound_s, trace_id)

    async def override_explanation(
        self, prediction: Prediction, trace_id: str
    ) -> PredictionReply | None:
        """Return the worker's reply about the answer to an override; None when it is late."""
        request = self._request(prediction, self._bound_s, explain=True, prediction=prediction)
        try:
            return await self._reply(request, self._bound_s, trace_id)
        except Unavailable:
            return None

    async def attribution(
        self, bar: PredictedBar, kind: AttributionKind, trace_id: str
    ) -> PredictionReply | None:
        """Return the worker's reply about all values of a prediction; None when it is late."""
        key = (kind, bar.symbol, bar.event_time_ms, bar.model_version)
        asked = self._attributions.get(key)
        if asked is None:
            bound_s = self._bound_s if kind == "values" else INTERACTIONS_BOUND_S
            request = self._request(bar, bound_s, attribution=kind)
            asked = asyncio.create_task(self._reply(request, bound_s, trace_id))
            self._attributions[key] = asked
            asked.add_done_callback(lambda _: self._attributions.pop(key))
        try:
            return await asyncio.shield(asked)
        except Unavailable:
            return None

    async def _reply(
        self, request: PredictionRequest, bound_s: float, trace_id: str
    ) -> PredictionReply | None:
        """Publish a request and return its reply; None when it is late."""
        future: asyncio.Future[PredictionReply] = asyncio.get_running_loop().create_future()
        self._replies[request.request_id] = future
        try:
            async with asyncio.timeout(bound_s):
                await self._bus.publish(request, trace_id=trace_id)
                return await future
        except TimeoutError:
            return None
        finally:
            del self._replies[request.request_id]

    async def explanation(self, predicted: PredictedBar, trace_id: str) -> bytes | None:
        """Return the encoded explanation once it is on its topic; None when it is late."""
        key = (predicted.symbol, predicted.event_time_ms, predicted.model_version)
        pending = self._explanations.get(key)
        future = pending or asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(self._bound_s):
                if pending is None:
                    self._explanations[key] = future
                    request = self._request(predicted, self._bound_s, explain=True)
                    await self._bus.publish(request, trace_id=trace_id)
                return await asyncio.shield(future)
        except (TimeoutError, Unavailable):
            return None
        finally:
            if pending is None:
                self._explanations.pop(key, None)

    def deliver(self, record: object, encoded: bytes) -> None:
        """Hand an arrived record to the callers that wait for it."""
        if isinstance(record, PredictionReply):
            reply = self._replies.get(record.request_id)
            if reply is not None and not reply.done():
                reply.set_result(record)
        elif isinstance(record, Explanation):
            key = (record.symbol, record.event_time_ms, record.model_version)
            explanation = self._explanations.get(key)
            if explanation is not None and not explanation.done():
                explanation.set_result(encoded)

    def _request(self, bar: PredictedBar, bound_s: float, **asked: Any) -> PredictionRequest:
        now = self._wall_ms()
        return PredictionRequest(
            request_id=str(uuid4()),
            symbol=bar.symbol,
            timeframe_ms=bar.timeframe_ms,
            bar_time_ms=bar.event_time_ms,
            event_time_ms=now,
            deadline_ms=now + round(bound_s * 1000),
            reply_to=self._replica,
            **asked,
        )
