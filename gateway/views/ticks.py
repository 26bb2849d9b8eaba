"""Ticks of market time as they arrive, and whether one follows from another."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.clock import ClockTick

# Market time by which a tick may differ from the one before that ran on.
TICK_SLACK_MS, TICK_SLACK_S = 120_000, 5.0


@dataclass(frozen=True)
class TickArrival:
    """A clock tick and when it was written, wall clock."""

    tick: ClockTick
    appended_ms: int

    def leads_to(self, later: TickArrival) -> bool:
        """Return whether market time that ran on from this tick is about that of a later one.

        A tick of another speed never follows: time would run away until the one after it.
        """
        if self.tick.speed != later.tick.speed:
            return False
        ran_ms = max(0, later.appended_ms - self.appended_ms) * self.tick.speed
        slack_ms = max(TICK_SLACK_MS, TICK_SLACK_S * 1000.0 * self.tick.speed)
        return abs(self.tick.event_time_ms + ran_ms - later.tick.event_time_ms) <= slack_ms
