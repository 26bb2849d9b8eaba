"""What people wait for: a process that fails, a feed that stands still, a model that changes.

Written by ``workers.notify``, which makes it of other topics; streamed by the gateway.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.bounds import MAX_COUNT
from schemas.record import Milliseconds, Record

EventKind = Literal[
    "process_degraded",
    "process_failed",
    "process_restarted",
    "process_recovered",
    "feed_stale",
    "feed_fresh",
    "gap",
    "dead_letter",
    "model_changed",
    "model_drift",
    "config_active",
    "idea_decided",
    "idea_closed",
]
Severity = Literal["info", "warning", "urgent"]


class SystemEvent(Record):
    """Something that people wait for, once for each change."""

    event_id: str = Field(description="The same after every redelivery")
    kind: EventKind
    severity: Severity = Field(description="Urgent ones pass quiet hours")
    subject: str = Field(description="Process, symbol, market, strategy or topic: the Kafka key")
    event_time_ms: Milliseconds = Field(
        description="Wall clock: when the record that tells it was written"
    )
    text: str = Field(description="One sentence for people")
    remedy: str = Field(default="", description="What to do about it; empty: nothing")
    count: int = Field(
        default=1, ge=1, le=MAX_COUNT, description="How many of a kind it stands for"
    )
