"""Read routes over full views against an empty route, and views rebuilt against decoding alone.

The bars are what is allowed: three times an empty route's p99 at 20 connections, 1.3 times the time
of decoding.
"""

from __future__ import annotations

import asyncio
import gc
import os
import time
from collections.abc import Iterator
from itertools import islice

import uvloop

from deploy.cli.load_client import percentile, read_answer
from gateway.kafka.bus import POLL_RECORDS
from gateway.kafka.topics import decode
from gateway.views.arrival import Arrival
from gateway.views.read_model import ReadModel
from schemas.timeframes import HOUR_MS
from streams.runtime.garbage import collect_seldom
from tests.bench.bench_gateway import CONNECTIONS, Server, say_ms, server
from tests.bench.filled_views import encoded, signals, templates, trades
from tests.bench.race import Row, row

REQUESTS = 2_000
ROUNDS = 5
EMPTY = "/empty"
ROUTES = (
    "/api/signals?timeframe=1h&limit=10",
    "/api/ideas?limit=10",
    "/api/ideas/suppressed",
    "/api/trades?limit=10",
    "/api/trades/performance",
    "/api/performance?by=regime",
    "/api/performance?by=hour&ticker=BTC-USD",
    "/api/performance/summary",
)
RECORDS, CHUNK = 1_000_000, 50_000


def rows() -> list[Row]:
    """Run both."""
    os.sched_setaffinity(0, os.sched_getaffinity(0) - {0} or {0})  # the server has core 0
    return [*reads(), rebuilt()]


def reads() -> list[Row]:
    """P99 of each route, after it has been asked once."""
    table = []
    with server("filled") as one:
        for path in ROUTES:
            empty, full = [], []
            for _ in range(ROUNDS + 1):
                empty.append(p99_ms(one, EMPTY))
                full.append(p99_ms(one, path))
            say_ms(f"{path} p99", full[1:], empty[1:])
            ratios = [one / other for one, other in zip(empty[1:], full[1:], strict=True)]
            table.append(row(f"{path} p99", "an empty route", ratios, 1 / 3))
    return table


def p99_ms(one: Server, path: str) -> float:
    """Return the p99 of many requests over 20 connections."""
    return percentile(sorted(uvloop.run(_ask(one.port, path))), 99)


async def _ask(port: int, path: str) -> list[float]:
    message = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
    latencies_ms: list[float] = []
    queue = iter(range(REQUESTS))

    async def connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        for _ in queue:
            started = time.perf_counter()
            writer.write(message)
            status, body = await read_answer(reader)
            latencies_ms.append((time.perf_counter() - started) * 1000)
            assert status == 200, body
        writer.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(CONNECTIONS):
            group.create_task(connection())
    return latencies_ms


def rebuilt() -> Row:
    """Decoding and folding, against decoding: the same records one after the other."""
    views, ratios = ReadModel((HOUR_MS,)), []
    records = _records()
    collect_seldom()  # as the gateway does
    for _ in range(RECORDS // CHUNK):
        chunk = list(islice(records, CHUNK))
        started = time.process_time()
        for topic, raw in chunk:
            decode(topic, (), raw)
        decoded = time.process_time()
        for offset, (topic, raw) in enumerate(chunk):
            views.fold(Arrival(decode(topic, (), raw), raw, topic, 0, offset))
            if offset % POLL_RECORDS == 0:
                gc.freeze()  # so does its bus
        ratios.append((decoded - started) / (time.process_time() - decoded))
    return row(f"views of {RECORDS:,} records", "decoding them", ratios, 1 / 1.3)


def _records() -> Iterator[tuple[str, bytes]]:
    """Yield nine signals and scores for each idea and each trade of the journal."""
    often, seldom = templates(*signals()), templates(*trades())
    for number in range(RECORDS):
        yield from encoded(number, often if number % 9 else (*often, *seldom))
