"""Tickets: what a page shows once, within seconds, to open a stream as the one who asked for it."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import asdict

import orjson

from gateway.access.principal import Principal, unauthenticated
from gateway.cache import Cache

LAST_S = 30
PREFIX = "ticket:"


class Tickets:
    """Tickets that were issued and not used; every replica sees them where Redis is set."""

    def __init__(self, cache: Cache, wall_ms: Callable[[], int]) -> None:
        self._cache = cache
        self._wall_ms = wall_ms

    async def issue(self, principal: Principal) -> str:
        """Return a new ticket of somebody, good once and for ``LAST_S``."""
        ticket = secrets.token_urlsafe(32)
        until_ms = self._wall_ms() + LAST_S * 1000
        body = orjson.dumps({"principal": asdict(principal), "until_ms": until_ms})
        await self._cache.put(_name(ticket), body, LAST_S)
        return ticket

    async def redeem(self, ticket: str) -> Principal:
        """Return whose a ticket is, and forget it; raises ``Denied`` for one that is not good."""
        body = await self._cache.take(_name(ticket))
        if body is None:
            raise unauthenticated("the ticket is unknown, or was used")
        stored = orjson.loads(body)
        if stored["until_ms"] <= self._wall_ms():
            raise unauthenticated("the ticket has expired")
        return Principal(**stored["principal"])


def _name(ticket: str) -> str:
    return PREFIX + hashlib.sha256(ticket.encode()).hexdigest()
