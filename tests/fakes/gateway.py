"""A gateway over a hand-fed bus: in process for HTTP, on a free port for WebSockets."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI

from gateway.app import create_app, server_config
from gateway.context import AppContext
from gateway.errors import Unavailable
from gateway.kafka.bus import Inbox, Place
from gateway.kafka.past import Lengths
from gateway.settings import GatewaySettings
from gateway.views.arrival import Arrival
from schemas.clock import ClockTick
from schemas.record import Record
from schemas.topics import topic_of
from tests.build import bar, close_time, features, regimes, serving, signal, status

WALL_MS = 1_800_000_000_000
LAST = 19  # minute of the newest bar of ``live``


class FakeBus:
    """A bus whose records are fed by the test."""

    inbox: Inbox

    def __init__(self) -> None:
        self.ready = self.connected = True
        self.began_ms = self.heard_ms = 0
        self.lag: dict[str, int] = {}
        self.process_lag: dict[str, int] = {}
        self.published: list[tuple[Record, str]] = []
        self.published_together: list[tuple[Record, str]] = []
        self.read_again_topics: list[str] = []
        self.read_back_topics: list[str] = []
        self.answers: Callable[[Any], Sequence[Record]] = lambda _: ()
        self.stored: dict[Place, Record] = {}
        self._offsets = itertools.count()

    async def start(self, inbox: Inbox) -> None:
        self.inbox = inbox

    async def stop(self) -> None: ...

    async def publish(self, record: Record, trace_id: str = "") -> None:
        self.published.append((record, trace_id))
        self.feed(*self.answers(record))

    async def publish_all(self, records: Sequence[tuple[Record, str]]) -> list[str]:
        if not self.connected:
            raise Unavailable("away")
        self.published_together += records
        return []

    async def read_again(self, topic: str) -> None:
        self.read_again_topics.append(topic)

    async def read_back(self, topic: str, lacking: Lengths, inbox: Inbox) -> None:  # noqa: ARG002
        self.read_back_topics.append(topic)

    async def fetch(self, places: Sequence[Place]) -> list[Record | None]:
        if not self.connected:
            raise Unavailable("away")
        return [self.stored.get(place) for place in places]

    def feed(self, *records: Record, appended_ms: int = WALL_MS) -> None:
        for record in records:
            name = topic_of(record).name
            self.inbox(Arrival(record, record.encode(), name, 0, next(self._offsets), appended_ms))


@dataclass
class RunningGateway:
    """A started gateway, its bus, a client for it."""

    app: FastAPI
    bus: FakeBus
    client: httpx.AsyncClient
    wall_ms: int = WALL_MS
    url: str = "http://127.0.0.1"

    @property
    def ctx(self) -> AppContext:
        ctx = self.app.state.ctx
        assert isinstance(ctx, AppContext)
        return ctx

    async def get(self, path: str, **query: Any) -> Any:
        response = await self.client.get(path, params=query or None)
        return response.json()


class NotifyingServer(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    @property
    def url(self) -> str:
        host, port = self.servers[0].sockets[0].getsockname()
        return f"http://{host}:{port}"

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self.up.set()


@asynccontextmanager
async def in_process_gateway(settings: GatewaySettings) -> AsyncIterator[RunningGateway]:
    """A ready gateway that has read nothing."""
    bus = FakeBus()
    running: RunningGateway
    app = create_app(settings, bus, lambda: running.wall_ms)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client,
        app.router.lifespan_context(app),
    ):
        running = RunningGateway(app, bus, client)
        yield running


@asynccontextmanager
async def served_gateway(settings: GatewaySettings) -> AsyncIterator[RunningGateway]:
    """A gateway with live markets on a real server and a free port."""
    bus = FakeBus()
    app = create_app(settings, bus, lambda: WALL_MS)
    config = server_config(app, "127.0.0.1", 0)
    config.timeout_graceful_shutdown = 1
    server = NotifyingServer(config)
    serving_task = asyncio.create_task(server.serve())
    await server.up.wait()
    feed_live_markets(bus)
    async with httpx.AsyncClient(base_url=server.url) as client:
        yield RunningGateway(app, bus, client, url=server.url)
    server.should_exit = True
    await serving_task


@cache
def api_document() -> dict[str, Any]:
    """Return the API's document where nobody signs in; it takes seconds, and none may change it."""
    return create_app(GatewaySettings(), FakeBus()).openapi()


def feed_live_markets(bus: FakeBus) -> None:
    """Feed twenty minutes of two markets and a model in service."""
    bus.feed(*live("BTCUSDT"), *live("ETHUSDT"), serving(), status(), tick())


def tick(minute: int = LAST, seconds: float = 0.0, speed: float = 1.0) -> ClockTick:
    return ClockTick(event_time_ms=close_time(minute) + round(seconds * 1000), speed=speed)


def ticks(seconds: float) -> tuple[ClockTick, ClockTick]:
    """Return two ticks at one time after the last bar: alone a leap is not believed."""
    return tick(LAST, seconds), tick(LAST, seconds)


def live(symbol: str = "BTCUSDT", minutes: int = LAST + 1) -> list[Record]:
    """Bars, features, regimes and signals of some minutes."""
    records: list[Record] = []
    for minute in range(minutes):
        records += [
            bar(minute, symbol=symbol),
            features(minute, symbol, rsi_14=50.0 + minute, natr_14=None),
            regimes(minute, symbol=symbol),
            signal(minute, symbol=symbol),
        ]
    return records


def higher(timeframe_ms: int, symbol: str = "BTCUSDT", count: int = 3) -> list[Record]:
    """Bars, features, regimes and signals of the last higher bars closed by the newest minute."""
    records: list[Record] = []
    last = close_time(LAST) // timeframe_ms
    for number in range(last - count + 1, last + 1):
        close = number * timeframe_ms
        times: dict[str, Any] = {
            "symbol": symbol,
            "timeframe_ms": timeframe_ms,
            "event_time_ms": close,
        }
        opened: dict[str, Any] = {"open_time_ms": close - timeframe_ms, "origin": "aggregated"}
        ids: dict[str, Any] = {
            name: f"{name}-{symbol}-{close}/{timeframe_ms}"
            for name in ("signal_id", "prediction_id")
        }
        records += [
            bar(**times, **opened),
            features(0, symbol, rsi_14=60.0, natr_14=None).model_copy(update=times),
            regimes(**times),
            signal(**times, **ids),
        ]
    return records
