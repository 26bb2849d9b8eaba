"""From which bar on a model serves."""

from __future__ import annotations

from schemas.models import ModelRegistered

# Base bars, two at least. More, because the change must reach inference and the regime filter
# before its bar, also when a market minute takes a second.
LEAD_BARS = 5


def effective_from(
    model: ModelRegistered, market_ms: int, last_ms: int, wanted_ms: int | None = None
) -> int:
    """Return the first close of the model's timeframe for which it can serve.

    Args:
        model: What is to serve.
        market_ms: Market time now.
        last_ms: First close of the model that serves; this one's is later, so that each has a bar.
        wanted_ms: As the edge has computed it; None: ``LEAD_BARS`` base bars ahead.
    """
    timeframe_ms = model.timeframe_ms
    base_ms = model.base_ms or timeframe_ms
    lead_ms = (-(-market_ms // base_ms) + LEAD_BARS) * base_ms
    earliest = lead_ms if wanted_ms is None else max(wanted_ms, market_ms + 1)
    return max(-(-earliest // timeframe_ms), last_ms // timeframe_ms + 1) * timeframe_ms
