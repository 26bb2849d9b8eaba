"""What a signal is expected to earn: the tables' return less costs and the funding that is due."""

from __future__ import annotations

from schemas.predictions import MarketContext, Prediction, ReturnBounds
from schemas.signals import Direction
from streams.costs import funding_paid, settlements_due


def expected_net_return(
    prediction: Prediction, direction: Direction, round_trip: float, funding_ms: int | None
) -> ReturnBounds | None:
    """Return mean and bounds after costs; None for neutral or without tables.

    Args:
        prediction: With what long and short ideas earned before costs.
        direction: Of the signal.
        round_trip: Fees and slippage of both sides, a fraction of notional.
        funding_ms: Between settlements of funding; None where it is unknown.
    """
    if prediction.expected_return is None or direction == "neutral":
        return None
    side = "long" if direction == "buy" else "short"
    gross: ReturnBounds = getattr(prediction.expected_return, side)
    span = prediction.horizon_bars * prediction.timeframe_ms
    until_ms = prediction.event_time_ms + span
    funding = _funding_due(prediction.context, direction, funding_ms, (until_ms - span, until_ms))
    paid = round_trip + funding
    return ReturnBounds.unchecked(
        mean=gross.mean - paid, low=gross.low - paid, high=gross.high - paid
    )


def _funding_due(
    context: MarketContext, direction: Direction, funding_ms: int | None, span: tuple[int, int]
) -> float:
    """Return what the settlements within a span cost at the last rate, a fraction of notional."""
    if context.funding_rate is None or context.funding_time_ms is None:
        return 0.0
    count = settlements_due(context.funding_time_ms, funding_ms, *span)
    return count * funding_paid(direction, context.funding_rate)
