"""The trade that a closed idea came to on paper."""

from __future__ import annotations

from schemas.ideas import IdeaEvent
from schemas.trades import EntryGrounds, TradeResult


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
    return TradeResult.unchecked(
        trade_id=event.idea_id,
        kind="paper",
        symbol=event.symbol,
        strategy=event.strategy,
        revision=1,
        withdrawn=False,
        side=event.side,
        opened_ms=event.opened_ms,
        closed_ms=event.closed_ms,
        entry_price=event.entry_price,
        exit_price=event.exit_price,
        quantity=None,
        gross_return=event.gross_return,
        cost=event.cost,
        fees_assumed=True,
        net_return=event.net_return,
        profit=None,
        grounds=entry_grounds(event),
        timeframe_ms=event.timeframe_ms,
        idea_id=event.idea_id,
        exit_reason=event.exit_reason,
        funding=event.funding,
        r_multiple=event.r_multiple,
        adverse_excursion=event.adverse_excursion,
        favourable_excursion=event.favourable_excursion,
        expected_net_return=event.expected_net_return,
    )
