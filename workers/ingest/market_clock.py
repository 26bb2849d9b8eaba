"""The venue's time, kept between looks at it by a monotonic clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from schemas.clock import ClockTick

FURTHEST_AHEAD_MS = 600_000  # of an event before its stamp is not believed


@dataclass
class MarketClock:
    """Market time: set by the venue, advanced at ``speed``, never shown going back.

    Attributes:
        speed: Market seconds in a second; 1 on a real venue.
        skew_ms: Local wall clock minus the venue's at the last look; None before it, or where
            market time is not wall-clock time.
    """

    speed: float = 1.0
    monotonic_s: Callable[[], float] = time.monotonic
    wall_s: Callable[[], float] = time.time
    skew_ms: float | None = None
    _anchor_ms: float = field(default=0.0)
    _anchor_s: float | None = field(default=None)
    _shown_ms: int = field(default=0)

    def set(self, venue_ms: int, asked_s: float, answered_s: float) -> None:
        """Take the venue's time from a request that was sent and answered at these moments.

        Times are those of ``monotonic_s``; the venue is taken to have looked half-way.
        """
        self._anchor_ms, self._anchor_s = float(venue_ms), (asked_s + answered_s) / 2.0
        if self.speed == 1.0:
            ago_s = self.monotonic_s() - self._anchor_s
            self.skew_ms = (self.wall_s() - ago_s) * 1000.0 - venue_ms

    def see(self, event_ms: int) -> None:
        """Take the time of an event that has just arrived: the venue is at least there.

        A stamp far ahead of what the venue last told is a fault of the frame, not the time.
        """
        if self._exact_ms() < event_ms <= self._exact_ms() + FURTHEST_AHEAD_MS:
            self._anchor_ms, self._anchor_s = float(event_ms), self.monotonic_s()

    def now_ms(self) -> int:
        """Market time, UTC epoch milliseconds; never goes back."""
        self._shown_ms = max(self._shown_ms, int(self._exact_ms()))
        return self._shown_ms

    def seconds_until(self, market_ms: float) -> float:
        """Return the wall-clock seconds until a market time, at least 0."""
        return max(0.0, (market_ms - self._exact_ms()) / (1000.0 * self.speed))

    def tick(self) -> ClockTick:
        """Return market time as a record."""
        return ClockTick(event_time_ms=self.now_ms(), speed=self.speed)

    def _exact_ms(self) -> float:
        if self._anchor_s is None:
            return self._anchor_ms
        return self._anchor_ms + (self.monotonic_s() - self._anchor_s) * 1000.0 * self.speed
