"""P10 and P11: a grid of 1,000 combinations against vectorbt, every result equal, by CPU seconds.

Both run z-score momentum of 50 windows and 20 thresholds, half of equity in each position (vectorbt
lowers an order that it cannot pay the fee of), and see the same bars. Ours gives its whole result
each time: eight measures, trades and daily equity of every combination.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from schemas.exits import Exits
from schemas.research import Grid
from schemas.timeframes import HOUR_MS
from tests.bench.bench_features import Row, walk
from tests.bench.peer_process import PeerProcess, not_run
from tests.bench.race import Entry, race
from workers.bars.arrays import Bars
from workers.research.grid import GridResult, run_grid, warm_up

YEAR = 8_760  # bars of an hour
LONG = 100_000
MARKETS = 3
FIRST_MS = 1_577_836_800_000  # 2020-01-01
LIMIT_MIB = 500
EQUAL = 1e-9
MEASURES = {"total_return": "total_return", "sharpe": "sharpe", "max_drawdown": "bar_drawdown"}

GRID = Grid.model_validate(
    {
        "symbol": "BTCUSDT",
        "window_range": (10, 255, 5),
        "signal_range": (0.5, 2.4, 0.1),
        "slippage_bps": 0.0,
        "leverage": 0.5,
        "funding": False,
    }
)

EXITS = Exits(
    stoploss=-0.1,
    minimal_roi={"0": 0.2, "1440": 0.1, "14400": 0.05},
    trailing_stop=0.05,
    trailing_offset=0.02,
    hold_bars=500,
)


class Vectorbt:
    """vectorbt, in a process and environment of its own; ``cpu`` counts its CPU seconds."""

    def __init__(self, markets: NDArray[np.float64], folder: Path) -> None:
        self.process = PeerProcess("vectorbt_peer.py")
        factor = GRID.all_factors[0]
        self.cpu = 0.0
        np.savez(
            folder / "markets.npz",
            open=markets[:, :, 0],
            close=markets[:, :, 3],
            windows=np.array(factor.window_range.values, dtype=np.int64),
            thresholds=factor.signal_range.values,
            fee=GRID.fee_bps / 1e4,
            share=GRID.leverage,
        )
        self.version = self.process.ask(folder / "markets.npz")

    def run(self, what: str, market: int) -> dict[str, list[float]]:
        """Run the grid once; return the measures of each combination by name."""
        answer = json.loads(self.process.ask(f"{what} {market % MARKETS}"))
        self.cpu += answer["seconds"]
        results: dict[str, list[float]] = answer["results"]
        return results


def rows() -> list[Row]:
    """Run P10 and P11; an AssertionError means that an answer, not a speed, is wrong."""
    warm_up()
    return [*against_vectorbt(), with_exits(), memory()]


def with_exits() -> Row:
    """The race of the grid with exits of every kind against itself without any."""
    markets = [bars_of(walk(YEAR, seed)) for seed in range(MARKETS)]
    guarded = GRID.model_copy(update={"exits": EXITS})
    return race(
        f"P10 {GRID.combinations:,} combinations x {YEAR:,} bars with exits, CPU",
        "the same without exits",
        0.5,
        Entry(lambda i: run_grid(markets[i % MARKETS], guarded), 5, time.process_time),
        Entry(lambda i: run_grid(markets[i % MARKETS], GRID), 5, time.process_time),
    )


def against_vectorbt() -> list[Row]:
    """The races; not run, with the reason, where that environment cannot be made."""
    title = f"{GRID.combinations:,} combinations x {YEAR:,} bars, CPU"
    goals = {"metrics": ("P10", "return, Sharpe, drawdown", 100.0), "return": ("P11", "return", 30)}
    walks = np.stack([walk(YEAR, seed) for seed in range(MARKETS)])
    markets = [bars_of(rows) for rows in walks]
    with tempfile.TemporaryDirectory() as folder:
        try:
            theirs = Vectorbt(walks, Path(folder))
            for number, bars in enumerate(markets):
                assert_equal(run_grid(bars, GRID), theirs.run("metrics", number))
        except OSError as error:
            return [not_run(f"{goal} {title}", "vectorbt", error) for goal, _, _ in goals.values()]
        raced = [
            race(
                f"{goal} {title}",
                f"{theirs.version}: {given}",
                bar,
                Entry(lambda i: run_grid(markets[i % MARKETS], GRID), 7, time.process_time),
                Entry(lambda i, what=what: theirs.run(what, i), 1, lambda: theirs.cpu),  # type: ignore[misc] # mypy cannot see the default
            )
            for what, (goal, given, bar) in goals.items()
        ]
        theirs.process.stop()
    return raced


def assert_equal(ours: GridResult, theirs: dict[str, list[float]]) -> None:
    """Every measure of every combination."""
    for name, field in MEASURES.items():
        gap = np.abs(getattr(ours, field) - np.array(theirs[name])).max()
        assert gap <= EQUAL, f"P10: {name} differs from vectorbt by {gap}"


def memory() -> Row:
    """The largest resident size of a process that runs the grid over a long history."""
    program = "from tests.bench.bench_grid import run_long; run_long()"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    used = float(done.stdout)
    return {
        "name": f"P11 {GRID.combinations:,} combinations x {LONG:,} bars, peak RSS {used:.0f} MiB",
        "peer": f"limit {LIMIT_MIB} MiB",
        "ratio": round(LIMIT_MIB / used, 2),
        "spread": 0.0,
        "bar": 1.0,
        "holds": used <= LIMIT_MIB,
    }


def run_long() -> None:
    """Run the grid over a long history, daily equity kept, and print the peak in MiB."""
    found = run_grid(bars_of(walk(LONG)), GRID, keep_daily=True)
    assert found.done.all()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)  # noqa: T201 - read by memory()


def bars_of(rows: NDArray[np.float64]) -> Bars:
    """Return hourly bars of open, high, low, close and volume, shape (n, 5)."""
    times = FIRST_MS + np.arange(len(rows), dtype=np.int64) * HOUR_MS
    return Bars("BTCUSDT", HOUR_MS, times, *np.ascontiguousarray(rows.T))
