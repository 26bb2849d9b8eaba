"""The gateway's composition root: settings and a bus in, an ASGI app out."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import structlog
import uvicorn
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway import errors
from gateway.access.control import AccessControl
from gateway.access.principal import Principal
from gateway.access.scopes import OPEN, document_access
from gateway.cache import open_cache
from gateway.context import AppContext, KnownQuery
from gateway.envelope import wall_ms
from gateway.examples.document import add_examples
from gateway.kafka.answer_log import AnswerLog
from gateway.kafka.bus import Bus, KafkaBus
from gateway.kafka.topics import DRAWN
from gateway.kafka.worker_client import WorkerClient
from gateway.memo import Memo
from gateway.metrics import GatewayMetrics
from gateway.middleware import EdgeMiddleware
from gateway.protocols import BoundedHttp, BoundedWebSocket, raise_file_limit
from gateway.routes import (
    access,
    analysis,
    backtest,
    bars,
    challenges,
    commands,
    dead_letters,
    documentation,
    drift,
    explain,
    hyperopt,
    ideas,
    ledger,
    mlflow,
    models,
    operations,
    pages,
    performance,
    portfolio,
    predict,
    refdata,
    signals,
    strategies,
    system,
    trace,
    trades,
    versions,
)
from gateway.settings import GatewaySettings
from gateway.stream.signal_stream import SignalStream
from gateway.views import clock
from gateway.views.arrival import Arrival, UnreadableArrival
from gateway.views.read_model import ReadModel
from schemas.access import AccessKey
from schemas.signals import Signal
from streams.runtime.garbage import collect_seldom

ROUTERS = (
    *(predict, models, signals, explain, analysis, bars),
    *(backtest, hyperopt, strategies, commands, trace, refdata, system, operations, access),
    *(ledger, dead_letters, mlflow, drift, challenges, versions),
    *(trades, portfolio, ideas, performance),
)
BEAT_EVERY_S = 1
READY_POLL_S, REFILL_RETRY_S = 0.5, 5.0
EXIT_FAILED = 3  # as uvicorn's own
EXIT_REFUSED = 78  # EX_CONFIG: starting again would not help

log = structlog.get_logger()

DESCRIPTION = """Market data in; explained, graded and honestly scored signals out.

Analysis only: nothing here can place, change or cancel an order. A request that fails validation
gets 400. Errors are `{"detail"}` under `/api/v1` and in the envelope under `/api`. Every response
carries `X-Correlation-ID`."""


class DocumentedApp(FastAPI):
    """An app whose document has examples, its errors, and what one needs where one signs in."""

    _making = threading.Lock()

    def setup(self) -> None:
        """Add the route of the document; it is made in a thread, for that takes seconds."""

        async def document(_: Request) -> Response:
            return JSONResponse(await asyncio.to_thread(self.openapi))

        self.add_route("/openapi.json", document, include_in_schema=False)

    def openapi(self) -> dict[str, Any]:
        """Return the document, made once."""
        with self._making:
            if self.openapi_schema is None:
                self.openapi_schema = errors.errors_as_json(super().openapi())
                add_examples(self.openapi_schema)
                access: AccessControl = self.state.ctx.access
                if access.required:
                    document_access(self.openapi_schema, access.open_paths)
            return self.openapi_schema


def create_app(
    settings: GatewaySettings,
    bus: Bus,
    now_ms: Callable[[], int] = wall_ms,
    dashboard: Path = pages.DIST,
    refuse: Callable[[str], None] = log.critical,
) -> FastAPI:
    """Return the app; it reads from the bus for as long as its lifespan runs.

    Args:
        settings: Read once, at the start.
        bus: Where the records come from and go to.
        now_ms: The wall clock.
        dashboard: Folder of the built dashboard.
        refuse: Called with the reason when the gateway cannot do its work; must end the process.
    """
    ctx = _context(settings, bus, now_ms)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await bus.start(lambda arrival: _receive(ctx, arrival))
        heartbeats = asyncio.create_task(ctx.stream.heartbeats(), name="heartbeats")
        required = asyncio.create_task(_require_refdata(ctx, refuse), name="reference data")
        refilling = asyncio.create_task(_refill_views(ctx), name="refill views")
        publishing = asyncio.create_task(ctx.answers.publish(), name="publish answers")
        warming = asyncio.create_task(ctx.access.warm(), name="issuer")
        yield
        await ctx.answers.drain()
        tasks = (heartbeats, required, refilling, publishing, warming)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await bus.stop()
        await ctx.cache.close()
        await ctx.access.limits.close()

    app = DocumentedApp(
        title="RegimeFlow",
        version="0.1.0",
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,  # the stock pages load scripts from another host; see documentation.py
        redoc_url=None,
        separate_input_output_schemas=False,
    )
    app.state.ctx = ctx
    app.add_middleware(EdgeMiddleware, ctx=ctx)
    errors.install(app, [route for routes in ROUTERS for route in routes.router.routes])
    for routes in ROUTERS:
        # The columns of a table are fields of its route, which refuses others itself.
        checked = [] if routes is refdata else [KnownQuery]
        responses = errors.openapi_responses(routes.router.prefix)
        app.include_router(routes.router, dependencies=checked, responses=responses)
    # Pages and their files hold nothing of the market.
    files = [*documentation.install(app), *pages.install(app, dashboard)]
    ctx.access.open_paths.update(OPEN, files)
    return app


async def _require_refdata(ctx: AppContext, refuse: Callable[[str], None]) -> None:
    missing = await ctx.views.refdata.wait_until_complete(lambda: ctx.bus.ready)
    if missing:
        refuse(missing)


async def _refill_views(ctx: AppContext) -> None:
    """Read further back once the views are ready, for the timeframes of which they hold too few."""

    def take(arrival: Arrival | UnreadableArrival) -> None:
        if isinstance(arrival, Arrival):
            ctx.views.fold_past(arrival)
        else:
            ctx.views.count_unreadable(arrival)

    while not ctx.bus.ready:  # noqa: ASYNC110 - the bus has no event for it
        await asyncio.sleep(READY_POLL_S)
    began_s = time.monotonic()
    for topic in DRAWN:
        lacking = partial(ctx.views.lengths_with_room, topic.record)
        while True:
            try:
                await ctx.bus.read_back(topic.name, lacking, take)
            except errors.Unavailable:  # the bus has logged why
                await asyncio.sleep(REFILL_RETRY_S)
            else:
                break
    log.info("views.refilled", seconds=round(time.monotonic() - began_s, 2))


def _context(settings: GatewaySettings, bus: Bus, now_ms: Callable[[], int]) -> AppContext:
    views = ReadModel(settings.timeframes_ms)
    metrics = GatewayMetrics()

    def heartbeat() -> dict[str, Any]:
        return {"clock_ms": clock.market_ms(views, now_ms()), "broker_connected": bus.connected}

    cache = open_cache(settings.redis_url.get_secret_value() if settings.redis_url else None)
    access = AccessControl(settings, views.access_keys, cache, now_ms, lambda: bus.ready)
    return AppContext(
        settings=settings,
        bus=bus,
        views=views,
        cache=cache,
        access=access,
        worker_client=WorkerClient(bus, settings.replica, now_ms),
        answers=AnswerLog(bus, now_ms, metrics.count_answers),
        stream=SignalStream(views, heartbeat, metrics.dropped.inc, now_ms),
        metrics=metrics,
        memo=Memo(),
        wall_ms=now_ms,
    )


def _receive(ctx: AppContext, arrival: Arrival | UnreadableArrival) -> None:
    """Fold one arrival into the views, then pass it to the callers and streams that wait."""
    if isinstance(arrival, UnreadableArrival):
        ctx.metrics.rejected.labels(arrival.topic).inc()
        ctx.views.count_unreadable(arrival)
        return
    ctx.views.fold(arrival)
    ctx.worker_client.deliver(arrival.record, arrival.raw)
    ctx.stream.publish(arrival, live=ctx.bus.ready)
    if isinstance(arrival.record, AccessKey) and arrival.record.revoked_ms is not None:
        ctx.stream.sign_out(Principal.of_key(arrival.record), "the API key was revoked")
    if isinstance(arrival.record, Signal) and ctx.bus.ready:
        _observe_feature_age(ctx, arrival.record)


def _observe_feature_age(ctx: AppContext, signal: Signal) -> None:
    age_s = clock.wall_age_s(ctx.views, signal.event_time_ms, ctx.wall_ms())
    if age_s is not None:
        ctx.metrics.observe_feature_age(age_s)


def quieten() -> None:
    """Silence library messages that tell an operator nothing."""
    logging.getLogger("uvicorn.error").addFilter(_is_worth_logging)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # broker.lost tells an outage


def _is_worth_logging(record: logging.LogRecord) -> bool:
    # uvicorn 0.54 reports a denied WebSocket as one left unanswered (its pull request 3138).
    return record.msg != "ASGI callable returned without completing handshake."


def server_config(app: FastAPI, host: str, port: int) -> uvicorn.Config:
    """Return how an app is served: every connection has bounds."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="uvloop",
        http=BoundedHttp,
        ws=BoundedWebSocket,
        ws_max_size=65_536,
        ws_per_message_deflate=False,
        access_log=False,
        log_config=None,  # uvicorn's records take the way of all others
        server_header=False,
        timeout_graceful_shutdown=10,
    )


def run(settings: GatewaySettings, beat: Callable[[], None]) -> int:
    """Serve until a signal to stop, or until the gateway is refused; return the exit code.

    ``beat`` is called each second for as long as the event loop goes round.
    """
    quieten()
    if unusable := listening_fault(settings.host, settings.port):
        return _refused(unusable)
    refusals: list[str] = []

    def refuse(why: str) -> None:
        refusals.append(why)
        server.should_exit = True

    raise_file_limit()
    collect_seldom()
    app = create_app(settings, KafkaBus(settings), refuse=refuse)
    config = server_config(app, settings.host, settings.port)

    async def on_tick() -> None:
        beat()

    config.callback_notify, config.timeout_notify = on_tick, BEAT_EVERY_S
    server = uvicorn.Server(config)
    server.run()
    if refusals:
        return _refused(refusals[0])
    return 0 if server.started else EXIT_FAILED


def listening_fault(host: str, port: int) -> str | None:
    """Return why nobody can listen there; None when one can.

    Starting again mends none of these: the address is taken, not allowed or not of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        return (
            f"port {port} on {host} cannot be used: {error.strerror}. Stop the program that "
            "listens there, or choose another port (0: any free one)."
        )
    return None


def _refused(cause: str) -> int:
    log.error("process.refused", cause=cause, remedy="do what it says, then start again")
    return EXIT_REFUSED
