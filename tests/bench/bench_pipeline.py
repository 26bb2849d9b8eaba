"""Bar to WebSocket through real Kafka, exactly once: goal P20.

Two complete stacks live side by side, each with its own broker, topics (1 partition), processes
and gateway with 100 clients; bursts of 50 bars that close together go to one and the other in
turn. One timeframe runs; ``bench_full_hour`` runs three. The peer is the same pipeline with steps
that compute nothing (``pass_through``): what the ratio shows is what features, regimes, models,
grading and scoring add to the bare way. Held equal: processes, runtime, topics, number of records,
types and sizes, changelogs, gateway, clients.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import monotonic_ns
from typing import Any

import orjson
import uvloop

from deploy.cli.load_client import percentile
from deploy.local.broker import BrokerSettings, LocalBroker
from deploy.local.ports import usable_port
from deploy.local.run_watch import read_health
from deploy.local.supervisor import Supervisor, process_command
from deploy.topics.admin import apply_topics
from deploy.topics.refdata import publish_refdata
from schemas.market import RawBar
from schemas.timeframes import MINUTE_MS, timeframe_name
from streams.runtime.publisher import Publisher
from streams.runtime.settings import KafkaSettings
from tests.bench.pass_through import closed_by, write_canned
from tests.bench.pipeline_market import SYMBOLS, PipelineMarket, put, steady_market
from tests.bench.race import row

Row = dict[str, object]

PROCESSES = ("market", "inference", "signals", "gateway")
PEER = "same pipeline, steps that compute nothing"
CLIENTS = 100
ROUNDS = 9
WARM_UP = 3  # bursts of each stack before the first round
PAUSE_S = 0.25  # after a burst: whatever came twice would come now
READY_WITHIN_S = 180.0
ARRIVED_WITHIN_S = 60.0
PING, PONG = 0x9, 0xA  # opcodes of RFC 6455
LIMITS = {"p50": (50, 1.3), "p99": (99, 1.5)}  # times the peer's


@dataclass(frozen=True)
class Plan:
    """When bars close together.

    Attributes:
        goal: Its name in the table.
        timeframes_ms: That run, the base first. All of them close at each burst.
        bursts: Of each stack in a round.
    """

    goal: str
    timeframes_ms: tuple[int, ...]
    bursts: int

    @property
    def closes(self) -> int:
        """Base closes up to a burst, from behind the one before: all but the last are untimed."""
        return self.timeframes_ms[-1] // self.timeframes_ms[0]

    @property
    def names(self) -> list[str]:
        """Names of the timeframes."""
        return [timeframe_name(each) for each in self.timeframes_ms]


P20 = Plan(f"P20 bar to {CLIENTS} WebSockets, {len(SYMBOLS)} symbols", (MINUTE_MS,), bursts=8)


@dataclass
class Stack:
    """One pipeline that runs, and who listens to it."""

    port: int
    timeframes: Sequence[str]
    publisher: Publisher
    clients: list[Listener] = field(default_factory=list)

    async def connect(self) -> None:
        """Open every stream."""
        loop = asyncio.get_running_loop()
        for _ in range(CLIENTS):
            listener = partial(Listener, self.timeframes)
            _, client = await loop.create_connection(listener, "127.0.0.1", self.port)
            await client.opened
            self.clients.append(client)

    async def burst(self, bars: Sequence[RawBar], pause_s: float = PAUSE_S) -> list[float]:
        """Publish base bars that close together; return the ms from then to each delivery.

        Asserts that every client got one signal of each bar, higher ones included, and the same.
        """
        expected = sorted((b.symbol, each, b.event_time_ms) for b in bars for each in closed_by(b))
        for client in self.clients:
            client.expect(len(expected))
        started = monotonic_ns()
        for bar in bars:
            self.publisher.publish(bar)
        await asyncio.to_thread(self.publisher.flush)
        _, late = await asyncio.wait(
            [client.complete for client in self.clients], timeout=ARRIVED_WITHIN_S
        )
        if late:
            got = sorted({len(client.signals) for client in self.clients})
            raise AssertionError(
                f"port {self.port}: {len(late)} clients have {got} of {len(expected)} signals of "
                f"{bars[0].event_time_ms} after {ARRIVED_WITHIN_S:.0f} s; {read_health(f'http://127.0.0.1:{self.port}/')}"
            )
        await asyncio.sleep(pause_s)
        first = self.clients[0].signals
        assert all(client.signals == first for client in self.clients), "clients differ"
        arrived = [orjson.loads(text)["data"] for text in first]
        found = sorted((s["symbol"], s["timeframe_ms"], s["event_time_ms"]) for s in arrived)
        assert found == expected, found
        return [(at - started) / 1e6 for client in self.clients for at in client.times]


def rows() -> list[Row]:
    """Run P20."""
    return rows_of(P20)


def rows_of(plan: Plan) -> list[Row]:
    """Run both stacks by a plan."""
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory()))
        live_bars = (WARM_UP + ROUNDS * plan.bursts) * plan.closes
        market = steady_market(folder / "models", plan.timeframes_ms, live_bars)
        canned = folder / "canned.jsonl"
        write_canned(market.newest(), canned)
        ours = held.enter_context(stack(folder / "ours", plan, market, ()))
        peer = held.enter_context(stack(folder / "peer", plan, market, (str(canned),)))
        delays = uvloop.run(measured(plan, market, ours, peer))
    made = []
    for name, (percent, times) in LIMITS.items():
        pairs = [[percentile(sorted(one), percent) for one in both] for both in delays]
        typical = [sorted(values)[len(values) // 2] for values in zip(*pairs, strict=True)]
        say(f"{plan.goal}, {name}: {typical[0]:.0f} ms, peer {typical[1]:.0f} ms")
        ratios = [theirs / mine for mine, theirs in pairs]
        made.append(row(f"{plan.goal}, {name}", PEER, ratios, round(1 / times, 3)))
    return made


Delays = tuple[list[float], list[float]]  # ours and the peer's, ms


async def measured(plan: Plan, market: PipelineMarket, ours: Stack, peer: Stack) -> list[Delays]:
    """Return our delays and the peer's by round, bursts interleaved."""
    for one in (ours, peer):
        await one.connect()
    for number in range(WARM_UP):
        await close(plan, market, number, [(ours, []), (peer, [])])
    delays = []
    for start in range(WARM_UP, WARM_UP + ROUNDS * plan.bursts, plan.bursts):
        mine: list[float] = []
        theirs: list[float] = []
        for number in range(start, start + plan.bursts):
            turns = [(ours, mine), (peer, theirs)]
            await close(plan, market, number, turns[:: 1 if number % 2 else -1])
        delays.append((mine, theirs))
    for client in (*ours.clients, *peer.clients):
        client.transport.close()
    return delays


async def close(
    plan: Plan, market: PipelineMarket, number: int, turns: Sequence[tuple[Stack, list[float]]]
) -> None:
    """Let all timeframes close together, in each stack in turn, and keep the delays of that.

    The base bars before it go through both stacks first.
    """
    *before, together = range(number * plan.closes, (number + 1) * plan.closes)
    for earlier in before:
        for one, _ in turns:
            await one.burst(market.bars(earlier), pause_s=0.0)
    if before:
        await asyncio.sleep(PAUSE_S)
    for one, into in turns:
        into.extend(await one.burst(market.bars(together)))


@contextmanager
def stack(
    home: Path, plan: Plan, market: PipelineMarket, passing: tuple[str, ...]
) -> Iterator[Stack]:
    """Run a pipeline that finds the market's past on its topics; ``passing`` makes it the peer."""
    with LocalBroker(BrokerSettings(home=home / "kafka", min_free_mb=100)) as broker:
        apply_topics({"bootstrap.servers": broker.bootstrap})
        kafka = KafkaSettings(broker.bootstrap)
        publish_refdata(kafka)
        put(market, kafka)
        port = usable_port(0)
        environment = {
            "REGIMEFLOW_HOME": str(home),
            "REGIMEFLOW_PORT": str(port),
            "REGIMEFLOW_UNIVERSE": ",".join(SYMBOLS),
            "REGIMEFLOW_TIMEFRAMES": ",".join(plan.names),
            "REGIMEFLOW_KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap,
        }

        def command(name: str) -> list[str]:
            if not passing or name == "gateway":
                return process_command(name)
            return [sys.executable, "-m", "tests.bench.pass_through", name, *passing]

        supervisor = Supervisor(PROCESSES, home / "logs", environment, command)
        try:
            supervisor.start()
            wait_until_ready(supervisor, f"http://127.0.0.1:{port}/")
            yield Stack(port, plan.names, Publisher(kafka, "feeder"))
            ended = [child.name for child in supervisor.children if not child.running]
            assert not ended, f"{ended} ended while measured; see {home / 'logs'}"
        finally:
            supervisor.stop()


def wait_until_ready(supervisor: Supervisor, url: str) -> None:
    """Wait until every process runs and the gateway has read its views."""
    deadline = time.monotonic() + READY_WITHIN_S
    while True:
        for child in supervisor.children:
            assert child.running, f"{child.name} ended:\n{child.last_words()}"
        health = read_health(url)
        if health is not None and health["status"] != "starting":
            states = {name: one["state"] for name, one in health["processes"].items()}
            if all(states.get(name) == "running" for name in PROCESSES[:-1]):
                return
        assert time.monotonic() < deadline, f"not ready in {READY_WITHIN_S:.0f} s: {health}"
        time.sleep(0.25)


class Listener(asyncio.Protocol):
    """A WebSocket client: it keeps each signal and when it came."""

    def __init__(self, timeframes: Sequence[str]) -> None:
        self._query = "&".join(f"timeframe={name}" for name in timeframes)
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.complete: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.times: list[int] = []
        self.signals: list[bytes] = []
        self._expected = -1
        self._held = b""

    def connection_made(self, transport: Any) -> None:
        """Ask for the stream."""
        self.transport = transport
        port = transport.get_extra_info("peername")[1]
        transport.write(
            b"GET /api/realtime/signals?%b HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" % (self._query.encode(), port)
        )

    def expect(self, count: int) -> None:
        """Begin to count anew."""
        assert not self.complete.done() or len(self.times) == self._expected, "a signal came twice"
        self.times, self.signals, self._expected = [], [], count
        self.complete = asyncio.get_running_loop().create_future()

    def connection_lost(self, _: Exception | None) -> None:
        """Let whoever waits know."""
        if self._expected > 0 and not self.complete.done():
            self.complete.set_exception(ConnectionError("the gateway closed a stream"))

    def data_received(self, received: bytes) -> None:
        """Keep whole frames that are signals."""
        now = monotonic_ns()
        held = self._held + received if self._held else received
        start = 0
        if not self.opened.done():
            start = held.find(b"\r\n\r\n") + 4
            if start < 4:
                self._held = held
                return
            assert held.startswith(b"HTTP/1.1 101"), held
            self.opened.set_result(None)
        while (frame := _frame(held, start)) is not None:
            payload = held[frame[0] : frame[1]]
            if held[start] & 0x0F == PING:  # without an answer the connection is closed
                answer = bytes((0x80 | PONG, 0x80 | len(payload), 0, 0, 0, 0))
                self.transport.write(answer + payload)
            elif payload.startswith(b'{"type":"signal"'):
                self.times.append(now)
                self.signals.append(payload)
            start = frame[1]
        self._held = held[start:]
        if len(self.times) == self._expected and not self.complete.done():
            self.complete.set_result(None)


def _frame(held: bytes, start: int) -> tuple[int, int] | None:
    """Return where the payload of the frame at ``start`` begins and ends; None: not all there."""
    if len(held) < start + 4:  # the shortest, a ping, has more
        return None
    length, begins = held[start + 1] & 0x7F, start + 2
    assert length < 127, "a message of 64 KiB"
    if length == 126:
        length, begins = int.from_bytes(held[start + 2 : start + 4]), start + 4
    return (begins, begins + length) if len(held) >= begins + length else None


def say(text: str) -> None:
    """Tell the person who waits."""
    load = os.getloadavg()[0]
    print(f"  {text} (load {load:.1f})", file=sys.stderr, flush=True)  # noqa: T201 - progress


if __name__ == "__main__":
    print(*rows(), sep="\n")  # noqa: T201 - a run by hand
