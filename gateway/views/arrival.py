"""What comes off a topic: a record that can be read, or the trace of one that cannot."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.record import Record


@dataclass(slots=True)
class Arrival:
    """One record as it came off its topic.

    Never changed; to freeze it would double the time that it takes to make one.
    """

    record: Record
    raw: bytes
    topic: str
    partition: int = 0
    offset: int = 0
    appended_ms: int = 0
    trace_id: str = ""
    git_commit: str = ""


@dataclass(frozen=True)
class UnreadableArrival:
    """A record that does not decode, or that no view could take, and why."""

    topic: str
    partition: int
    offset: int
    cause: str
    appended_ms: int = 0
