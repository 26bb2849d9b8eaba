"""Cache of explanations and override predictions, which every replica would ask for again.

It lives in memory by default, and in Redis where one is set, so that replicas share it. A key names
the bar and the model version, so that an entry never becomes wrong. Unused entries expire.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from redis.asyncio import Redis

LIMIT = 10_000  # entries in memory
EXPIRY_S = 3_600
PREFIX = "regimeflow:"


class Cache(Protocol):
    """Encoded records by key."""

    @property
    def state(self) -> Literal["memory", "redis", "degraded"]:
        """Where entries are kept; degraded: in memory, because Redis is away."""
        ...

    async def get(self, key: str) -> bytes | None:
        """Return the entry; None without one."""
        ...

    async def put(self, key: str, entry: bytes, expiry_s: int = EXPIRY_S) -> None:
        """Keep an entry; in memory until newer ones push it out."""
        ...

    async def take(self, key: str) -> bytes | None:
        """Return the entry and forget it: one caller alone gets it; None without one."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


class MemoryCache:
    """The newest ``LIMIT`` entries of this process."""

    state: Literal["memory", "redis", "degraded"] = "memory"

    def __init__(self) -> None:
        self._entries: OrderedDict[str, bytes] = OrderedDict()

    async def get(self, key: str) -> bytes | None:
        """Return the entry; None when there is none."""
        return self._entries.get(key)

    async def put(self, key: str, entry: bytes, expiry_s: int = EXPIRY_S) -> None:  # noqa: ARG002
        """Keep an entry, dropping the oldest when full."""
        self._entries[key] = entry
        self._entries.move_to_end(key)
        if len(self._entries) > LIMIT:
            self._entries.popitem(last=False)

    async def take(self, key: str) -> bytes | None:
        """Return the entry and forget it; None when there is none."""
        return self._entries.pop(key, None)

    async def close(self) -> None:
        """Nothing to release."""


class RedisCache:
    """Entries in Redis, and in memory while Redis is away."""

    def __init__(self, url: str, timeout_s: float = 0.05) -> None:
        from redis.asyncio import Redis  # noqa: PLC0415 - loaded only where a Redis is set

        self._redis: Redis = Redis.from_url(
            url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s
        )
        self._memory = MemoryCache()
        self.state: Literal["memory", "redis", "degraded"] = "redis"

    async def get(self, key: str) -> bytes | None:
        """Return the entry; None when there is none."""
        from redis.exceptions import RedisError  # noqa: PLC0415 - loaded only where a Redis is set

        try:
            entry = await self._redis.get(PREFIX + key)
        except RedisError:
            self.state = "degraded"
            return await self._memory.get(key)
        self.state = "redis"
        return entry if isinstance(entry, bytes) else await self._memory.get(key)

    async def take(self, key: str) -> bytes | None:
        """Return the entry and forget it; None when there is none."""
        from redis.exceptions import RedisError  # noqa: PLC0415 - loaded only where a Redis is set

        entry: object = None
        try:
            entry = await self._redis.getdel(PREFIX + key)
        except RedisError:
            self.state = "degraded"
        return entry if isinstance(entry, bytes) else await self._memory.take(key)

    async def put(self, key: str, entry: bytes, expiry_s: int = EXPIRY_S) -> None:
        """Keep an entry for as long as it says."""
        from redis.exceptions import RedisError  # noqa: PLC0415 - loaded only where a Redis is set

        try:
            await self._redis.set(PREFIX + key, entry, ex=expiry_s)
        except RedisError:
            self.state = "degraded"
            await self._memory.put(key, entry)
        else:
            self.state = "redis"

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()


def open_cache(url: str | None) -> Cache:
    """Return the shared cache when one is set, else memory."""
    return MemoryCache() if url is None else RedisCache(url)
