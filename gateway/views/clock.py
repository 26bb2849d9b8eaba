"""Market time between clock ticks, and the age of bars against it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from gateway.views.read_model import ReadModel
from schemas.bounds import LAST_MS
from schemas.timeframes import STALE_BARS

DEAD_BARS = 10.0
LEAD_MS = 5_000  # of wall time: within it a change has reached every process


@dataclass(frozen=True)
class Age:
    """How old a bar is against market time, in bars."""

    bars: float

    @property
    def stale(self) -> bool:
        """Whether the caller must be warned."""
        return self.bars > STALE_BARS

    @property
    def dead(self) -> bool:
        """Whether it is too old to be answered from."""
        return self.bars > DEAD_BARS


def market_ms(views: ReadModel, wall_ms: int) -> int | None:
    """Return market time now; None before the first bar or tick.

    Between ticks time runs on at the tick's speed, so that a dead feed or broker shows as age.
    Recorded bars have no running clock: their time is the last tick's.
    """
    closes = [bar.event_time_ms for bar in views.newest_bars()]
    if views.clock is None:
        return max(closes, default=None)
    tick = views.clock.tick
    now = tick.event_time_ms
    if views.recorded:
        return max((now, *closes))
    now += int(max(0, wall_ms - views.clock.appended_ms) * tick.speed)
    # A bar may come before its tick; one that closes far ahead of the clock has a wrong time.
    near = (close for close in closes if close - now <= DEAD_BARS * views.base_ms)
    return min(max((now, *near)), LAST_MS)


def commanded_ms(views: ReadModel, wall_ms: int) -> int:
    """Return the market time of a command; the wall clock where no market is known."""
    market = known_ms(views, wall_ms)
    return wall_ms if market is None else market


def known_ms(views: ReadModel, wall_ms: int) -> int | None:
    """Return market time for a command: a clock that has stopped runs on for a moment alone.

    A simulated market stands still while its run does. What is commanded before the next tick
    counts from where it stood, and not from where it would be.
    """
    newest_ms = wall_ms if views.clock is None else views.clock.appended_ms + LEAD_MS
    return market_ms(views, min(wall_ms, newest_ms))


def wall_age_s(views: ReadModel, event_time_ms: int, wall_ms: int) -> float | None:
    """Return the seconds of wall time since a close; None where no market clock runs."""
    if views.clock is None or views.recorded:
        return None
    tick = views.clock.tick
    passed_ms = wall_ms - views.clock.appended_ms
    return max(0.0, passed_ms + (tick.event_time_ms - event_time_ms) / tick.speed) / 1000


def age(event_time_ms: int, timeframe_ms: int, now_ms: int) -> Age:
    """Return how many bars ago a bar closed."""
    return Age(max(0, now_ms - event_time_ms) / timeframe_ms)


def effective_from_ms(views: ReadModel, wall_ms: int) -> int:
    """Return the first close of a base bar that a change commanded now can count for."""
    now_ms = known_ms(views, wall_ms)
    if now_ms is None:
        return wall_ms
    speed = 1.0 if views.clock is None else views.clock.tick.speed
    lead_bars = max(1, math.ceil(LEAD_MS * speed / views.base_ms))
    return min((-(-now_ms // views.base_ms) + lead_bars) * views.base_ms, LAST_MS)
