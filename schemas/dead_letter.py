"""What could not be read or folded, with its cause; nothing is dropped in silence."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.bounds import MAX_COUNT
from schemas.record import Milliseconds, Record
from schemas.status import OperatorAction

DeadLetterKind = Literal["undecodable", "rejected", "bug"]


class DeadLetter(Record):
    """One rejected record: original bytes, cause, consumer and source position."""

    topic: str
    partition: int = Field(ge=-1, le=MAX_COUNT, description="-1: never reached a topic")
    offset: int = Field(ge=-1, le=MAX_COUNT)
    key: str | None
    consumer: str = Field(description="Processor or worker that rejected it")
    kind: DeadLetterKind
    cause: str
    payload_base64: str
    event_time_ms: Milliseconds = Field(description="Log append time of the source record")
    trace_id: str = ""


# What an operator does about a letter, in operators.audit.v1, and the letter's state after it.
LetterState = Literal["open", "replayed", "dropped"]
_SETTLED_BY: dict[str, LetterState] = {"dlq.replay": "replayed", "dlq.drop": "dropped"}


def settled_state(action: OperatorAction) -> LetterState | None:
    """Return the state of the letter that an action settled; None where it settled none."""
    if action.dry_run or action.outcome not in {None, "accepted"}:
        return None
    return _SETTLED_BY.get(action.action)


def letter_name(topic: str, partition: int, offset: int) -> str:
    """Return the name of a letter by its place on a ``.dlq`` topic, e.g. ``a.v1.dlq/0@12``."""
    return f"{topic}/{partition}@{offset}"


def letter_place(name: str) -> tuple[str, int, int]:
    """Return topic, partition and offset of a letter; raises ``ValueError`` for no name of one."""
    topic, _, place = name.rpartition("/")
    partition, _, offset = place.partition("@")
    return topic, int(partition), int(offset)
