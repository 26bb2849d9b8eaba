"""Walk-forward over six years of hours against one grid of the same sets over the same years.

The goal is under five times the grid: 200 sets in each of many windows, with every metric, PBO,
verdict and plot of the result counted in.
"""

from __future__ import annotations

import numpy as np

from schemas.research import WalkForwardSpec
from schemas.timeframes import HOUR_MS
from tests.bench.race import Entry, race
from tests.fakes.searches import START_MS
from workers.bars.arrays import Bars
from workers.research.grid import run_grid
from workers.research.outcome import simulate_account
from workers.research.trials import trial_target
from workers.research.walk_forward import walk_forward
from workers.research.windows import walk_forward_windows, whole_days

YEARS = 6
COUNT = YEARS * 8_766
SETS = 200
LIMIT = 5.0  # times the grid

Row = dict[str, object]


def rows() -> list[Row]:
    """Run the race; an AssertionError means that an answer, not a speed, is wrong."""
    spec = WalkForwardSpec(
        symbol="BTCUSDT",
        window_range=(20, 400, 20),
        signal_range=(0.2, 2.0, 0.2),
        train_bars=COUNT // 3,
        test_bars=COUNT // 12,
    )
    assert spec.combinations == SETS
    markets = [walk(seed) for seed in range(4)]
    agreement(spec, markets[0])

    def ours(call: int) -> None:
        walk_forward(spec, markets[call % 4], lambda *_: None, lambda: False)

    def peer(call: int) -> None:
        run_grid(markets[call % 4], spec, keep_daily=True)

    title = f"walk-forward of {SETS} sets over {COUNT:,} hours, at most {LIMIT:g} grids"
    return [race(title, "our own grid, once", 1.0 / LIMIT, Entry(ours, 3), Entry(peer, 3))]


def agreement(spec: WalkForwardSpec, bars: Bars) -> None:
    """Hold every window's choice to the fill engine's own run of all sets."""
    result = walk_forward(spec, bars, lambda *_: None, lambda: False)
    found = run_grid(bars, spec, keep_daily=True)
    runs = [
        simulate_account(bars, trial_target(bars, found, n), spec).returns
        for n in range(len(found))
    ]
    for row, window in zip(result["windows"], walk_forward_windows(spec, bars), strict=True):
        days = slice(*whole_days(bars, window.train))
        sharpes = [run[days].mean() / run[days].std(ddof=1) for run in runs]
        best = found.params(int(np.argmax(sharpes)))
        assert row["params"] == best, f"{row['params']} was chosen, {best} was best"


def walk(seed: int) -> Bars:
    """Return a random walk of hours."""
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.standard_t(4, COUNT) * 0.004))
    opened = np.concatenate([[100.0], close[:-1]])
    return Bars(
        "BTCUSDT",
        HOUR_MS,
        START_MS + HOUR_MS * np.arange(COUNT),
        opened,
        np.maximum(opened, close) * 1.001,
        np.minimum(opened, close) * 0.999,
        close,
        np.full(COUNT, 1000.0),
        funding_rate=np.where(np.arange(COUNT) % 8 == 0, 1e-4, np.nan),
        funding_known=True,
    )
