"""Explanations: from the view, else from the cache, else asked for and waited for briefly."""

from __future__ import annotations

from gateway.context import Parts
from gateway.views.views import HeldSignal
from schemas.explanations import Explanation


async def explanation_of(given: Parts, signal: HeldSignal, trace_id: str = "") -> bytes | None:
    """Return the encoded explanation of a signal; None when it is not made within the bound."""
    made = given.views.explanation_of(signal)
    if made is not None:
        return made
    shape = Explanation.schema_name()
    key = f"explanation:{shape}:{signal.symbol}:{signal.event_time_ms}:{signal.model_version}"
    cached = await given.cache.get(key)
    if cached is not None:
        return cached
    made = await given.questions.explanation(signal, trace_id)
    if made is not None:
        await given.cache.put(key, made)
    return made
