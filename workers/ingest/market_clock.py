"""Market time: taken from the venue, advanced by a monotonic clock, published as ticks."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from schemas.clock import ClockTick
from workers.ingest.exchange import Exchange, ExchangeError
from workers.ingest.outbox import Outbox

MAX_AHEAD_MS = 600_000  # an event that is further ahead of market time has a wrong stamp
SYNCHRONISE_S = 5.0
TICK_S = 1.0


@dataclass
class MarketClock:
    """Market time: set from the venue, advanced at ``speed``; ``now_ms`` never goes back.

    Attributes:
        speed: Market seconds in a second; 1 on a real venue.
        skew_ms: Local wall clock minus the venue's at the last ``set``; None before the first,
            and where market time is not wall-clock time.
    """

    speed: float = 1.0
    monotonic_s: Callable[[], float] = time.monotonic
    wall_s: Callable[[], float] = time.time
    skew_ms: float | None = None
    _anchor_ms: float = field(default=0.0)
    _anchor_s: float | None = field(default=None)
    _latest_ms: int = field(default=0)

    def set(self, venue_ms: int, asked_s: float, answered_s: float) -> None:
        """Set market time to the venue's.

        Args:
            venue_ms: The venue's time, UTC epoch milliseconds.
            asked_s: When the request was sent, in ``monotonic_s``.
            answered_s: When the answer came; the venue read its clock half-way between.
        """
        self._anchor_ms, self._anchor_s = float(venue_ms), (asked_s + answered_s) / 2.0
        if self.speed == 1.0:
            age_s = self.monotonic_s() - self._anchor_s
            self.skew_ms = (self.wall_s() - age_s) * 1000.0 - venue_ms

    def see(self, event_ms: int) -> None:
        """Advance to the time of an event that has just arrived: the venue's clock is past it.

        A stamp more than ``MAX_AHEAD_MS`` ahead is an error of the frame and is ignored.
        """
        if self._exact_ms() < event_ms <= self._exact_ms() + MAX_AHEAD_MS:
            self._anchor_ms, self._anchor_s = float(event_ms), self.monotonic_s()

    def now_ms(self) -> int:
        """Market time, UTC epoch milliseconds; never goes back."""
        self._latest_ms = max(self._latest_ms, int(self._exact_ms()))
        return self._latest_ms

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


async def synchronise(exchange: Exchange, clock: MarketClock) -> None:
    """Set market time from the venue's; raises ``VenueUnavailable``."""
    asked_s = clock.monotonic_s()
    venue_ms = await exchange.server_time_ms()
    clock.set(venue_ms, asked_s, clock.monotonic_s())


async def keep_synchronised(exchange: Exchange, clock: MarketClock) -> None:
    """Synchronise every few seconds; while the venue does not answer the clock runs on."""
    while True:
        await asyncio.sleep(SYNCHRONISE_S)
        with contextlib.suppress(ExchangeError):
            await synchronise(exchange, clock)


async def publish_ticks(clock: MarketClock, outbox: Outbox) -> None:
    """Publish market time once a second."""
    while True:
        outbox.put(clock.tick())
        await asyncio.sleep(TICK_S)
