"""Signals that opened no idea, counted by reason."""

from __future__ import annotations

from pydantic import Field

from schemas.ideas import SuppressedBy, SuppressedTotals
from schemas.record import Record
from schemas.signals import Signal


class IdeaCounts(Record):
    """Ideas, and signals that opened none, of a market since ``from_ms``; -1: none yet."""

    from_ms: int = -1
    decided: int = 0
    reasons: dict[SuppressedBy, int] = Field(default_factory=dict)


NO_COUNTS = IdeaCounts()


def suppressed(
    counts: IdeaCounts, signal: Signal, reason: SuppressedBy
) -> tuple[IdeaCounts, SuppressedTotals]:
    """Return the counts with one more signal that opened no idea, and what is told of them.

    That is told with the newest signal of them, and its reason.
    """
    # Read off the records' dicts: an attribute of a record takes three times as long.
    said, counted = signal.__dict__, counts.__dict__
    strategy, symbol, timeframe_ms = said["strategy"], said["symbol"], said["timeframe_ms"]
    now_ms, decided, before = said["event_time_ms"], counted["decided"], counted["reasons"]
    from_ms = counted["from_ms"] if before else now_ms
    reasons = before | {reason: before.get(reason, 0) + 1}
    after = IdeaCounts.unchecked(from_ms=from_ms, decided=decided, reasons=reasons)
    totals = SuppressedTotals.unchecked(
        subject=f"{strategy}/{symbol}/{timeframe_ms}",
        strategy=strategy,
        symbol=symbol,
        timeframe_ms=timeframe_ms,
        event_time_ms=now_ms,
        available_time_ms=said["available_time_ms"],
        from_ms=from_ms,
        decided=decided,
        reasons=reasons,
        signal_id=said["signal_id"],
        reason=reason,
        direction=said["direction"],
        grade=said["grade"],
        expected_net_return=said["expected_net_return"],
    )
    return after, totals
