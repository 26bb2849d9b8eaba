"""What it costs to know who asks: one token that was seen before, and reads with a key.

The bar of a warm token is 100 us; milliseconds of both are printed.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import statistics
import time
from urllib.parse import SplitResult, urlsplit

import jwt
import uvloop

from deploy.cli.load_client import percentile, read_answer
from deploy.local.gateway_request import KEY_HEADER
from gateway.access.jwks import ALGORITHMS, IssuerKeys
from gateway.access.tokens import TokenRules, TokenVerifier
from gateway.envelope import wall_ms
from tests.bench.bench_gateway import CONNECTIONS, ROUNDS, say_ms, server
from tests.bench.gateway_server import ACCESS_KEY
from tests.bench.race import Row, row
from tests.fakes.issuer import AUDIENCE, FakeIssuer

TOKENS = 2_000
READS = 2_000
LONGEST_WARM_S = 100e-6
PATHS = ("/api/v1/models", "/api/signals?limit=5", "/api/bars/BTC-USD?limit=5")


def rows() -> list[Row]:
    """Run both."""
    os.sched_setaffinity(0, os.sched_getaffinity(0) - {0} or {0})  # the server has core 0
    return [uvloop.run(warm_token()), reads()]


async def warm_token() -> Row:
    """Check one token again and again: by its hash, against a signature each time."""
    issuer = FakeIssuer()
    rules = TokenRules(issuer.url, AUDIENCE)
    verifier = TokenVerifier(rules, IssuerKeys(issuer.url, fetch=issuer.fetch), wall_ms)
    token, public = issuer.token(), issuer.keys["first"][0].public_key()
    assert (await verifier.check(token)).subject == "user-1"
    ours, peer = [], []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for _ in range(TOKENS):
            await verifier.check(token)
        ours.append((time.perf_counter() - started) / TOKENS)
        started = time.perf_counter()
        for _ in range(TOKENS // 10):
            jwt.decode(token, public, algorithms=list(ALGORITHMS), audience=AUDIENCE)
        peer.append((time.perf_counter() - started) / (TOKENS // 10))
    say_ms("warm token", [each * 1000 for each in ours], [each * 1000 for each in peer])
    assert statistics.median(ours) < LONGEST_WARM_S
    ratios = [theirs / mine for mine, theirs in zip(ours, peer, strict=True)]
    return row("token seen before", "PyJWT, each time", ratios, 5.0)


def reads() -> Row:
    """Read with an API key at 20 connections, against the same without."""
    guarded, open_ = [], []
    with server("guarded") as ours, server("ours") as peer:
        for _ in range(ROUNDS + 1):
            guarded.append(p50_ms(ours.port, f"{KEY_HEADER}: {ACCESS_KEY}\r\n"))
            open_.append(p50_ms(peer.port, ""))
    guarded, open_ = guarded[1:], open_[1:]
    say_ms("reads P50", guarded, open_)
    ratios = [theirs / mine for mine, theirs in zip(guarded, open_, strict=True)]
    return row("reads with a key P50", "without sign-in", ratios, 0.8)


def p50_ms(port: int, shown: str) -> float:
    """Return the median latency of reads over all connections."""
    latencies: list[float] = uvloop.run(_read_all(urlsplit(f"http://127.0.0.1:{port}"), shown))
    return percentile(sorted(latencies), 50) * 1000


async def _read_all(target: SplitResult, shown: str) -> list[float]:
    paths, latencies = itertools.cycle(PATHS), list[float]()

    async def one_connection() -> None:
        reader, writer = await asyncio.open_connection(target.hostname, target.port)
        for path in itertools.islice(paths, READS // CONNECTIONS):
            head = f"GET {path} HTTP/1.1\r\nHost: {target.netloc}\r\n{shown}\r\n"
            started = time.perf_counter()
            writer.write(head.encode())
            status, body = await read_answer(reader)
            latencies.append(time.perf_counter() - started)
            assert status == 200, json.loads(body)
        writer.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(CONNECTIONS):
            group.create_task(one_connection())
    return latencies
