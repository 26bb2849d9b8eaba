"""From which bar on a model serves."""

from __future__ import annotations

from schemas.models import ModelRegistered
from schemas.timeframes import MINUTE_MS

# The change must reach inference and the regime filter before its bar, also when a market minute
# takes a second. Of bars that are longer it is the next one.
LEAD_MS = 5 * MINUTE_MS


def effective_from(
    model: ModelRegistered, market_ms: int, last_ms: int, wanted_ms: int | None = None
) -> int:
    """Return the first close of the model's timeframe for which it can serve.

    Args:
        model: What is to serve.
        market_ms: Market time now.
        last_ms: First close of the model that serves; this one's is later, so that each has a bar.
        wanted_ms: As the edge has computed it; None: ``LEAD_MS`` ahead, a base bar at least.
    """
    timeframe_ms = model.timeframe_ms
    base_ms = model.base_ms or timeframe_ms
    lead_ms = (-(-market_ms // base_ms) + -(-LEAD_MS // base_ms)) * base_ms
    earliest = lead_ms if wanted_ms is None else max(wanted_ms, market_ms + 1)
    return max(-(-earliest // timeframe_ms), last_ms // timeframe_ms + 1) * timeframe_ms
