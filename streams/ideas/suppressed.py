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


def add_suppressed(counts: IdeaCounts, signal: Signal, reason: SuppressedBy) -> IdeaCounts:
    """Return the counts with one more signal that opened no idea."""
    before = counts.reasons
    return IdeaCounts.unchecked(
        from_ms=counts.from_ms if before else signal.event_time_ms,
        decided=counts.decided,
        reasons=before | {reason: before.get(reason, 0) + 1},
    )


def suppressed_totals(counts: IdeaCounts, signal: Signal, reason: SuppressedBy) -> SuppressedTotals:
    """Return what is told of the counts: with the newest signal of them, and its reason."""
    return SuppressedTotals.unchecked(
        subject=f"{signal.strategy}/{signal.symbol}/{signal.timeframe_ms}",
        strategy=signal.strategy,
        symbol=signal.symbol,
        timeframe_ms=signal.timeframe_ms,
        event_time_ms=signal.event_time_ms,
        available_time_ms=signal.available_time_ms,
        from_ms=counts.from_ms,
        decided=counts.decided,
        reasons=counts.reasons,
        signal_id=signal.signal_id,
        reason=reason,
        direction=signal.direction,
        grade=signal.grade,
        expected_net_return=signal.expected_net_return,
    )
