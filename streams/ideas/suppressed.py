"""Signals that opened no idea, counted by reason."""

from __future__ import annotations

from operator import itemgetter

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


# Fields that a bar reads at once: one after the other they cost twice as much.
_COUNTED = itemgetter("from_ms", "decided", "reasons")
_TOLD = itemgetter(
    "strategy",
    "symbol",
    "timeframe_ms",
    "event_time_ms",
    "available_time_ms",
    "signal_id",
    "direction",
    "grade",
    "expected_net_return",
)


def suppressed(
    counts: IdeaCounts, signal: Signal, reason: SuppressedBy
) -> tuple[IdeaCounts, SuppressedTotals]:
    """Return the counts with one more signal that opened no idea, and what is told of them.

    That is told with the newest signal of them, and its reason.
    """
    from_ms, decided, before = _COUNTED(counts.__dict__)
    strategy, symbol, timeframe_ms, now_ms, known_ms, signal_id, direction, grade, expected = _TOLD(
        signal.__dict__
    )
    from_ms = from_ms if before else now_ms
    reasons = before | {reason: before.get(reason, 0) + 1}
    after = IdeaCounts.unchecked(from_ms=from_ms, decided=decided, reasons=reasons)
    totals = SuppressedTotals.unchecked(
        subject=f"{strategy}/{symbol}/{timeframe_ms}",
        strategy=strategy,
        symbol=symbol,
        timeframe_ms=timeframe_ms,
        event_time_ms=now_ms,
        available_time_ms=known_ms,
        from_ms=from_ms,
        decided=decided,
        reasons=reasons,
        signal_id=signal_id,
        reason=reason,
        direction=direction,
        grade=grade,
        expected_net_return=expected,
    )
    return after, totals
