"""Bar to WebSocket while three timeframes train beside it: p99 within 1.5 times the quiet one.

One pipeline lives; bursts of 50 bars that close together go through it quietly and beside three
processes that fit the trees of a fold over and over, in turn, as low in priority as a training of a
timeframe is once another one is live.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path

import uvloop

from deploy.cli.load_client import percentile
from schemas.timeframes import MINUTE_MS
from tests.bench.bench_pipeline import CLIENTS, WARM_UP, Plan, Row, Stack, close, say, stack
from tests.bench.pipeline_market import SYMBOLS, PipelineMarket, steady_market
from tests.bench.race import row
from workers.training.worker import NICENESS

TRAININGS = 3
ROUNDS = 9
PLAN = Plan("bar to signal while training", (MINUTE_MS,), bursts=6)
LIMIT = 1.5


def rows() -> list[Row]:
    """Run the bursts of both kinds."""
    with tempfile.TemporaryDirectory() as folder:
        home, bursts = Path(folder), WARM_UP + 2 * ROUNDS * PLAN.bursts
        market = steady_market(home / "models", PLAN.timeframes_ms, bursts)
        with stack(home / "live", PLAN, market, ()) as live, trainings() as processes:
            quiet, busy = uvloop.run(measured(market, live, processes))
    typical, peer = (sorted(each)[ROUNDS // 2] for each in (busy, quiet))
    say(f"{PLAN.goal}, p99: {typical:.0f} ms, quiet {peer:.0f} ms")
    ratios = [one / other for one, other in zip(quiet, busy, strict=True)]
    name = f"{PLAN.goal}, {len(SYMBOLS)} symbols, {CLIENTS} WebSockets, p99"
    return [row(name, "the same without training", ratios, round(1 / LIMIT, 3))]


async def measured(
    market: PipelineMarket, live: Stack, processes: list[BaseProcess]
) -> tuple[list[float], list[float]]:
    """Return the p99 of each quiet round and of each one beside the trainings, ms."""
    await live.connect()
    numbers = iter(range(WARM_UP + 2 * ROUNDS * PLAN.bursts))
    for _ in range(WARM_UP):
        await close(PLAN, market, next(numbers), [(live, [])])
    p99: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for kind, what in enumerate((signal.SIGSTOP, signal.SIGCONT)):
            tell(processes, what)
            delays: list[float] = []
            for _ in range(PLAN.bursts):
                await close(PLAN, market, next(numbers), [(live, delays)])
            p99[kind].append(percentile(sorted(delays), 99))
    for client in live.clients:
        client.transport.close()
    return p99


@contextmanager
def trainings() -> Iterator[list[BaseProcess]]:
    """Run processes that train, stopped at first."""
    spawn = multiprocessing.get_context("spawn")
    processes: list[BaseProcess] = [
        spawn.Process(target=train, args=(number,), daemon=True) for number in range(TRAININGS)
    ]
    for process in processes:
        process.start()
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.join()


def tell(processes: list[BaseProcess], what: signal.Signals) -> None:
    """Stop the trainings, or let them go on; raises where one has ended."""
    for process in processes:
        assert process.pid is not None, "not started"
        os.kill(process.pid, what)


def train(seed: int) -> None:
    """Fit the trees of a fold again and again, in low priority, on one thread."""
    import numpy as np

    from tests.bench.bench_training import BOOSTED, FEATURES, ROWS
    from workers.training.fit_boosted import fit_boosted

    os.nice(NICENESS)
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(ROWS, FEATURES))[:: BOOSTED.stride]
    classes = rng.integers(0, 3, size=len(features))
    while True:
        fit_boosted(features, classes, BOOSTED, seed)


if __name__ == "__main__":
    print(*rows(), sep="\n")  # noqa: T201 - a run by hand
