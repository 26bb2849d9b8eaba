"""Commands and their outcomes: whoever wants something changed publishes a command.

One processor decides it and publishes facts and one outcome, which every edge reads.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.bounds import Count
from schemas.record import Milliseconds, Record

CommandId = Annotated[str, Field(min_length=1, max_length=64)]
OutcomeStatus = Literal["accepted", "refused", "unchanged"]
OutcomeCode = Literal["done", "same", "unknown", "stale", "conflict", "invalid"]


class Command(Record):
    """What the commands of every noun say beside what they want."""

    command_id: CommandId
    event_time_ms: Milliseconds = Field(description="Wall clock at the edge")
    by: str = Field(min_length=1, max_length=200, description="Who asks")
    reason: str = Field(default="", max_length=1_000)
    trace_id: str | None = None
    fingerprint: str | None = Field(
        default=None, description="Hash of what is asked: one id for two requests is noticed"
    )
    request_id: CommandId | None = Field(
        default=None, description="Of the request that commands this beside other things"
    )
    dry_run: bool = Field(default=False, description="Decide, but change nothing")
    expected_revision: Count | None = Field(
        default=None, description="Refused as stale if the subject has another; null: any"
    )


class CommandOutcome(Record):
    """How one command was decided."""

    command_id: CommandId = Field(description="The Kafka key")
    noun: str = Field(description="What was commanded, such as configs")
    action: str
    subject: str = Field(description="What it was about, such as MyStrategy/v2-1a2b3c4d")
    event_time_ms: Milliseconds = Field(description="Of the command")
    status: OutcomeStatus
    code: OutcomeCode = Field(
        description="done; same: nothing to do; why it was refused: unknown, stale (the revision), "
        "conflict (the state), invalid (the content)"
    )
    detail: str
    facts: tuple[str, ...] = Field(description="What changed; of a dry run: what would")
    revision: Count = Field(description="Of the subject, after it")
    dry_run: bool = False
    fingerprint: str | None = Field(default=None, description="Of the command")
    request_id: CommandId | None = Field(default=None, description="Of the command")
