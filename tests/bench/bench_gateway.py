"""The gateway under load: /predict against the naive composition, the stream against the least that
uvicorn needs. Goals P15, P16 and P19; the client runs on the other core. Milliseconds are printed.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic_ns
from typing import Any
from urllib.parse import urlsplit

import uvloop

from deploy.cli.load_client import LoadResult, percentile, send_all
from tests.bench import explained
from tests.bench.race import Row, row

CONNECTIONS = 20
REQUESTS = 4_000
NAIVE_REQUESTS = 200
ROUNDS = 5
BURST = 40  # messages in one burst: well below the 256 a client may be behind
PREDICT_BARS = {"P50": (50, 10.0), "P95": (95, 8.0), "P99": (99, 5.0)}  # percent, ratio
EXPLAINED_BARS = {"P50": (50, 0.5), "P95": (95, 0.4), "P99": (99, 0.3)}
PLAIN_LOOP = "uvicorn sansio, plain loop"
STREAM_CLIENTS = (100, 1_000)


@dataclass
class Server:
    """A running ``tests.bench.gateway_server``."""

    running: subprocess.Popen[str]
    port: int

    def send(self, count: int, pause_ms: int) -> None:
        """Ask for broadcasts; ``sent`` tells when they were."""
        assert self.running.stdin is not None
        self.running.stdin.write(f"send {count} {pause_ms}\n")
        self.running.stdin.flush()

    def sent(self) -> list[int]:
        """Return the monotonic nanoseconds of the broadcasts asked for."""
        assert self.running.stdout is not None
        times: list[int] = json.loads(self.running.stdout.readline())
        return times


@contextmanager
def server(kind: str) -> Iterator[Server]:
    """Start a server and stop it afterwards."""
    command = [sys.executable, "-m", "tests.bench.gateway_server", kind]
    running = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert running.stdin is not None
    assert running.stdout is not None
    try:
        yield Server(running, int(running.stdout.readline()))
    finally:
        running.stdin.close()
        running.wait(20)
        running.stdout.close()


def rows() -> list[Row]:
    """Run P15 and P19."""
    os.sched_setaffinity(0, os.sched_getaffinity(0) - {0} or {0})  # the server has core 0
    return [*predictions(), *explanations(), *streams()]


def predictions() -> list[Row]:
    """P15: 20 connections, one worker core, no explanation."""
    with server("ours") as our, server("naive") as peer:
        ours, naive = [], []
        for _ in range(ROUNDS + 1):
            ours.append(ask(our, REQUESTS))
            naive.append(ask(peer, NAIVE_REQUESTS))
    ours, naive = ours[1:], naive[1:]
    assert all(load.statuses.keys() == {200} for load in (*ours, *naive))
    assert all(load.actions.keys() == {"BUY"} for load in ours)  # what the view says
    table = []
    for name, (percent, bar) in PREDICT_BARS.items():
        fast, slow = (
            [percentile(sorted(load.latencies_ms), percent) for load in loads]
            for loads in (ours, naive)
        )
        say_ms(f"P15 /predict {name}", fast, slow)
        ratios = [theirs / our for our, theirs in zip(fast, slow, strict=True)]
        table.append(row(f"P15 /predict {name}", "naive composition", ratios, bar))
    ratios = [rate(one) / rate(other) for one, other in zip(ours, naive, strict=True)]
    return [*table, row("P15 /predict requests a second", "naive composition", ratios, 10.0)]


def explanations() -> list[Row]:
    """P16: one connection, each answer explains a bar that nobody asked about before.

    Ours passes a broker and two processes; the peer only computes.
    """
    measured, theirs = sorted(explained.latencies_ms()), sorted(explained.naive_ms())
    table: list[Row] = []
    for name, (percent, bar) in EXPLAINED_BARS.items():
        # Nearest rank: what never came is infinite, and has no neighbour to interpolate with.
        ours, peer = (one[math.ceil(len(one) * percent / 100) - 1] for one in (measured, theirs))
        say_ms(f"P16 /predict explained {name}", [ours], [peer])
        ratios = [peer / ours] * 2
        table.append(row(f"P16 /predict explained {name}", "shap and captum alone", ratios, bar))
    return table


def ask(one: Server, requests: int) -> LoadResult:
    """Send requests for four markets in turn."""
    target = urlsplit(f"http://127.0.0.1:{one.port}")
    bodies = [json.dumps({"symbol": f"{s}-USD"}).encode() for s in ("BTC", "ETH", "SOL", "BNB")]
    return uvloop.run(send_all(target, bodies, requests, CONNECTIONS))


def rate(load: LoadResult) -> float:
    """Return requests a second."""
    return len(load.latencies_ms) / load.elapsed_s


def streams() -> list[Row]:
    """P19: paced delivery p99 and bursts, against the plain loop."""
    table: list[Row] = []
    for clients in STREAM_CLIENTS:
        with server("ours") as our, server("plain") as peer:
            rates, delays = uvloop.run(fan_out(our, peer, clients))
        say_ms(f"P19 p99, {clients:,} clients", *zip(*delays, strict=True))
        paced = [theirs / ours for ours, theirs in delays]
        table.append(row(f"P19 paced p99, {clients:,} clients", PLAIN_LOOP, paced, 0.7))
        table.append(row(f"P19 deliveries a second, {clients:,} clients", PLAIN_LOOP, rates, 0.9))
    return table


async def fan_out(
    our: Server, peer: Server, clients: int
) -> tuple[list[float], list[tuple[float, float]]]:
    """Return by round our rate over the peer's, and the paced p99 of both in milliseconds."""
    listening = [await Listeners.connect(one, clients) for one in (our, peer)]
    rates, delays = [], []
    for number in range(ROUNDS + 1):
        order = listening if number % 2 else listening[::-1]
        seconds = {id(one): await one.burst(BURST) for one in order}
        rates.append(seconds[id(listening[1])] / seconds[id(listening[0])])
        p99 = {id(one): percentile(sorted(await one.paced(20, 50)), 99) for one in order}
        delays.append((p99[id(listening[0])], p99[id(listening[1])]))
    for one in listening:
        one.close()
    return rates[1:], delays[1:]


@dataclass
class Listeners:
    """Many clients of one server that count what they get."""

    server: Server
    clients: list[StampingClient] = field(default_factory=list)

    @classmethod
    async def connect(cls, one: Server, count: int) -> Listeners:
        """Open the connections and wait until all are accepted."""
        listeners = cls(one)
        loop = asyncio.get_running_loop()
        for _ in range(count):
            _, client = await loop.create_connection(StampingClient, "127.0.0.1", one.port)
            await client.opened
            listeners.clients.append(client)
        await asyncio.sleep(0.5)  # greetings
        return listeners

    async def burst(self, count: int) -> float:
        """Return the seconds from the first broadcast to the last delivery."""
        delivered = await self._deliver(count, 0)
        return max(client.times[-1] for client in self.clients) / 1e9 - delivered[0] / 1e9

    async def paced(self, count: int, pause_ms: int) -> list[float]:
        """Return the delay of each delivery in milliseconds."""
        sent = await self._deliver(count, pause_ms)
        return [
            (at - start) / 1e6
            for client in self.clients
            for at, start in zip(client.times, sent, strict=True)
        ]

    async def _deliver(self, count: int, pause_ms: int) -> list[int]:
        for client in self.clients:
            client.expect(count)
        self.server.send(count, pause_ms)
        async with asyncio.timeout(60):
            await asyncio.gather(*(client.complete for client in self.clients))
        return await asyncio.to_thread(self.server.sent)

    def close(self) -> None:
        """Close every connection."""
        for client in self.clients:
            client.transport.close()


class StampingClient(asyncio.Protocol):
    """A WebSocket client that stamps the arrival of each message, and discards the message."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[None] = loop.create_future()
        self.complete: asyncio.Future[None] = loop.create_future()
        self.times: list[int] = []
        self._expected = 1 << 30
        self._bytes = bytearray()

    def connection_made(self, transport: Any) -> None:
        """Ask for the stream."""
        self.transport = transport
        port = transport.get_extra_info("peername")[1]
        transport.write(
            b"GET /api/realtime/signals HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" % port
        )

    def expect(self, count: int) -> None:
        """Begin to count anew."""
        self.times = []
        self._expected = count
        self.complete = asyncio.get_running_loop().create_future()

    def data_received(self, received: bytes) -> None:
        """Count whole frames."""
        buffer = self._bytes
        buffer += received
        if not self.opened.done():
            end = buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            assert buffer.startswith(b"HTTP/1.1 101"), bytes(buffer)
            del buffer[: end + 4]
            self.opened.set_result(None)
        while (size := _frame_size(buffer)) is not None and len(buffer) >= size:
            # Greetings and heartbeats are shorter than any signal.
            if size > 1_000:
                self.times.append(monotonic_ns())
            del buffer[:size]
        if len(self.times) >= self._expected and not self.complete.done():
            self.complete.set_result(None)


def _frame_size(buffer: bytearray) -> int | None:
    if len(buffer) < 4:
        return None
    length = buffer[1] & 0x7F
    if length < 126:
        return 2 + length
    if length == 126:
        return 4 + int.from_bytes(buffer[2:4], "big")
    return 10 + int.from_bytes(buffer[2:10], "big") if len(buffer) >= 10 else None


def say_ms(name: str, ours: Sequence[float], peers: Sequence[float]) -> None:
    """Print the medians behind a ratio: they say little on another machine."""
    medians = f"{statistics.median(ours):.2f} ms, peer {statistics.median(peers):.2f} ms"
    print(f"  {name}: {medians}", file=sys.stderr, flush=True)  # noqa: T201 - information
