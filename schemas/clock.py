"""Time as a topic: what schedules and displayed ages read instead of a clock."""

from __future__ import annotations

from pydantic import Field

from schemas.bounds import MAX_VALUE
from schemas.record import Milliseconds, Record


class ClockTick(Record):
    """The market's time, a few times per bar; under replay it is the recorded time."""

    clock: str = Field(default="market", description="The Kafka key; one clock per home")
    event_time_ms: Milliseconds
    speed: float = Field(
        gt=0, le=MAX_VALUE, description="Market seconds per second; 1 on a real venue"
    )
