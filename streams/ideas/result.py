"""The trade that a closed idea came to on paper."""

from __future__ import annotations

from schemas.ideas import IdeaEvent
from schemas.trades import EntryGrounds, TradeResult

FIELDS = tuple(TradeResult.model_fields)  # in their order, which is that of the bytes


def entry_grounds(event: IdeaEvent) -> EntryGrounds:
    """Return what a trade takes of the idea that it is about."""
    return EntryGrounds(
        signal_id=event.signal_id,
        strategy=event.strategy,
        timeframe_ms=event.timeframe_ms,
        event_time_ms=event.opened_ms,
        direction=event.side,
        grade=event.grade,
        confidence=event.confidence,
        regime=event.regime,
        model_version=event.model_version,
        config_id=event.config_id,
        idea_id=event.idea_id,
        invalidation_price=event.stop_price,
        expected_net_return=event.expected_net_return,
    )


def trade_result(event: IdeaEvent) -> TradeResult:
    """Return the result of an idea that was closed at a known price; nobody has traded it."""
    own = {
        "trade_id": event.idea_id,
        "kind": "paper",
        "revision": 1,
        "withdrawn": False,
        "quantity": None,
        "fees_assumed": True,
        "profit": None,
        "grounds": entry_grounds(event),
    }
    shared = event.__dict__
    return TradeResult.unchecked(
        **{name: own[name] if name in own else shared[name] for name in FIELDS}
    )
