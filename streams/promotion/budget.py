"""Tells what retrainings of a strategy and timeframe are allowed, whenever that changes."""

from __future__ import annotations

from collections.abc import Callable

from schemas.challenges import ChallengeEvent
from schemas.market import HistoryReady
from schemas.models import ModelRegistered
from schemas.policies import ModelPolicy, policy_at
from schemas.training import TrainingBudget
from schemas.versions import ModelCommand
from streams.processor import Outputs
from streams.promotion.limits import retraining_policy
from streams.promotion.state import PromotionState

Decided = HistoryReady | ModelPolicy | ChallengeEvent | ModelRegistered | ModelCommand
Step = Callable[[PromotionState, Decided], tuple[PromotionState, Outputs]]


def with_budget(step: Step) -> Step:
    """Return a step that publishes the budget after each record that changed it."""

    def told(state: PromotionState, record: Decided) -> tuple[PromotionState, Outputs]:
        after, outputs = step(state, record)
        if after is state or after.history is None:
            return after, outputs
        budget = _budget(after, record)
        if budget == after.budget:
            return after, outputs
        return after.model_copy(update={"budget": budget}), (*outputs, budget)

    return told


def _budget(state: PromotionState, record: Decided) -> TrainingBudget:
    training = state.training
    now_ms = record.market_ms if isinstance(record, ModelCommand) else record.event_time_ms
    policy = policy_at(state.policies, now_ms)
    return TrainingBudget(
        strategy=record.strategy,
        timeframe_ms=record.timeframe_ms,
        trained_ms=state.trained_ms,
        failed=bool(state.failure),
        rejected=state.rejected,
        training_id=None if training is None else training.request_id,
        cause=None if training is None else training.cause,
        training_since_ms=None if training is None else training.market_ms,
        waiting=tuple(each.cause for each in state.waiting),
        policy=retraining_policy(state, now_ms),
        config_id=None if policy is None else policy.config_id,
    )
