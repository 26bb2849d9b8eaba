"""The venue's WebSockets: subscriptions in, market events out."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from aiohttp import WSMsgType, web

from workers.simulator.protocol.frames import FrameSource
from workers.simulator.protocol.hub import GOING_AWAY, Connection
from workers.simulator.protocol.query import VENUE
from workers.simulator.protocol.venue import Venue

TICK_SECONDS = 0.025
UPDATE_SECONDS = 0.25  # between two updates of an unfinished bar, as on the venue
HEARTBEAT_SECONDS = 180.0  # the venue pings every three minutes


async def pump(venue: Venue) -> None:
    """Send market events to their subscribers as simulated time passes, until cancelled."""
    source = FrameSource(venue.market, venue.clock.now_ms())
    while True:
        await asyncio.sleep(TICK_SECONDS)
        now_ms = venue.clock.now_ms()
        _disconnect(venue, now_ms)
        for delivery in venue.faults.released(now_ms):
            venue.hub.publish(delivery.stream, delivery.text)
        update_ms = int(UPDATE_SECONDS * 1000.0 * venue.clock.speed)
        for frame in source.advance(now_ms, venue.hub.subscribed(), update_ms):
            for delivery in venue.faults.admit(frame, now_ms):
                venue.hub.publish(delivery.stream, delivery.text)


def _disconnect(venue: Venue, now_ms: int) -> None:
    fault = venue.faults.disconnects(now_ms)
    if fault is None:
        return
    for connection in list(venue.hub.connections):
        if fault.abrupt:
            connection.abort()
        else:
            venue.hub.close(connection, GOING_AWAY)


async def market_socket(request: web.Request) -> web.WebSocketResponse:
    """Market streams: klines, aggregate trades and mark prices."""
    return await _converse(request, delivers=True)


async def silent_socket(request: web.Request) -> web.WebSocketResponse:
    """A root that accepts market streams and never delivers them, as on the venue."""
    return await _converse(request, delivers=False)


async def _converse(request: web.Request, *, delivers: bool) -> web.WebSocketResponse:
    venue = request.app[VENUE]
    if venue.faults.refuses_sockets(venue.clock.now_ms()):
        raise web.HTTPServiceUnavailable
    socket = web.WebSocketResponse(heartbeat=HEARTBEAT_SECONDS)
    await socket.prepare(request)
    transport = request.transport
    abort = transport.abort if transport is not None else lambda: None
    combined = request.path.rstrip("/").endswith("/stream")
    connection = Connection(socket, abort, delivers=delivers, combined=combined)
    named = request.query.get("streams", "") or request.match_info.get("stream", "")
    venue.hub.connections.add(connection)
    # A path such as /market/ws/0 only numbers the connection.
    venue.hub.subscribe(connection, [name for name in named.split("/") if "@" in name])
    writer = asyncio.create_task(connection.write())
    try:
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                connection.put(orjson.dumps(_answer(venue, connection, message.data)).decode())
    finally:
        venue.hub.drop(connection)
        writer.cancel()
        await asyncio.gather(writer, return_exceptions=True)
    return socket


def _answer(venue: Venue, connection: Connection, text: str) -> dict[str, Any]:
    try:
        command = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {"error": {"code": 3, "msg": "Invalid JSON: expected value at line 1 column 1"}}
    command = command if isinstance(command, dict) else {}
    method, names, number = (command.get(name) for name in ("method", "params", "id"))
    if method == "LIST_SUBSCRIPTIONS":
        return {"result": sorted(connection.streams), "id": number}
    if method not in ("SUBSCRIBE", "UNSUBSCRIBE"):
        return {
            "error": {"code": 2, "msg": f"Invalid request: unknown method {method}"},
            "id": number,
        }
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        message = "Invalid request: params must be an array of stream names"
        return {"error": {"code": 2, "msg": message}, "id": number}
    change = venue.hub.subscribe if method == "SUBSCRIBE" else venue.hub.unsubscribe
    change(connection, names)
    return {"result": None, "id": number}


ROUTES = [
    web.get("/market/ws", market_socket),
    web.get("/market/ws/{stream:.*}", market_socket),
    web.get("/market/stream", market_socket),
    web.get("/public/ws", silent_socket),
    web.get("/public/ws/{stream:.*}", silent_socket),
    web.get("/public/stream", silent_socket),
    web.get("/ws", silent_socket),
    web.get("/ws/{stream:.*}", silent_socket),
    web.get("/stream", silent_socket),
]
