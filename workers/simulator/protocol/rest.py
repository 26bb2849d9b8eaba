"""The venue's REST routes for market data, and the guard before every route."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from workers.simulator import funding
from workers.simulator.candles import HOUR_BARS
from workers.simulator.faults import Fault, unrevised_row
from workers.simulator.market import BAR_MS, EPOCH_MS
from workers.simulator.protocol import payloads
from workers.simulator.protocol.payloads import INTERVAL_BARS
from workers.simulator.protocol.query import (
    VENUE,
    VenueError,
    integer,
    listed_symbol,
    page_limit,
    reply,
)
from workers.simulator.protocol.venue import Venue

CONTROL = "/sim/"  # routes that the real venue does not have
MAX_KLINES = 1500
MAX_TRADES = 1000
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def guard(request: web.Request, handler: Answer) -> web.StreamResponse:
    """Refuse writes, count request weight, and answer errors in the venue's form."""
    venue = request.app[VENUE]
    if (
        request.path.startswith(CONTROL)
        or "upgrade" in request.headers.get("Connection", "").lower()
    ):
        return await _venue_errors(request, handler)
    if request.method != "GET":
        venue.refused_writes += 1
        return reply({"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}, 403)
    venue.requests[request.path] += 1
    used = venue.spend(_weight(request))
    if used > venue.weight_limit:
        wait = str(venue.seconds_to_next_minute())
        body = {"code": -1003, "msg": f"Too many requests; current limit is {venue.weight_limit}."}
        return _with_weight(reply(body, 429, {"Retry-After": wait}), used)
    now_ms, symbol = venue.clock.now_ms(), request.query.get("symbol")
    fault = venue.faults.request_fault("http_error", request.path, symbol, now_ms)
    if fault is not None:
        return _with_weight(_refusal(fault), used)
    answer = await _venue_errors(request, handler)
    fault = venue.faults.request_fault("malformed", request.path, symbol, now_ms)
    if fault is not None:
        answer = _broken(fault)
    return _with_weight(answer, used)


def _refusal(fault: Fault) -> web.Response:
    headers = {} if fault.retry_after_s is None else {"Retry-After": str(fault.retry_after_s)}
    if fault.status in (418, 429):
        text = "Way too many requests; IP banned." if fault.status == 418 else "Too many requests."
        return reply({"code": -1003, "msg": text}, fault.status, headers)
    return reply({"code": -1000, "msg": "An unknown error occurred."}, fault.status, headers)


def _broken(fault: Fault) -> web.Response:
    body = b"[[9, null, null" if fault.form == "truncated" else b"[[9, null, null, null, null]]"
    return web.Response(body=body, content_type="application/json")


async def unknown_route(request: web.Request) -> web.Response:
    """Any route that the simulator does not have."""
    raise VenueError(-5000, f"Path {request.path}, Method {request.method} is invalid", 404)


async def ping(_: web.Request) -> web.Response:
    """GET /fapi/v1/ping."""
    return reply({})


async def server_time(request: web.Request) -> web.Response:
    """GET /fapi/v1/time."""
    return reply({"serverTime": request.app[VENUE].shown_now_ms()})


async def exchange_info(request: web.Request) -> web.Response:
    """GET /fapi/v1/exchangeInfo."""
    venue = request.app[VENUE]
    now_ms = venue.shown_now_ms()
    return reply(payloads.exchange_info(venue.market, venue.weight_limit, now_ms))


async def klines(request: web.Request) -> web.Response:
    """GET /fapi/v1/klines."""
    return reply(await _kline_page(request, mark=False))


async def mark_klines(request: web.Request) -> web.Response:
    """GET /fapi/v1/markPriceKlines."""
    return reply(await _kline_page(request, mark=True))


async def _kline_page(request: web.Request, *, mark: bool) -> list[list[Any]]:
    venue, symbol = request.app[VENUE], listed_symbol(request)
    interval = request.query.get("interval", "")
    now_ms, faults = venue.clock.now_ms(), venue.faults
    if interval not in INTERVAL_BARS or faults.lacks(symbol, interval, now_ms):
        raise VenueError(-1120, "Invalid interval.")
    bars = INTERVAL_BARS[interval]
    limit = page_limit(request, 500, MAX_KLINES)
    start_ms, end_ms = integer(request, "startTime"), integer(request, "endTime")
    traded_ms = venue.market.traded_ms(symbol, now_ms)
    first, last = payloads.window(bars, start_ms, end_ms, limit, traded_ms)
    if bars % HOUR_BARS == 0:
        await _generate_days(venue, symbol, first, last)
    candles = venue.history.candles(symbol, first, last, bars, now_ms)
    if mark:
        rows = payloads.mark_rows(first, bars, candles)
    else:
        rows = payloads.kline_rows(venue.market.contract(symbol), first, bars, candles)
        rows = [unrevised_row(r) if faults.differs(symbol, r[0], interval) else r for r in rows]
    return [row for row in rows if not faults.hidden(symbol, row[0], interval)]


async def _generate_days(venue: Venue, symbol: str, first: int, last: int) -> None:
    """Generate what a page needs a day at a time; the streams go on in between."""
    for day in venue.history.missing(symbol, first, last):
        venue.history.day(symbol, day)
        await asyncio.sleep(0)


async def agg_trades(request: web.Request) -> web.Response:
    """GET /fapi/v1/aggTrades."""
    venue, symbol = request.app[VENUE], listed_symbol(request)
    query = (
        integer(request, "fromId"),
        integer(request, "startTime"),
        integer(request, "endTime"),
    )
    limit, now_ms = page_limit(request, 500, MAX_TRADES), venue.clock.now_ms()
    rows = payloads.agg_trades(venue.market, symbol, query, limit, now_ms)
    return reply([row for row in rows if not venue.faults.hidden(symbol, row["T"])])


async def premium_index(request: web.Request) -> web.Response:
    """GET /fapi/v1/premiumIndex: an object for one symbol, else a list."""
    venue = request.app[VENUE]
    now_ms = venue.clock.now_ms()
    if "symbol" in request.query:
        return reply(payloads.premium_index(venue.market, listed_symbol(request), now_ms))
    return reply([payloads.premium_index(venue.market, s, now_ms) for s in venue.market.symbols])


async def funding_rate(request: web.Request) -> web.Response:
    """GET /fapi/v1/fundingRate."""
    venue, now_ms = request.app[VENUE], request.app[VENUE].clock.now_ms()
    symbols = (listed_symbol(request),) if "symbol" in request.query else venue.market.symbols
    limit, start = page_limit(request, 100, 1000), integer(request, "startTime")
    end = integer(request, "endTime")
    span = (start, now_ms if end is None else min(now_ms, end))
    rows: list[payloads.Json] = [
        {
            "symbol": symbol,
            "fundingTime": past.time_ms,
            "fundingRate": f"{past.rate:.8f}",
            "markPrice": f"{past.mark:.{payloads.MARK_DECIMALS}f}",
        }
        for symbol in symbols
        for past in await _settlements(venue, symbol, span, limit)
    ]
    rows.sort(key=lambda row: row["fundingTime"])
    return reply(rows[-limit:] if start is None else rows[:limit])


async def _settlements(
    venue: Venue, symbol: str, span: tuple[int | None, int], limit: int
) -> list[funding.Settlement]:
    """Return the oldest settlements of a span, the newest where it has no start."""
    start, end = span
    page_ms = limit * funding.interval_bars(venue.market, symbol) * BAR_MS
    first = max(EPOCH_MS, end - page_ms if start is None else start)
    last = min(end, first + page_ms)
    await _generate_days(venue, symbol, payloads.bar_at(first - 1), payloads.bar_at(last))
    return venue.history.settlements(symbol, first, last)


async def funding_info(request: web.Request) -> web.Response:
    """GET /fapi/v1/fundingInfo: interval and cap by symbol."""
    market = request.app[VENUE].market
    return reply(
        [
            {
                "symbol": symbol,
                "adjustedFundingRateCap": f"{funding.CAP:.8f}",
                "adjustedFundingRateFloor": f"{-funding.CAP:.8f}",
                "fundingIntervalHours": market.contract(symbol).funding_interval_hours,
            }
            for symbol in market.symbols
        ]
    )


async def open_interest(request: web.Request) -> web.Response:
    """GET /fapi/v1/openInterest: the volume of two days stands in for it."""
    venue, symbol = request.app[VENUE], listed_symbol(request)
    now_ms = venue.clock.now_ms()
    bar = payloads.bar_at(now_ms)
    interest = float(venue.market.bars(symbol, max(0, bar - 2 * 1440), bar).volume.sum())
    places = venue.market.contract(symbol).quantity_decimals
    return reply({"symbol": symbol, "openInterest": f"{interest:.{places}f}", "time": now_ms})


def _weight(request: web.Request) -> int:
    path = request.path
    if path in ("/fapi/v1/klines", "/fapi/v1/markPriceKlines"):
        text = request.query.get("limit", "")
        limit = int(text) if text.isdecimal() else 500
        return next(w for most, w in ((99, 1), (499, 2), (1000, 5), (10**9, 10)) if limit <= most)
    if path == "/fapi/v1/aggTrades":
        return 20
    if path == "/fapi/v1/premiumIndex":
        return 1 if "symbol" in request.query else 10
    if path == "/fapi/v1/income":
        return 30
    return 5 if path.startswith(("/fapi/v2", "/fapi/v3")) else 1


def _with_weight(response: web.StreamResponse, used: int) -> web.StreamResponse:
    response.headers["X-MBX-USED-WEIGHT-1M"] = str(used)
    return response


async def _venue_errors(request: web.Request, answer: Answer) -> web.StreamResponse:
    try:
        return await answer(request)
    except VenueError as error:
        return reply({"code": error.code, "msg": error.message}, error.status)


ROUTES = [
    web.get("/fapi/v1/ping", ping),
    web.get("/fapi/v1/time", server_time),
    web.get("/fapi/v1/exchangeInfo", exchange_info),
    web.get("/fapi/v1/klines", klines),
    web.get("/fapi/v1/markPriceKlines", mark_klines),
    web.get("/fapi/v1/aggTrades", agg_trades),
    web.get("/fapi/v1/premiumIndex", premium_index),
    web.get("/fapi/v1/fundingRate", funding_rate),
    web.get("/fapi/v1/fundingInfo", funding_info),
    web.get("/fapi/v1/openInterest", open_interest),
]
