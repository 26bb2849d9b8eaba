"""Market time: taken from the venue, advanced by a monotonic clock, published as ticks.

No clock is believed alone: two sources must agree on market time before it is set.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog

from schemas.clock import ClockTick
from schemas.timeframes import MINUTE_MS
from workers.ingest.outbox import Outbox
from workers.venue.exchange import Exchange, ExchangeError, VenueUnavailable
from workers.venue.reach import Reach

CLOCK_ERROR_S = 2.0  # wall-clock seconds by which two clocks that agree may differ
WALL_ERROR_MS = 60_000  # the local clock of a machine without time service
SYNCHRONISE_S = 5.0
TICK_S = 1.0

log = structlog.get_logger()


class ClockRefused(VenueUnavailable):
    """The venue's clock stands alone; the message names what it shows and what others do."""


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

        One stamp alone proves little: further ahead than clocks differ, it is ignored.
        """
        if self._exact_ms() < event_ms <= self._exact_ms() + self.error_ms:
            self._anchor_ms, self._anchor_s = float(event_ms), self.monotonic_s()

    @property
    def error_ms(self) -> float:
        """Market milliseconds by which two clocks that agree may differ."""
        return CLOCK_ERROR_S * 1000.0 * self.speed

    def confirms(self, venue_ms: int, read_s: float) -> bool:
        """Return whether this clock showed about the same when the venue read its own."""
        if self._anchor_s is None:
            return False
        return abs(self._exact_ms(read_s) - venue_ms) <= self.error_ms

    def wall_confirms(self, venue_ms: int) -> bool:
        """Return whether the local wall clock shows about the same; only in real time."""
        return self.speed == 1.0 and abs(self.wall_s() * 1000.0 - venue_ms) <= WALL_ERROR_MS

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

    def _exact_ms(self, at_s: float | None = None) -> float:
        if self._anchor_s is None:
            return self._anchor_ms
        at_s = self.monotonic_s() if at_s is None else at_s
        return self._anchor_ms + (at_s - self._anchor_s) * 1000.0 * self.speed


async def synchronise(exchange: Exchange, clock: MarketClock, symbols: Sequence[str]) -> None:
    """Set market time from the venue's, if a second source agrees with it.

    The second source is a newest bar of the venue, which has opened and not closed, else our own
    running clock, else the local wall clock.

    Args:
        exchange: The venue.
        clock: Set when two sources agree.
        symbols: Whose newest bars are asked for, one after the other, until one agrees.

    Raises:
        ClockRefused: No source agrees with the venue's clock.
        VenueUnavailable: The venue does not answer, or with no time.
    """
    asked_s = clock.monotonic_s()
    venue_ms = await exchange.server_time_ms()
    answered_s = clock.monotonic_s()
    opened_ms: int | None = None
    for symbol in symbols:
        newest_ms = await exchange.newest_open_ms(symbol)
        slack_ms = clock.error_ms + (clock.monotonic_s() - asked_s) * 1000.0 * clock.speed
        if newest_ms is not None and -slack_ms <= venue_ms - newest_ms <= MINUTE_MS + slack_ms:
            clock.set(venue_ms, asked_s, answered_s)
            return
        opened_ms = max(filter(None, (opened_ms, newest_ms)), default=None)
    if not (clock.confirms(venue_ms, answered_s) or clock.wall_confirms(venue_ms)):
        raise ClockRefused(
            f"the venue's clock shows {venue_ms}, its newest minute bar opened at {opened_ms}: "
            "not believed, asked again"
        )
    clock.set(venue_ms, asked_s, answered_s)


async def keep_synchronised(
    exchange: Exchange, clock: MarketClock, symbols: Sequence[str], reach: Reach
) -> None:
    """Synchronise every few seconds; while no time of the venue can be believed, ours runs on."""
    refused = False
    while True:
        await asyncio.sleep(SYNCHRONISE_S)
        try:
            await synchronise(exchange, clock, symbols)
        except ClockRefused as refusal:
            reach.settled(synchronise)
            if not refused:
                log.warning("clock.refused", reason=str(refusal), remedy="none: ours runs on")
            refused = True
        except ExchangeError as error:
            reach.failed(synchronise, str(error), SYNCHRONISE_S)
        else:
            refused = False
            reach.settled(synchronise)


async def publish_ticks(clock: MarketClock, outbox: Outbox) -> None:
    """Publish market time once a second."""
    while True:
        outbox.put(clock.tick())
        await asyncio.sleep(TICK_S)
