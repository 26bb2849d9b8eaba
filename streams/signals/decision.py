"""Whether a signal may open an idea, by the policy of its config; else the first reason why not."""

from __future__ import annotations

from schemas.configs import SignalPolicy
from schemas.signals import Decision, Signal
from streams.signals.grading import GRADES


def decide(signal: Signal, policy: SignalPolicy) -> Decision:
    """Return ``act``, or what stands against it; uses the signal and the policy alone.

    ``act`` promises levels, extremes of the bar, and a lower bound of net return above
    ``min_edge``.
    """
    if signal.direction == "neutral":
        return "neutral"
    if policy.qualified_only and not signal.qualified:
        return "unqualified"
    if GRADES.index(signal.grade) > GRADES.index(policy.least_grade):
        return "grade"
    if signal.expected_net_return is None:
        return "no_tables"
    if signal.expected_net_return.low <= policy.min_edge:
        return "edge"
    context = signal.context
    known = context.high is not None and context.low is not None and not context.bars_missing
    return "act" if known and signal.invalidation_price is not None else "data"
