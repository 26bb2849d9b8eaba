"""The simulated exchange as a server on loopback: REST and WebSockets of Binance USD-M.

Analysis only: there is no order route. Every request but GET is refused and counted.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from aiohttp import web

from workers.simulator.market import BAR_MS, EPOCH_MS, SimulatedMarket
from workers.simulator.model import MarketModel
from workers.simulator.protocol import account, control, payloads, rest, sockets
from workers.simulator.protocol.query import VENUE
from workers.simulator.protocol.venue import KeyRights, Venue
from workers.simulator.simulated_clock import SimulatedClock

LOOPBACK = "127.0.0.1"
DEFAULT_SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "BNBUSDT")
SHUTDOWN_SECONDS = 1.0


@dataclass(frozen=True)
class SimulatorSettings:
    """Settings of one simulated exchange."""

    symbols: tuple[str, ...] = DEFAULT_SYMBOLS
    seed: int = 7
    trend: float = 1.0  # drift of the regimes, times that of the default market
    speed: float = 60.0  # simulated seconds in a second
    port: int = 0  # on loopback; 0 takes a free one
    history_minutes: int = 14 * 1440  # market time that has passed at a new market's start
    start_time_ms: int | None = None  # resume an earlier market here; overrides history_minutes
    paused: bool = False
    weight_limit: int = 2400  # request weight a minute, as on the venue
    key_rights: KeyRights = field(default_factory=KeyRights)

    def first_now_ms(self) -> int:
        """Return simulated time at the start; raises ValueError before the market's epoch."""
        if self.start_time_ms is None:
            return EPOCH_MS + self.history_minutes * BAR_MS
        if self.start_time_ms < EPOCH_MS:
            raise ValueError(f"start_time_ms {self.start_time_ms}: expected at least {EPOCH_MS}")
        return self.start_time_ms


@dataclass(frozen=True)
class RunningSimulator:
    """A simulated exchange that is being served."""

    venue: Venue
    port: int
    pump: asyncio.Task[None]  # sends the market's events; ends only when cancelled

    @property
    def rest_url(self) -> str:
        """Base address of REST, without a path."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def ws_url(self) -> str:
        """Base address of the WebSockets, without a path."""
        return f"ws://{LOOPBACK}:{self.port}"


@contextlib.asynccontextmanager
async def serve(settings: SimulatorSettings) -> AsyncIterator[RunningSimulator]:
    """Serve a simulated exchange for as long as the context lasts.

    Raises: OSError when the port is taken; ValueError on settings that make no market.
    """
    clock = SimulatedClock(settings.first_now_ms(), settings.speed, paused=settings.paused)
    market = SimulatedMarket(settings.seed, settings.symbols, MarketModel(trend=settings.trend))
    for symbol in settings.symbols:
        # Generate the past before the first client connects: no request must wait for it.
        market.unfinished(symbol, payloads.bar_at(settings.first_now_ms()), 0)
    venue = Venue(market, clock, settings.weight_limit, settings.key_rights)
    runner = web.AppRunner(application(venue), access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        site = web.TCPSite(runner, LOOPBACK, settings.port)
        await site.start()
        port = runner.addresses[0][1]
        pump = asyncio.create_task(sockets.pump(venue), name="simulator-pump")
        try:
            yield RunningSimulator(venue, port, pump)
        finally:
            pump.cancel()
            await venue.hub.close_all()
            with contextlib.suppress(asyncio.CancelledError):
                await pump
    finally:
        await runner.cleanup()


def application(venue: Venue) -> web.Application:
    """Return the application with every route of the venue."""
    app = web.Application(middlewares=[rest.guard])
    app[VENUE] = venue
    for routes in (rest.ROUTES, account.ROUTES, control.ROUTES, sockets.ROUTES):
        app.add_routes(routes)
    app.router.add_route("*", "/{path:.*}", rest.unknown_route)
    return app
