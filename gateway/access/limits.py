"""How often one may ask: a moving window for each principal, or each address where nobody is known.

Windows lie in Redis where one is set, so that all replicas count together, else in memory. While
Redis is away each replica counts for itself.
"""

from __future__ import annotations

import math
import time
from typing import Any, Literal

import structlog
from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter

from gateway.access.principal import Denied

TIMEOUT_S = 0.05
RETRY_S = 5.0  # on memory, before Redis is tried again
KEY_PREFIX = "regimeflow:limits"

log = structlog.get_logger()


class RateLimits:
    """The windows of one limit.

    Args:
        limit: Such as ``600/minute``; None: no limit.
        redis_url: Of a shared Redis; None: memory.
    """

    def __init__(self, limit: str | None, redis_url: str | None) -> None:
        self._limit: RateLimitItem | None = parse(limit) if limit else None
        self._memory = MovingWindowRateLimiter(MemoryStorage())
        self._redis: MovingWindowRateLimiter | None = None
        self._storage: RedisStorage | None = None
        if self._limit is not None and redis_url is not None:
            self._storage = _redis_storage(redis_url)
            self._redis = MovingWindowRateLimiter(self._storage)
        self._retry_s = 0.0

    @property
    def state(self) -> Literal["off", "memory", "redis", "degraded"]:
        """Where windows are counted; degraded: in memory, because Redis is away."""
        if self._limit is None:
            return "off"
        if self._redis is None:
            return "memory"
        return "degraded" if self._retry_s else "redis"

    async def count(self, who: str) -> None:
        """Count one request; raises ``Denied`` with 429 beyond the limit."""
        if self._limit is None:
            return
        windows = self._shared()
        if windows is not None:
            try:
                await self._hit(windows, self._limit, who)
            except Denied:
                raise
            except Exception as error:  # noqa: BLE001 - whatever a Redis that is away raises
                self._lose(error)
            else:
                self._retry_s = 0.0
                return
        await self._hit(self._memory, self._limit, who)

    async def close(self) -> None:
        """Close the connections."""
        if self._storage is not None:
            redis: Any = self._storage.bridge
            await redis.get_connection().aclose()

    def _shared(self) -> MovingWindowRateLimiter | None:
        return None if time.monotonic() < self._retry_s else self._redis

    def _lose(self, error: Exception) -> None:
        if not self._retry_s:
            log.warning(
                "redis.lost",
                reason=str(error) or type(error).__name__,
                remedy="start Redis, or unset REGIMEFLOW_REDIS_URL; each replica counts for itself",
            )
        self._retry_s = time.monotonic() + RETRY_S

    async def _hit(self, windows: MovingWindowRateLimiter, limit: RateLimitItem, who: str) -> None:
        if await windows.hit(limit, who):
            return
        stats = await windows.get_window_stats(limit, who)
        wait_s = max(1, math.ceil(stats.reset_time - time.time()))
        headers = {
            "Retry-After": str(wait_s),
            "X-RateLimit-Limit": str(limit.amount),
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Reset": str(wait_s),
        }
        raise Denied(429, f"more than {limit}: ask again in {wait_s} s", headers)


def _redis_storage(url: str) -> RedisStorage:
    # The library tells Redis from its twin by the scheme, also of a socket file.
    address = f"redis+{url}" if url.startswith("unix://") else url
    timeouts: Any = {"socket_timeout": TIMEOUT_S, "socket_connect_timeout": TIMEOUT_S}
    return RedisStorage(
        f"async+{address}", implementation="redispy", key_prefix=KEY_PREFIX, **timeouts
    )
