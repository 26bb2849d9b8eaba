"""How every processor that takes commands decides one: once, by its revision, with an outcome.

    <noun>.commands.v1  -->  [processor]  -->  facts, commands.outcomes.v1, operators.audit.v1

A processor writes a ``Ruling``. What a ruling becomes is the same for all of them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TypeVar

from schemas.bounds import Count
from schemas.commands import Command, CommandOutcome, OutcomeCode, OutcomeStatus
from schemas.record import Record
from schemas.status import OperatorAction
from schemas.topics import topic_of
from streams.processor import Outputs

# What tells of a fact, as far as it has them.
NAMED = (
    *("strategy", "trade_id", "config_id", "status", "model_version", "to_stage", "stage"),
    "challenge_id",
)
REMEMBERED = 256  # commands of a subject: a repeated one among them changes nothing

STATUSES: dict[OutcomeCode, OutcomeStatus] = {"done": "accepted", "same": "unchanged"}


class CommandedState(Record):
    """The part of a state that commands need."""

    revision: Count = 0
    answered: tuple[str, ...] = ()  # ids of the last commands, oldest first


State = TypeVar("State", bound=CommandedState)


@dataclass(frozen=True)
class Ruling:
    """What a processor thinks of a command.

    Attributes:
        code: "done" if it changes something.
        detail: One sentence for who asked.
        subject: What it is about.
        changes: Fields of the state that it changes.
        facts: Records that it makes, in order.
        before: Of the subject, in a word, for the audit.
        after: The same once it is done.
        revises: Whether what is done makes another revision of the subject.
    """

    code: OutcomeCode
    detail: str
    subject: str
    changes: dict[str, object] | None = None
    facts: Outputs = ()
    before: str = ""
    after: str = ""
    revises: bool = True


def is_repeated(state: CommandedState, command: Command) -> bool:
    """Return whether a command has been decided before."""
    return command.command_id in state.answered


def is_stale(state: CommandedState, command: Command) -> bool:
    """Return whether a command was meant for another revision."""
    return command.expected_revision not in (None, state.revision)


def stale(state: CommandedState, command: Command, subject: str) -> Ruling:
    """Return the ruling on a command that was meant for another revision."""
    return Ruling(
        "stale",
        f"{subject} is at revision {state.revision}, expected {command.expected_revision}: "
        "somebody has changed it; read it again and repeat",
        subject,
    )


def settle(
    state: State, command: Command, noun_action: tuple[str, str], ruling: Ruling
) -> tuple[State, Outputs]:
    """Return the state after a ruling, and what is published: facts, outcome, audit entry.

    Args:
        state: Before the command.
        command: One that has not been answered.
        noun_action: Such as ("configs", "activate").
        ruling: Of the processor; a dry run keeps its words alone.
    """
    noun, action = noun_action
    effective = ruling.code == "done" and not command.dry_run
    changes: dict[str, object] = dict(ruling.changes or {}) if effective else {}
    changes["answered"] = (*state.answered, command.command_id)[-REMEMBERED:]
    revision = state.revision + (effective and ruling.revises)
    changes["revision"] = revision
    outcome = CommandOutcome(
        command_id=command.command_id,
        noun=noun,
        action=action,
        subject=ruling.subject,
        event_time_ms=command.event_time_ms,
        status=STATUSES.get(ruling.code, "refused"),
        code=ruling.code,
        detail=ruling.detail,
        facts=_named(ruling.facts),
        revision=revision,
        dry_run=command.dry_run,
        fingerprint=command.fingerprint,
        request_id=command.request_id,
    )
    entry = OperatorAction(
        action=f"{noun}.{action}",
        event_time_ms=command.event_time_ms,
        by=command.by,
        subject=ruling.subject,
        reason=command.reason,
        command_id=command.command_id,
        trace_id=command.trace_id,
        outcome=outcome.status,
        detail=ruling.detail,
        before=ruling.before or None,
        after=(ruling.after or None) if effective else (ruling.before or None),
        dry_run=command.dry_run,
    )
    facts = ruling.facts if effective else ()
    return state.model_copy(update=changes), (*facts, outcome, entry)


def _named(facts: Outputs) -> tuple[str, ...]:
    """Return what the facts say, in order; those that say the same of several markets once."""
    said = Counter(f"{topic_of(fact).name}: {_about(fact)}".rstrip(": ") for fact in facts)
    return tuple(text if count == 1 else f"{text}, {count} markets" for text, count in said.items())


def _about(fact: Record) -> str:
    parts = (getattr(fact, name, None) for name in NAMED)
    return " ".join(str(part) for part in parts if part is not None)
