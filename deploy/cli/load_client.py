"""Load test of ``/api/v1/predict``: latencies, success rate, action mix.

The client keeps its connections and speaks a minimum of HTTP/1.1: the test measures the server, not
the client.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import statistics
import time
import urllib.error
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from deploy.local.gateway_request import KEY_HEADER, api_key, open_gateway, refusal_text

PREDICT = "/api/v1/predict"
PERCENTILES = (50, 75, 90, 95, 99)
TIMEOUT_S = 30.0


@dataclass
class LoadResult:
    """The answers to all requests."""

    latencies_ms: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    actions: Counter[str] = field(default_factory=Counter)
    elapsed_s: float = 0.0


def measure_load(
    url: str = "http://localhost:8080",
    requests: int = 1_000,
    concurrent: int = 10,
    output: Path | None = None,
) -> dict[str, Any]:
    """Send predictions for every known symbol in turn and return the report.

    Args:
        url: Where the gateway is.
        requests: How many in all, over all connections.
        concurrent: Open connections, each waiting for its answer before it asks again.
        output: Where the report is written as JSON.

    Raises:
        ValueError: A count is below 1, the URL is no http or https address, or the folder of the
            output does not exist.
        OSError: No gateway answers at the URL.
    """
    if requests < 1 or concurrent < 1:
        raise ValueError(f"requests {requests} and concurrent {concurrent} must be at least 1")
    target = check_target(url, output)
    symbols = known_symbols(url)
    bodies = [json.dumps({"symbol": symbol}).encode() for symbol in symbols]
    load = asyncio.run(send_all(target, bodies, requests, concurrent))
    document = summarise(load) | {"url": url, "concurrent": concurrent, "symbols": symbols}
    if output is not None:
        output.write_text(json.dumps(document, indent=2) + "\n")
    return document


def check_target(url: str, output: Path | None) -> SplitResult:
    """Return the parts of the gateway's address; raises ValueError for a wrong url or output."""
    if output is not None and not output.absolute().parent.is_dir():
        raise ValueError(f"output {output}: expected a file in a folder that exists")
    target = urlsplit(url)
    if target.scheme not in {"http", "https"} or target.hostname is None:
        raise ValueError(f"url {url!r} is no address; expected e.g. http://localhost:8080")
    return target


def known_symbols(url: str) -> list[str]:
    """Return the symbols that the gateway knows; raises ``ValueError`` when it knows none.

    Raises:
        ConnectionError: No gateway answers.
    """
    try:
        with open_gateway(f"{url.rstrip('/')}/api/system/health", 5.0) as reply:
            health = json.load(reply)["data"]
    except urllib.error.HTTPError as refusal:
        raise ValueError(refusal_text(refusal)) from None
    except urllib.error.URLError as error:
        raise ConnectionError(
            f"no gateway at {url} ({error.reason}); start one with `regimeflow run`, or name "
            "another with --url"
        ) from None
    symbols = [row["symbol"] for row in health["symbols"]]
    if not symbols:
        raise ValueError(f"the gateway at {url} has no market yet; wait for the first signal")
    return symbols


async def send_all(
    target: SplitResult, bodies: Sequence[bytes], requests: int, concurrent: int
) -> LoadResult:
    """Send the bodies in turn over ``concurrent`` connections until all requests are answered."""
    load = LoadResult()
    turns = itertools.cycle(bodies)
    queue = iter(range(requests))
    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(min(concurrent, requests)):
            group.create_task(_connection(target, turns, queue, load))
    load.elapsed_s = time.perf_counter() - started
    return load


async def _connection(
    target: SplitResult, turns: itertools.cycle[bytes], queue: Any, load: LoadResult
) -> None:
    port = target.port or (443 if target.scheme == "https" else 80)
    secure, key = target.scheme == "https", api_key()
    reader, writer = await asyncio.open_connection(target.hostname, port, ssl=secure or None)
    try:
        for _ in queue:
            started = time.perf_counter()
            writer.write(_request(target, next(turns), key))
            status, body = await asyncio.wait_for(read_answer(reader), TIMEOUT_S)
            load.latencies_ms.append((time.perf_counter() - started) * 1000)
            load.statuses[status] += 1
            if status == 200:
                load.actions[json.loads(body)["action"]] += 1
    finally:
        writer.close()


def _request(target: SplitResult, body: bytes, key: str) -> bytes:
    shown = f"{KEY_HEADER}: {key}\r\n" if key else ""
    head = (
        f"POST {target.path.rstrip('/')}{PREDICT} HTTP/1.1\r\nHost: {target.netloc}\r\n"
        f"{shown}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Return the status and the body of the next answer on a connection."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    start = head.index(b"content-length:") + len(b"content-length:")
    length = int(head[start : head.index(b"\r\n", start)])
    return int(head[9:12]), await reader.readexactly(length)


def summarise(load: LoadResult) -> dict[str, Any]:
    """Return percentiles in milliseconds, success rate, statuses and the action mix."""
    ordered = sorted(load.latencies_ms)
    succeeded = load.statuses[200]
    return {
        "requests": len(ordered),
        "elapsed_s": round(load.elapsed_s, 3),
        "requests_per_second": round(len(ordered) / load.elapsed_s, 1),
        "success_rate": succeeded / len(ordered),
        "latency_ms": {
            "mean": round(statistics.fmean(ordered), 3),
            "median": round(statistics.median(ordered), 3),
            **{f"p{p}": round(percentile(ordered, p), 3) for p in PERCENTILES},
            "max": round(ordered[-1], 3),
        },
        "statuses": {str(status): count for status, count in sorted(load.statuses.items())},
        "actions": {action: load.actions[action] for action in ("BUY", "SELL", "HOLD")},
    }


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Return the percentile of sorted numbers, interpolated linearly between neighbours."""
    place = (len(ordered) - 1) * percent / 100
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)
