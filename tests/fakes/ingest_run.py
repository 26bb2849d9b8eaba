"""Ingest on the simulated exchange through real ccxt; its records stay in a list."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from schemas.dead_letter import DeadLetter
from schemas.market import Bar, LedgerEntry, LedgerKind, RawBar
from schemas.record import Record
from schemas.timeframes import MINUTE_MS
from streams.market.processor import PROCESSOR
from streams.runtime.memory_driver import replay
from workers.ingest.outbox import Outbox
from workers.ingest.resume import MarketPast
from workers.ingest.status import VenueStatus
from workers.ingest.venue_ingest import VenueIngest
from workers.settings import Settings
from workers.simulator.faults import Fault
from workers.simulator.server import RunningSimulator, SimulatorSettings, serve
from workers.venue.exchange import VenueAccess, connected
from workers.venue.reach import Reach

SPEED = 240.0  # a minute lasts a quarter of a second
HISTORY_BARS = 1_000
WAIT_S = 20.0

R = TypeVar("R", bound=Record)


@dataclass
class PublishedRecords:
    """A publisher that keeps its records in lists."""

    all: list[Record] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)

    def publish(self, record: Record, trace_id: str | None = None) -> None:  # noqa: ARG002
        self.all.append(record)

    def refuse(self, letter: DeadLetter) -> None:
        self.letters.append(letter)

    def flush(self) -> None:
        """Nothing waits."""

    def of(self, kind: type[R]) -> list[R]:
        return [record for record in self.all if type(record) is kind]

    def raw(self, symbol: str) -> list[RawBar]:
        return [r for r in self.all if isinstance(r, RawBar) and r.symbol == symbol]

    def checked(
        self, symbol: str
    ) -> tuple[list[Bar], list[tuple[LedgerKind, int]], list[DeadLetter]]:
        """Return what the market processor makes of one symbol's raw bars."""
        out = replay([PROCESSOR], self.raw(symbol))
        bars = [o for o in out if isinstance(o, Bar)]
        kinds = [(o.kind, o.bars) for o in out if isinstance(o, LedgerEntry)]
        return bars, kinds, [o for o in out if isinstance(o, DeadLetter)]


@dataclass
class RunningIngest:
    """A venue, ingest on it, and the records that ingest has published."""

    simulator: RunningSimulator
    ingest: VenueIngest
    records: PublishedRecords

    def fault(self, **fields: object) -> None:
        """Schedule a fault on the venue."""
        venue = self.simulator.venue
        venue.faults.add(Fault.model_validate(fields), venue.clock.now_ms())

    async def until(self, reached: Callable[[], bool]) -> None:
        """Wait until a condition holds."""
        async with asyncio.timeout(WAIT_S):
            while not reached():  # noqa: ASYNC110 - what is reached is on the other side of a socket
                await asyncio.sleep(0.02)

    async def more_bars(self, symbol: str, count: int) -> None:
        """Wait for ``count`` more raw bars of a symbol."""
        before = len(self.records.raw(symbol))
        await self.until(lambda: len(self.records.raw(symbol)) >= before + count)

    def next_open_ms(self, bars: int = 1) -> int:
        """Return the open time of a bar that has not opened yet."""
        return (self.simulator.venue.clock.now_ms() // MINUTE_MS + bars) * MINUTE_MS


@contextlib.asynccontextmanager
async def ingesting(
    *symbols: str,
    speed: float = SPEED,
    closes: dict[str, int] | None = None,
    start: bool = True,
    minutes: int = HISTORY_BARS + 600,
    timeframes: tuple[str, ...] = ("1m",),
    past: MarketPast | None = None,
) -> AsyncIterator[RunningIngest]:
    """Run venue and ingest; with ``start``, until the first live bars have come.

    ``minutes`` have passed on the venue since it listed everything.
    """
    settings = Settings(
        universe=symbols,
        timeframes=timeframes,
        speed=speed,
        history_bars=HISTORY_BARS,
        exchange="simulated",
    )
    venue = SimulatorSettings(symbols=symbols, speed=speed, history_minutes=minutes)
    async with serve(venue) as simulator:
        access = VenueAccess("simulated", simulator.rest_url)
        async with connected(access) as exchange:
            records = PublishedRecords()
            outbox = Outbox(records)
            status = VenueStatus(outbox, Reach("simulated"))
            ingest = VenueIngest(settings, exchange, outbox, status)
            running = RunningIngest(simulator, ingest, records)
            tasks = [
                asyncio.ensure_future(outbox.run()),
                asyncio.ensure_future(status.follow()),
                asyncio.ensure_future(ingest.run(past or MarketPast(closes or {}))),
            ]
            try:
                if start:
                    await running.until(
                        lambda: (
                            any(t.done() for t in tasks)
                            or all(
                                any(b.origin == "stream" for b in records.raw(s)) for s in symbols
                            )
                        )
                    )
                yield running
            finally:
                for task in tasks:
                    task.cancel()
                done = await asyncio.gather(*tasks, return_exceptions=True)
        for outcome in done:
            if isinstance(outcome, Exception):
                raise outcome


@contextlib.contextmanager
def venue(**settings: Any) -> Iterator[RunningSimulator]:
    """Serve a paused venue in its own thread, for callers that run their own loop."""
    loop, ready = asyncio.new_event_loop(), threading.Event()
    served: list[tuple[RunningSimulator, asyncio.Event]] = []

    async def main() -> None:
        stop = asyncio.Event()
        defaults: dict[str, Any] = {"history_minutes": 2_000, "paused": True}
        chosen = SimulatorSettings(("BTCUSDT", "ETHUSDT"), **(defaults | settings))
        async with serve(chosen) as running:
            served.append((running, stop))
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(main(),))
    thread.start()
    try:
        assert ready.wait(20)
        yield served[0][0]
    finally:
        loop.call_soon_threadsafe(served[0][1].set)
        thread.join()
        loop.close()
