"""5,000 hours of four symbols, over REST and ccxt as ingest reads them: at most 10 s in all.

The simulated exchange runs in a process of its own, as in a run. The time holds its start, from its
first line of work to its first answer; the import of its libraries is not the market's.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time

from schemas.timeframes import HOUR_MS
from tests.bench.bench_memory import Row, within
from workers.bars.markers import Markers
from workers.ingest.market_clock import MarketClock
from workers.ingest.rest_history import KlineSeries, RestHistory
from workers.simulator.server import DEFAULT_SYMBOLS
from workers.venue.exchange import Exchange, VenueAccess, connected

HOURS = 5_000
LIMIT_S = 10.0
MEMORY_LIMIT_MIB = 300
VENUE = f"""
import asyncio, resource, sys, time
from workers.simulator.market import SimulatedMarket
from workers.simulator.server import SimulatorSettings, serve

SimulatedMarket(0, ["BTCUSDT"]).unfinished("BTCUSDT", 1440, 60_000)  # compiles where it must


async def main():
    began = time.perf_counter()
    async with serve(SimulatorSettings(paused=True, history_minutes={HOURS} * 60)) as running:
        print(running.rest_url, time.perf_counter() - began, flush=True)
        await asyncio.to_thread(sys.stdin.read)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


asyncio.run(main())
"""


def rows() -> list[Row]:
    """Serve the hours once, then stop the exchange."""
    command = [sys.executable, "-c", VENUE]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as venue:
        assert venue.stdout is not None
        url, started_s = venue.stdout.readline().split()
        read_s = asyncio.run(read_all(url))
        memory, _ = venue.communicate(timeout=30)
    return [
        within(f"{HOURS} hours of four symbols, s", LIMIT_S, float(started_s) + read_s),
        within("exchange that served them, RSS, MiB", MEMORY_LIMIT_MIB, float(memory)),
    ]


async def read_all(url: str) -> float:
    """Return the seconds until every bar of every symbol has been read."""
    async with connected(VenueAccess("simulated", url)) as exchange:
        now_ms, began_s = await exchange.server_time_ms(), time.perf_counter()
        counts = await asyncio.gather(*(read(exchange, s, now_ms) for s in DEFAULT_SYMBOLS))
        seconds = time.perf_counter() - began_s
    assert counts == [HOURS] * len(DEFAULT_SYMBOLS), counts
    return seconds


async def read(exchange: Exchange, symbol: str, now_ms: int) -> int:
    """Return how many bars of one symbol were read, mark prices and settlements with them."""
    clock, markers, refused = MarketClock(), Markers(), list[object]()
    # Two hours on, for a bar is final when it closed longer ago than clocks differ.
    clock.set(now_ms + 2 * HOUR_MS, time.monotonic(), time.monotonic())
    history = RestHistory(exchange, lambda row, _: refused.append(row), clock)
    series, first_ms = KlineSeries(symbol, "1h", HOUR_MS), now_ms - HOURS * HOUR_MS
    await history.settlements(series, first_ms, markers)
    span = (first_ms, now_ms)
    read = [bar async for page in history.pages(series, span, markers) for bar in page]
    assert all(bar.mark_price and bar.funding_rate is not None for bar in read[8:])
    assert not refused
    return len(read)
