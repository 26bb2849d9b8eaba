"""The gateway's composition root: settings and a bus in, an ASGI app out."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import structlog
import uvicorn
from fastapi import FastAPI

from gateway import errors
from gateway.answers.cache import open_cache
from gateway.context import Parts
from gateway.envelope import wall_ms
from gateway.kafka.bus import Bus, KafkaBus
from gateway.kafka.worker_client import Questions
from gateway.metrics import Metrics
from gateway.middleware import Edge
from gateway.routes import (
    analysis,
    backtest,
    bars,
    explain,
    hyperopt,
    models,
    pages,
    predict,
    refdata,
    signals,
    system,
)
from gateway.settings import Settings
from gateway.stream.fan_out import SignalStream
from gateway.views.views import Arrival, Unreadable, Views

ROUTERS = (
    *(predict, models, signals, explain, analysis, bars),
    *(backtest, hyperopt, refdata, system),
)
EXIT_FAILED = 3  # as uvicorn's own
EXIT_REFUSED = 78  # EX_CONFIG: starting again would not help

log = structlog.get_logger()

DESCRIPTION = """Market data in; explained, graded and honestly scored signals out.

Analysis only: nothing here can place, change or cancel an order. A request that fails validation
gets 400. Errors are `{"detail"}` under `/api/v1` and in the envelope under `/api`. Every response
carries `X-Correlation-ID`."""


def create_app(
    settings: Settings,
    bus: Bus,
    now_ms: Callable[[], int] = wall_ms,
    dashboard: Path = pages.DIST,
    refuse: Callable[[str], None] = log.critical,
) -> FastAPI:
    """Return the app; it reads from the bus for as long as its lifespan runs.

    ``refuse`` is told why the gateway cannot do its work, and must end it.
    """
    given = _parts(settings, bus, now_ms)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await bus.start(lambda arrival: _take(given, arrival))
        heartbeats = asyncio.create_task(given.stream.heartbeats(), name="heartbeats")
        required = asyncio.create_task(_require_refdata(given, refuse), name="reference data")
        yield
        for task in (heartbeats, required):
            task.cancel()
        await asyncio.gather(heartbeats, required, return_exceptions=True)
        await bus.stop()
        await given.cache.close()

    app = FastAPI(
        title="RegimeFlow",
        version="0.1.0",
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,  # the stock page loads its script from another host; see pages.py
        redoc_url=None,
        separate_input_output_schemas=False,
    )
    app.state.parts = given
    app.add_middleware(Edge, given=given)
    errors.install(app)
    for routes in ROUTERS:
        app.include_router(routes.router, responses=errors.documented(routes.router.prefix))
    pages.install(app, dashboard)
    return app


async def _require_refdata(given: Parts, refuse: Callable[[str], None]) -> None:
    missing = await given.views.refdata.required(lambda: given.bus.ready)
    if missing:
        refuse(missing)


def _parts(settings: Settings, bus: Bus, now_ms: Callable[[], int]) -> Parts:
    views = Views()
    metrics = Metrics()

    def beat() -> dict[str, Any]:
        return {"clock_ms": given.market_ms(), "broker_connected": bus.connected}

    given = Parts(
        settings=settings,
        bus=bus,
        views=views,
        cache=open_cache(settings.redis_url.get_secret_value() if settings.redis_url else None),
        questions=Questions(bus, settings.replica, now_ms),
        stream=SignalStream(views, beat, metrics.dropped.inc),
        metrics=metrics,
        wall_ms=now_ms,
    )
    return given


def _take(given: Parts, arrival: Arrival | Unreadable) -> None:
    """Fold one arrival, then tell whoever waits for it."""
    if isinstance(arrival, Unreadable):
        given.metrics.rejected.labels(arrival.topic).inc()
        given.views.pass_over(arrival)
        return
    given.views.fold(arrival)
    given.questions.take(arrival.record, arrival.raw)
    given.stream.take(arrival, live=given.bus.ready)


def quieten() -> None:
    """Keep out of the log what is no news."""
    logging.getLogger("aiokafka").setLevel(logging.ERROR)
    logging.getLogger("uvicorn.error").addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    # uvicorn 0.54 takes a WebSocket that was denied for one left unanswered (its request 3138).
    return record.msg != "ASGI callable returned without completing handshake."


def run(settings: Settings) -> int:
    """Serve until a signal to stop, or until it cannot do its work; return the exit code."""
    quieten()
    refusals: list[str] = []

    def refuse(why: str) -> None:
        refusals.append(why)
        server.should_exit = True

    server = uvicorn.Server(
        uvicorn.Config(
            create_app(settings, KafkaBus(settings), refuse=refuse),
            host=settings.host,
            port=settings.port,
            loop="uvloop",
            http="httptools",
            ws="websockets-sansio",
            ws_max_size=65_536,
            ws_per_message_deflate=False,
            access_log=False,
            log_level="warning",
            server_header=False,
            timeout_graceful_shutdown=10,
        )
    )
    server.run()
    if refusals:
        sys.stderr.write(f"{refusals[0]}\n")
        return EXIT_REFUSED
    return 0 if server.started else EXIT_FAILED
