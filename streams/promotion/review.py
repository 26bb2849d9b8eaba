"""What is due or late as market time goes on: trainings, causes that wait, the schedule."""

from __future__ import annotations

from schemas.timeframes import DAY_MS, HOUR_MS
from schemas.versions import ModelCommand
from streams.commands import Ruling
from streams.promotion.limits import forbidding, limits, retraining_policy
from streams.promotion.retraining import deadline_ms, training_asked
from streams.promotion.stages import line_subject
from streams.promotion.state import PromotionState, WaitingCause


def review(state: PromotionState, command: ModelCommand) -> Ruling:
    """Rule on what is late and what is due; "same" where nothing is.

    A training that is late is given up, and what it still registers is welcome. A cause that has
    waited too long is dropped. Where nothing forbids it, what waits is trained for.
    """
    about = line_subject(command)
    changes, said = _ended(state, command)
    after = state.model_copy(update=changes)
    may = after.training is None and after.history is not None
    decision = limits(after, command.market_ms)
    if may and after.waiting and forbidding(after, command, decision) is None:
        assert after.history is not None  # noqa: S101 - ``may`` says so
        asked = training_asked(after, command, after.history, decision)
        detail = "; ".join([*said, asked.detail])
        both = changes | (asked.changes or {})
        return Ruling("done", detail, about, both, asked.facts, after="training", revises=False)
    if not changes:
        return Ruling("same", f"nothing of {about} is due or late", about)
    return Ruling("done", "; ".join(said), about, changes, (), revises=False)


def _ended(state: PromotionState, command: ModelCommand) -> tuple[dict[str, object], list[str]]:
    """Return what changes because it is late or due, and how people are told."""
    changes: dict[str, object] = {}
    said: list[str] = []
    training, now_ms = state.training, command.market_ms
    policy = retraining_policy(state, now_ms)
    if training is not None and now_ms - training.market_ms >= deadline_ms(state, now_ms):
        late = f"given up after {policy.deadline_hours:g} h of market time"
        changes |= {"training": None, "failure": late}
        said.append(f"training {training.request_id} ({training.cause}) is {late}")
    longest_ms = policy.queue_deadline_hours * HOUR_MS
    waiting = tuple(each for each in state.waiting if now_ms - each.since_ms < longest_ms)
    dropped = [each.cause for each in state.waiting if each not in waiting]
    if dropped:
        hours = f"{policy.queue_deadline_hours:g} h"
        said.append(f"{', '.join(dropped)} dropped after {hours} in the queue")
    if _is_scheduled(state, policy.schedule_days, now_ms):
        waiting = (*waiting, WaitingCause(cause="schedule", since_ms=now_ms))
        said.append(f"schedule: {policy.schedule_days:g} days since the last training")
    if waiting != state.waiting:
        changes["waiting"] = waiting
    return changes, said


def _is_scheduled(state: PromotionState, days: float | None, now_ms: int) -> bool:
    """Return whether a training is due by the schedule and not under way or waiting already."""
    if days is None or state.training is not None or state.serving is None:
        return False
    if "schedule" in {each.cause for each in state.waiting}:
        return False
    last_ms = state.trained_ms[-1] if state.trained_ms else state.effective_from_ms
    return now_ms - last_ms >= days * DAY_MS
