"""Explanations: from the view, else from the cache, else from a worker within the bound."""

from __future__ import annotations

from gateway.context import AppContext
from gateway.views.compact import PredictedBar
from schemas.explanations import Explanation


async def find_explanation(
    ctx: AppContext, predicted: PredictedBar, trace_id: str = ""
) -> bytes | None:
    """Return the encoded explanation of a prediction; None when it is not ready in time."""
    viewed = ctx.views.explanation(predicted)
    if viewed is not None:
        return viewed
    shape = Explanation.schema_name()
    key = (
        f"explanation:{shape}:{predicted.symbol}:{predicted.event_time_ms}:"
        f"{predicted.model_version}"
    )
    cached = await ctx.cache.get(key)
    if cached is not None:
        return cached
    fresh = await ctx.worker_client.explanation(predicted, trace_id)
    if fresh is not None:
        await ctx.cache.put(key, fresh)
    return fresh
