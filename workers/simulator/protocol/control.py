"""Routes under /sim/ that control the simulator; the real venue has none of them."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import orjson
from aiohttp import web
from pydantic import ValidationError

from workers.simulator.faults import Fault, ScheduledFault
from workers.simulator.market import BAR_MS, EPOCH_MS
from workers.simulator.model import REGIMES
from workers.simulator.protocol import payloads
from workers.simulator.protocol.query import VENUE, VenueError, integer, listed_symbol, reply
from workers.simulator.truth import true_parameters

MAX_REGIME_BARS = 50_000


async def show_clock(request: web.Request) -> web.Response:
    """GET /sim/clock: simulated time, speed and whether it stands still."""
    clock = request.app[VENUE].clock
    return reply({"now_ms": clock.now_ms(), "speed": clock.speed, "paused": clock.paused})


async def set_clock(request: web.Request) -> web.Response:
    """POST /sim/clock with ``speed`` and/or ``paused``."""
    clock, change = request.app[VENUE].clock, await _body(request)
    if not change.keys() <= {"speed", "paused"}:
        raise VenueError(-1104, f"expected speed and/or paused, got {', '.join(sorted(change))}")
    try:
        if "speed" in change:
            clock.set_speed(float(change["speed"]))
    except (TypeError, ValueError) as error:
        raise VenueError(-1102, str(error)) from None
    if "paused" in change:
        (clock.pause if change["paused"] is True else clock.resume)()
    return await show_clock(request)


async def true_regimes(request: web.Request) -> web.Response:
    """GET /sim/regimes: true regime of each closed minute, startTime <= open < endTime."""
    venue, symbol = request.app[VENUE], listed_symbol(request)
    now = payloads.bar_at(venue.clock.now_ms())
    start, end = integer(request, "startTime"), integer(request, "endTime")
    first = 0 if start is None else max(0, -((EPOCH_MS - start) // BAR_MS))
    last = now if end is None else min(now, -((EPOCH_MS - end) // BAR_MS))
    last = min(max(first, last), first + MAX_REGIME_BARS)
    bars = venue.market.bars(symbol, first, last)
    names = [REGIMES[i] for i in bars.regimes.tolist()]
    return reply({"symbol": symbol, "open_time_ms": bars.open_time_ms.tolist(), "regime": names})


async def parameters(request: web.Request) -> web.Response:
    """GET /sim/parameters: the true parameters of a symbol's bars."""
    truth = true_parameters(request.app[VENUE].market, listed_symbol(request))
    values = dataclasses.asdict(truth)
    shown = {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in values.items()}
    return reply({"regimes": REGIMES, **shown})


async def show_faults(request: web.Request) -> web.Response:
    """GET /sim/faults: the scheduled faults and how often each has struck."""
    rows = request.app[VENUE].faults.scheduled.values()
    return reply([_fault_row(row) for row in rows])


async def add_fault(request: web.Request) -> web.Response:
    """POST /sim/faults with the fields of ``Fault``."""
    venue = request.app[VENUE]
    try:
        fault = Fault.model_validate_json(await request.read())
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise VenueError(-1102, f"fault {where}: {first['msg']}") from None
    if fault.symbol is not None and fault.symbol not in venue.market.symbols:
        raise VenueError(-1121, "Invalid symbol.")
    return reply(_fault_row(venue.faults.add(fault, venue.clock.now_ms())))


async def end_faults(request: web.Request) -> web.Response:
    """DELETE /sim/faults: end all of them."""
    request.app[VENUE].faults.clear()
    return reply([])


def _fault_row(row: ScheduledFault) -> dict[str, Any]:
    shown = row.fault.model_dump()
    return {**shown, "id": row.number, "from_ms": row.from_ms, "hits": row.hits}


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
    web.get("/sim/faults", show_faults),
    web.post("/sim/faults", add_fault),
    web.delete("/sim/faults", end_faults),
    web.get("/sim/parameters", parameters),
    web.get("/sim/requests", show_requests),
]
