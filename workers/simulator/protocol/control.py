"""The simulator's own routes under /sim/: no part of the venue's protocol."""

from __future__ import annotations

from typing import Any

import orjson
from aiohttp import web

from workers.simulator.market import BAR_MS, EPOCH_MS, REGIMES
from workers.simulator.protocol import payloads
from workers.simulator.protocol.query import VENUE, VenueError, integer, reply, symbol_of

MAX_REGIME_BARS = 50_000


async def show_clock(request: web.Request) -> web.Response:
    """GET /sim/clock: simulated time, speed and whether it stands still."""
    clock = request.app[VENUE].clock
    return reply({"now_ms": clock.now_ms(), "speed": clock.speed, "paused": clock.paused})


async def set_clock(request: web.Request) -> web.Response:
    """POST /sim/clock with ``speed`` and/or ``paused``."""
    clock, wish = request.app[VENUE].clock, await _body(request)
    if not wish.keys() <= {"speed", "paused"}:
        raise VenueError(-1104, f"expected speed and/or paused, got {', '.join(sorted(wish))}")
    try:
        if "speed" in wish:
            clock.set_speed(float(wish["speed"]))
    except (TypeError, ValueError) as error:
        raise VenueError(-1102, str(error)) from None
    if "paused" in wish:
        (clock.pause if wish["paused"] is True else clock.resume)()
    return await show_clock(request)


async def true_regimes(request: web.Request) -> web.Response:
    """GET /sim/regimes: true regime of each closed minute, startTime <= open < endTime."""
    venue, symbol = request.app[VENUE], symbol_of(request)
    now = payloads.bar_at(venue.clock.now_ms())
    start, end = integer(request, "startTime"), integer(request, "endTime")
    first = 0 if start is None else max(0, -((EPOCH_MS - start) // BAR_MS))
    last = now if end is None else min(now, -((EPOCH_MS - end) // BAR_MS))
    last = min(max(first, last), first + MAX_REGIME_BARS)
    bars = venue.market.bars(symbol, first, last)
    names = [REGIMES[i] for i in bars.regimes.tolist()]
    return reply({"symbol": symbol, "open_time_ms": bars.open_time_ms.tolist(), "regime": names})


async def show_requests(request: web.Request) -> web.Response:
    """GET /sim/requests: counts by path, and the writes that were refused."""
    venue = request.app[VENUE]
    return reply({"by_path": dict(venue.requests), "refused_writes": venue.refused_writes})


async def _body(request: web.Request) -> dict[str, Any]:
    try:
        body = orjson.loads(await request.read())
    except orjson.JSONDecodeError as error:
        raise VenueError(-1100, f"body is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise VenueError(-1100, "expected a JSON object as body")
    return body


ROUTES = [
    web.get("/sim/clock", show_clock),
    web.post("/sim/clock", set_clock),
    web.get("/sim/regimes", true_regimes),
    web.get("/sim/requests", show_requests),
]
