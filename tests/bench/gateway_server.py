"""A server under test in a process of its own; lines on stdin say what to broadcast.

    python -m tests.bench.gateway_server ours|filled|guarded|plain|naive

Prints its port, then for each ``send COUNT PAUSE_MS`` the monotonic times (ns) of the broadcasts.
``ours`` is the gateway over prefilled views; ``guarded`` is the same where one has to show
``ACCESS_KEY``; ``plain`` is the least that uvicorn needs to fan out (one loop over the clients);
``naive`` answers /predict the way one would write it at first.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
import uvicorn
from starlette.responses import Response

from gateway.access.keys import checksum, digest
from gateway.routes.predict import PredictBody
from schemas.access import AccessKey

Broadcast = Callable[[int], Awaitable[None]]
PAYLOAD_MINUTE = 100_000
_KEY_BODY = "rfk_" + "0123456789" + "x" * 43
ACCESS_KEY = _KEY_BODY + checksum(_KEY_BODY)  # of the benchmark, known to everybody


async def serve(app: Any, broadcast: Broadcast) -> None:
    """Serve on a free port until stdin ends."""
    config = uvicorn.Config(
        app,
        port=0,
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        ws_ping_interval=None,
        log_level="error",
        access_log=False,
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn offers no event
        await asyncio.sleep(0.01)
    say(server.servers[0].sockets[0].getsockname()[1])
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        _, count, pause_ms = line.split()
        sent = []
        for number in range(int(count)):
            sent.append(time.monotonic_ns())
            await broadcast(number)
            await asyncio.sleep(int(pause_ms) / 1000)
        say(sent)
    server.should_exit = True
    await running


def say(value: Any) -> None:
    """Answer the benchmark with one line."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def ours(**settings: Any) -> tuple[Any, Broadcast]:
    """The gateway: twenty minutes of four markets; a broadcast is the arrival of a signal."""
    from deploy.topics.refdata import read_seeds
    from gateway.app import create_app
    from gateway.settings import GatewaySettings
    from gateway.views.arrival import Arrival
    from schemas.topics import SIGNALS
    from tests.build import explanation, serving, signal, status
    from tests.fakes.gateway import FakeBus, live

    bus = FakeBus()
    app = create_app(GatewaySettings(**settings), bus)

    start = bus.start

    async def start_filled(inbox: Any) -> None:
        await start(inbox)
        now = time.time_ns() // 1_000_000
        for symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT", "BNBUSDT"):
            bus.feed(*live(symbol), explanation(19, symbol=symbol), appended_ms=now)
        bus.feed(serving(), status(), known_key(now), *read_seeds(now), appended_ms=now)

    bus.start = start_filled  # type: ignore[method-assign]  # the one place that prefills
    record = signal(PAYLOAD_MINUTE)
    encoded = record.encode()

    async def broadcast(number: int) -> None:
        bus.inbox(Arrival(record, encoded, SIGNALS.name, 0, number, 0))

    return app, broadcast


def known_key(now: int) -> AccessKey:
    """The record of ``ACCESS_KEY``."""
    return AccessKey(
        key_id="0123456789",
        name="bench",
        scope="operate",
        secret_sha256=digest(ACCESS_KEY),
        event_time_ms=now,
        created_by="bench",
    )


def filled() -> tuple[Any, Broadcast]:
    """The gateway over 100,000 signals, 10,000 ideas and 10,000 trades; ``/empty`` does nothing."""
    from gateway.envelope import plain
    from gateway.kafka.topics import decode
    from gateway.views.arrival import Arrival
    from schemas.topics import IDEAS_SUPPRESSED
    from tests.bench.filled_views import encoded, signals, suppressed, templates, trades

    app, broadcast = ours()
    views = app.state.ctx.views
    often, seldom = templates(*signals()), templates(*trades())
    for number in range(100_000):
        made = (*often, *seldom) if number >= 90_000 else often
        for offset, (topic, raw) in enumerate(encoded(number, made)):
            views.fold(Arrival(decode(topic, (), raw), raw, topic, 0, offset))
    for totals in suppressed():
        views.fold(Arrival(totals, b"", IDEAS_SUPPRESSED.name))

    async def empty() -> Response:
        return plain(None)

    app.add_api_route("/empty", empty)
    return app, broadcast


def guarded() -> tuple[Any, Broadcast]:
    """The gateway where one has to sign in; its limit counts, and is never reached."""
    return ours(api_keys=True, rate_limit="1000000/minute")


def plain() -> tuple[Any, Broadcast]:
    """One loop over the clients: the peer of the stream."""
    from gateway.stream.signal_stream import encode_message
    from gateway.stream.subscription import encode_cursor
    from tests.build import signal

    clients: set[Any] = set()
    text = encode_message("signal", signal(PAYLOAD_MINUTE).encode(), encode_cursor({0: 1}))

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "websocket":
            return
        await receive()
        await send({"type": "websocket.accept"})
        clients.add(send)
        while (await receive())["type"] != "websocket.disconnect":
            pass
        clients.discard(send)

    async def broadcast(_: int) -> None:
        message = {"type": "websocket.send", "text": text}
        for send in list(clients):
            await send(message)

    return app, broadcast


def naive() -> tuple[Any, Broadcast]:
    """A synchronous route: four boosters by DMatrix and a full-window LSTM for each request."""
    import numpy as np
    import torch
    import xgboost
    from fastapi import FastAPI

    from tests.bench.naive_models import boosters, lstm

    app = FastAPI()
    forests, network = boosters(), lstm()
    rng = np.random.default_rng(5)

    @app.post("/api/v1/predict")
    def predict(body: PredictBody) -> dict[str, Any]:
        row = rng.normal(size=(1, 60)).astype(np.float32)
        chances = np.mean([f.predict(xgboost.DMatrix(row, nthread=1)) for f in forests], axis=0)
        window = torch.from_numpy(rng.normal(size=(1, 64, 60)).astype(np.float32))
        with torch.no_grad():
            pooled = 0.55 * chances[0] + 0.45 * network(window)[0].numpy()
        action = ("SELL", "HOLD", "BUY")[int(pooled.argmax())]
        return {"symbol": body.symbol, "action": action, "confidence": float(pooled.max())}

    async def broadcast(_: int) -> None: ...

    return app, broadcast


KINDS = {"ours": ours, "filled": filled, "guarded": guarded, "plain": plain, "naive": naive}

if __name__ == "__main__":
    # Lines of a log would stand among the answers.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    os.sched_setaffinity(0, {0})
    asyncio.run(serve(*KINDS[sys.argv[1]]()))
