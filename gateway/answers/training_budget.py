"""What retrainings a strategy and timeframe have left, and why one would be refused now."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from gateway.envelope import iso
from schemas.timeframes import DAY_MS, HOUR_MS, MINUTE_MS
from schemas.training import TrainingBudget

MONTH_MS = 30 * DAY_MS


class RetrainingView(BaseModel):
    """The budget of retrainings, at a market time."""

    used: int = Field(description="Retrainings asked for within 30 days of market time")
    allowed: int = Field(description="Of so many days")
    left: int
    waiting: list[str] = Field(description="Causes that wait until they may")
    config_id: str | None = Field(description="Whose limits these are; null: the defaults")
    cooldown_ends: str | None = Field(
        description="Market time from which the next may be asked for, ISO 8601; null: now"
    )
    rejected: int = Field(description="Challengers kept out since the last that was promoted")
    max_rejected: int = Field(description="So many open the circuit until one is promoted")
    training_id: str | None = Field(description="Of the one under way; null: none is")
    cause: str | None
    since: str | None = Field(description="Market time when it was asked for")
    refused: str | None = Field(
        description="Why another would be refused now; null: it would be trained"
    )


def retraining_view(budget: TrainingBudget | None, now_ms: int) -> dict[str, Any] | None:
    """Return the budget at a market time; None before anything was told of it."""
    if budget is None:
        return None
    month = [ms for ms in budget.trained_ms if ms > now_ms - MONTH_MS]
    cooldown_ms = round(budget.policy.cooldown_hours * HOUR_MS)
    waits = bool(month) and not budget.failed
    ends_ms = month[-1] + cooldown_ms if waits else now_ms
    since_ms = budget.training_since_ms
    return {
        "used": len(month),
        "allowed": budget.policy.monthly_budget,
        "left": max(budget.policy.monthly_budget - len(month), 0),
        "cooldown_ends": iso(ends_ms) if ends_ms > now_ms else None,
        "waiting": list(budget.waiting),
        "config_id": budget.config_id,
        "rejected": budget.rejected,
        "max_rejected": budget.policy.max_rejected,
        "training_id": budget.training_id,
        "cause": budget.cause,
        "since": None if since_ms is None else iso(since_ms),
        "refused": _refusal(budget, len(month), ends_ms, now_ms),
    }


def _refusal(budget: TrainingBudget, used: int, ends_ms: int, now_ms: int) -> str | None:
    """Return the first limit that forbids a retraining, in the order in which they are asked."""
    since_ms = budget.training_since_ms
    if since_ms is not None and now_ms - since_ms < budget.policy.deadline_hours * HOUR_MS:
        return f"one is under way for {max(0, now_ms - since_ms) // MINUTE_MS} min of market time"
    if ends_ms > now_ms:
        left = -(-(ends_ms - now_ms) // MINUTE_MS)
        return f"cooldown: {left} min of market time of {budget.policy.cooldown_hours:g} h are left"
    if used >= budget.policy.monthly_budget:
        limit = budget.policy.monthly_budget
        return f"budget: {used} retrainings within 30 days, expected fewer than {limit}"
    if budget.rejected >= budget.policy.max_rejected:
        kept_out = f"{budget.rejected} challengers in a row were kept out"
        limit = budget.policy.max_rejected
        return f"circuit breaker: {kept_out}, expected fewer than {limit}; a promotion closes it"
    return None
