"""Totals of signals that opened no idea, by reason."""

from __future__ import annotations

from schemas.ideas import SuppressedBy, SuppressedTotals
from schemas.signals import Signal


def add_suppressed(
    before: SuppressedTotals | None, signal: Signal, reason: SuppressedBy, decided: int
) -> SuppressedTotals:
    """Return the totals with one more signal that opened no idea.

    Args:
        before: Of the same strategy, symbol and timeframe; None at the first.
        signal: The newest of them.
        reason: Why it opened none.
        decided: Ideas so far.
    """
    counts = {} if before is None else before.reasons
    return SuppressedTotals.unchecked(
        subject=f"{signal.strategy}/{signal.symbol}/{signal.timeframe_ms}",
        strategy=signal.strategy,
        symbol=signal.symbol,
        timeframe_ms=signal.timeframe_ms,
        event_time_ms=signal.event_time_ms,
        available_time_ms=signal.available_time_ms,
        from_ms=signal.event_time_ms if before is None else before.from_ms,
        decided=decided,
        reasons=counts | {reason: counts.get(reason, 0) + 1},
        signal_id=signal.signal_id,
        reason=reason,
        direction=signal.direction,
        grade=signal.grade,
        expected_net_return=signal.expected_net_return,
    )
