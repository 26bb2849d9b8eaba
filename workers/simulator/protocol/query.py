"""Parameters of a request and the form of a reply, as on the venue."""

from __future__ import annotations

from typing import Any

import orjson
from aiohttp import web

from workers.simulator.protocol.venue import Venue

VENUE = web.AppKey("venue", Venue)


class VenueError(Exception):
    """An error in the form of the venue."""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


def listed_symbol(request: web.Request) -> str:
    """Return the listed symbol of a request; raises VenueError -1102 or -1121."""
    symbol = request.query.get("symbol")
    if symbol is None:
        raise VenueError(-1102, "Mandatory parameter 'symbol' was not sent.")
    if symbol not in request.app[VENUE].market.symbols:
        raise VenueError(-1121, "Invalid symbol.")
    return symbol


def integer(request: web.Request, name: str) -> int | None:
    """Return a whole-number parameter, None when not sent; raises VenueError -1100."""
    text = request.query.get(name)
    if text is None:
        return None
    if not text.isascii() or not text.isdigit():
        raise VenueError(-1100, f"Illegal characters found in parameter '{name}'.")
    return int(text)


def page_limit(request: web.Request, default: int, most: int) -> int:
    """Return the number of rows, at most ``most``; raises VenueError -1130."""
    limit = integer(request, "limit")
    if limit is None:
        return default
    if limit == 0:
        raise VenueError(-1130, "Data sent for parameter 'limit' is not valid.")
    return min(limit, most)


def reply(
    body: dict[str, Any] | list[Any], status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    """Return a JSON response."""
    return web.Response(
        body=orjson.dumps(body), status=status, content_type="application/json", headers=headers
    )
