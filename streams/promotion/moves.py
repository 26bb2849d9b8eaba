"""A version moves to another stage: its entry afterwards, and the facts that tell of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from schemas.models import ModelChanged, ModelRegistered, ModelServing
from schemas.policies import PolicyDecision
from schemas.record import Record
from schemas.versions import ModelCommand, ModelStageChanged, ModelVersion, VersionStage
from streams.processor import Outputs
from streams.promotion.state import (
    PromotionState,
    VersionEntry,
    with_entries,
    with_registration,
)

ITSELF = "regimeflow"  # who acts where no command does
REMEMBERED_SERVICES = 50  # so many rollbacks in a row


@dataclass(frozen=True)
class MoveCause:
    """Why a version moves, and when.

    Attributes:
        strategy: Of the model.
        timeframe_ms: Of the model.
        revision: After the move.
        market_ms: Market time.
        action: Of a command, or register.
        reason: For people.
        by: Who.
        command: None where it follows from a registration.
        decision: Thresholds with the values found; None where a command decided.
    """

    strategy: str
    timeframe_ms: int
    revision: int
    market_ms: int
    action: str
    reason: str
    by: str = ITSELF
    command: ModelCommand | None = None
    decision: PolicyDecision | None = None

    @classmethod
    def of_command(cls, state: PromotionState, command: ModelCommand) -> MoveCause:
        """Return the cause that a command is."""
        return cls(
            strategy=command.strategy,
            timeframe_ms=command.timeframe_ms,
            revision=state.revision + 1,
            market_ms=command.market_ms,
            action=command.action,
            reason=command.reason or f"{command.action} by {command.by}",
            by=command.by,
            command=command,
        )


def move(
    entry: VersionEntry,
    to_stage: VersionStage,
    cause: MoveCause,
    model: ModelRegistered | None,
    effective_from_ms: int | None = None,
) -> tuple[VersionEntry, Outputs]:
    """Return a version at its new stage, and the facts.

    Args:
        entry: Before; one without a reason is being registered.
        to_stage: After.
        cause: Of the move.
        model: Its registration; None where it is known no longer: the view keeps what it has.
        effective_from_ms: First close for which it serves, or no longer does; None: neither.
    """
    serves = to_stage == "Production"
    after = entry.model_copy(
        update={
            "stage": to_stage,
            "since_ms": cause.market_ms,
            "reason": cause.reason,
            "effective_from_ms": effective_from_ms if serves else entry.effective_from_ms,
        }
    )
    command = cause.command
    facts: list[Record] = [
        ModelStageChanged(
            strategy=cause.strategy,
            timeframe_ms=cause.timeframe_ms,
            number=entry.number,
            model_version=entry.model_version,
            from_stage=entry.stage if entry.reason else None,
            to_stage=to_stage,
            event_time_ms=cause.market_ms,
            effective_from_ms=effective_from_ms,
            action=cause.action,
            reason=cause.reason,
            by=cause.by,
            command_id=None if command is None else command.command_id,
            revision=cause.revision,
            deployment_id=None if command is None else command.deployment_id,
            challenge_id=None if command is None else command.challenge_id,
            decision=cause.decision,
        )
    ]
    if model is not None:
        facts.append(
            ModelVersion(
                strategy=cause.strategy,
                timeframe_ms=cause.timeframe_ms,
                event_time_ms=cause.market_ms,
                revision=cause.revision,
                model=model,
                **dict(after),
            )
        )
    return after, tuple(facts)


def put_in_service(
    state: PromotionState,
    entry: VersionEntry,
    model: ModelRegistered,
    cause: MoveCause,
    effective_from_ms: int,
    *,
    replaced_stage: VersionStage = "Archived",
) -> tuple[dict[str, object], Outputs]:
    """Return the changes of the state and the facts of a model that serves from a bar on.

    Args:
        state: Before it.
        entry: Of the version.
        model: Its registration.
        cause: Why.
        effective_from_ms: First close that it predicts.
        replaced_stage: Of the version that has served until then.
    """
    changed = ModelChanged(
        strategy=cause.strategy,
        event_time_ms=cause.market_ms,
        effective_from_ms=effective_from_ms,
        model=model,
        replaces=state.serving,
        reason=cause.reason,
    )
    serving = ModelServing(**{name: getattr(changed, name) for name in ModelChanged.model_fields})
    filters = (r.model_copy(update={"effective_from_ms": effective_from_ms}) for r in model.regimes)
    after, facts = move(entry, "Production", cause, model, effective_from_ms)
    entries, told = [after], facts
    before = state.entry(state.serving)
    if before is not None:
        replaced = replace(cause, reason=f"replaced by {entry.model_version}: {cause.reason}")
        old, facts = move(
            before, replaced_stage, replaced, state.registration(state.serving), effective_from_ms
        )
        entries, told = [after, old], (*told, *facts)
    served = _served(state.served, entry.model_version, cause.action)
    changes = {
        "serving": entry.model_version,
        "versions": with_entries(state.versions, *entries),
        "served": served,
        "registrations": with_registration(state, model, served),
        "effective_from_ms": effective_from_ms,
        "rejected": 0,
        "waiting": (),  # they were about the model before
    }
    return changes, (changed, serving, *filters, *told)


def _served(served: tuple[str, ...], model_version: str, action: str) -> tuple[str, ...]:
    """Return the versions that have served; a rollback to one forgets those that came after it."""
    if action == "rollback" and model_version in served:
        return served[: served.index(model_version) + 1]
    others = (version for version in served if version != model_version)
    return (*others, model_version)[-REMEMBERED_SERVICES:]
