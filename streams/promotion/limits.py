"""The limits of retraining: cooldown, monthly budget, circuit breaker, each with the value found.

The ACTIVE config says the thresholds. Of one that counts from a market time, commands before that
time know nothing.
"""

from __future__ import annotations

from schemas.gates import GateFigure, Rule, holds
from schemas.policies import PolicyDecision, RetrainingPolicy, policy_at
from schemas.timeframes import DAY_MS, HOUR_MS, MINUTE_MS
from schemas.versions import ModelCommand
from streams.promotion.state import PromotionState

MONTH_MS = 30 * DAY_MS  # market time
COOLDOWN, BUDGET, BREAKER = "cooldown_hours", "monthly_budget", "max_rejected"
# What opens the circuit is mended by people: no cause waits for it.
WORTH_WAITING = {COOLDOWN, BUDGET}


def retraining_policy(state: PromotionState, market_ms: int) -> RetrainingPolicy:
    """Return the policy that counts at a market time; the defaults before the first."""
    policy = policy_at(state.policies, market_ms)
    return RetrainingPolicy() if policy is None else policy.retraining


def limits(state: PromotionState, market_ms: int) -> PolicyDecision:
    """Return each limit of a retraining with the value found; one that fails forbids it."""
    policy = policy_at(state.policies, market_ms)
    rules = RetrainingPolicy() if policy is None else policy.retraining
    month = [ms for ms in state.trained_ms if ms > market_ms - MONTH_MS]
    hours = (market_ms - month[-1]) / HOUR_MS if month else None
    figures = (
        _figure(COOLDOWN, hours, rules.cooldown_hours, "at_least"),
        _figure(BUDGET, float(len(month)), float(rules.monthly_budget), "below"),
        _figure(BREAKER, float(state.rejected), float(rules.max_rejected), "below"),
    )
    return PolicyDecision(config_id=None if policy is None else policy.config_id, figures=figures)


def _figure(name: str, value: float | None, threshold: float, rule: Rule) -> GateFigure:
    passed = value is None or holds(rule, value, threshold)  # None: it was never trained again
    return GateFigure(
        name=name,
        value=value,
        threshold=threshold,
        rule=rule,
        verdict="passed" if passed else "failed",
        required=True,
    )


def forbidding(
    state: PromotionState, command: ModelCommand, decision: PolicyDecision
) -> GateFigure | None:
    """Return the limit that forbids a training; None where none does.

    After a training that ended without a model people need not wait: only causes that repeat
    themselves do, so that they do not fail in a circle.
    """
    again = bool(state.failure) and command.cause == "manual" and command.action == "retrain"
    failed = (figure for figure in decision.figures if figure.verdict == "failed")
    return next((figure for figure in failed if not (again and figure.name == COOLDOWN)), None)


def refusal(state: PromotionState, figure: GateFigure, config_id: str | None) -> str:
    """Return what a limit says with its numbers, and whose number it is."""
    value, threshold = figure.value or 0.0, figure.threshold or 0.0
    whose = f"{config_id or 'default'}: retraining.{figure.name}"
    if figure.name == COOLDOWN:
        minutes = HOUR_MS // MINUTE_MS
        return (
            f"cooldown: the last retraining was asked for {value * minutes:.0f} min of market time "
            f"ago, expected at least {threshold * minutes:.0f} ({whose}); force passes over it"
        )
    if figure.name == BUDGET:
        return (
            f"budget: {value:.0f} retrainings within 30 days of market time, expected fewer than "
            f"{threshold:.0f} ({whose}); force passes over it"
        )
    kept_out = ", ".join(
        f"{e.number} ({e.model_version})" for e in state.versions if e.stage == "Archived"
    )
    return (
        f"circuit breaker: {value:.0f} challengers in a row were kept out, expected fewer than "
        f"{threshold:.0f} ({whose}; Archived: {kept_out}); a promotion closes it, force passes "
        "over it"
    )
