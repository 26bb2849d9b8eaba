"""Explanations: from the view, else from the cache, else from a worker within the bound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gateway.context import AppContext
from gateway.kafka.worker_client import AttributionKind
from gateway.views.compact import PredictedBar
from schemas.explanations import Attribution, Explanation
from schemas.predictions import Prediction
from schemas.status import process_name


async def find_explanation(
    ctx: AppContext, predicted: PredictedBar, trace_id: str = ""
) -> bytes | None:
    """Return the encoded explanation of a prediction; None when it is not ready in time."""
    viewed = ctx.views.explanation(predicted)
    if viewed is not None:
        return viewed
    shape = Explanation.schema_name()
    key = f"explanation:{shape}:{_bar(predicted)}:{predicted.model_version}"
    cached = await ctx.cache.get(key)
    if cached is not None:
        return cached
    fresh = await ctx.worker_client.explanation(predicted, trace_id)
    if fresh is not None:
        await ctx.cache.put(key, fresh)
    return fresh


async def explain_override(
    ctx: AppContext, prediction: Prediction, trace_id: str = ""
) -> bytes | None:
    """Return the encoded explanation of an answer that is on no topic; None when it is late."""
    shape = Explanation.schema_name()
    key = f"explanation:{shape}:{_bar(prediction)}:{prediction.prediction_id}"
    cached = await ctx.cache.get(key)
    if cached is not None:
        return cached
    reply = await ctx.worker_client.override_explanation(prediction, trace_id)
    if reply is None or reply.explanation is None:
        return None
    encoded = reply.explanation.encode()
    await ctx.cache.put(key, encoded)
    return encoded


@dataclass(frozen=True)
class AttributionAnswer:
    """All values of a prediction, or why there are none now."""

    status: Literal["ready", "pending", "failed"]
    attribution: Attribution | None = None
    detail: str = ""


async def find_attribution(
    ctx: AppContext, predicted: PredictedBar, kind: AttributionKind, trace_id: str = ""
) -> AttributionAnswer:
    """Return all values of a prediction, from the cache or from a worker within the bound."""
    shape = Attribution.schema_name()
    key = f"attribution:{shape}:{kind}:{_bar(predicted)}:{predicted.model_version}"
    cached = await ctx.cache.get(key)
    if cached is not None:
        return AttributionAnswer("ready", Attribution.decode(cached))
    reply = await ctx.worker_client.attribution(predicted, kind, trace_id)
    if reply is None:
        return AttributionAnswer("pending", detail=delay_reason(ctx))
    if reply.attribution is None:
        return AttributionAnswer("failed", detail=reply.detail)
    await ctx.cache.put(key, reply.attribution.encode())
    return AttributionAnswer("ready", reply.attribution)


def _bar(predicted: PredictedBar) -> str:
    return f"{predicted.symbol}:{predicted.timeframe_ms}:{predicted.event_time_ms}"


def delay_reason(ctx: AppContext) -> str:
    """Return why the explain process did not answer, as far as its status tells."""
    statuses = [s for s in ctx.views.statuses.values() if process_name(s.process) == "explain"]
    if not statuses:
        return "the explain process has not started"
    trouble = [f"{s.process} is {s.state}: {s.detail}" for s in statuses if s.state != "running"]
    return "; ".join(trouble) or "the explain process did not answer in time; try again"
