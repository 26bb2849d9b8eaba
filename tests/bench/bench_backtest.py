"""P12: one back-test with costs and fills against nautilus_trader, the same fills asserted.

Ours goes from bars to trades: the shipped strategy decides, the fill engine fills. The peer runs
the same rule bar by bar; both see bars whose open is the close before, so that its fill at a close
and ours at the next open have one price.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np

from schemas.timeframes import MINUTE_MS
from tests.bench.bench_features import Row, walk
from tests.bench.bench_grid import EXITS
from tests.bench.peer_process import NEWEST_NAUTILUS_PYTHON, PeerProcess, not_run
from tests.bench.race import Entry, race
from workers.bars.arrays import Bars
from workers.research.fills import WITHOUT_EXITS, DecidedExits, FillModel, Fills, simulate
from workers.research.strategies import strategy_named

HISTORY = 100_000
WARM_UP = 1_000  # bars after which it no longer matters how a mean was begun
PARAMS = {"fast": 10.0, "slow": 50.0}


class Nautilus:
    """nautilus_trader's back-test engine, in a process and environment of its own."""

    def __init__(self, bars: np.ndarray, folder: Path) -> None:
        self.process = PeerProcess("nautilus_backtest_peer.py", python=NEWEST_NAUTILUS_PYTHON)
        fast, slow = PARAMS["fast"], PARAMS["slow"]
        np.savez(folder / "market.npz", bars=bars, warm_up=WARM_UP, fast=fast, slow=slow)
        self.version = self.process.ask(folder / "market.npz")

    def run(self) -> list[tuple[int, float]]:
        """Run the back-test once; return bar and price of each fill."""
        return [(int(bar), float(price)) for bar, price in json.loads(self.process.ask("run"))]


def rows() -> list[Row]:
    """Run P12; an AssertionError means that an answer, not a speed, is wrong."""
    market = (walk(HISTORY) * 500.0).round(1)  # the peer's contract has one decimal
    market[1:, 0] = market[:-1, 3]
    title, bar = f"P12 back-test of {HISTORY} bars, EMA cross", 3.0
    columns = dict(zip(("open", "high", "low", "close", "volume"), market.T, strict=True))
    bars = Bars("BTCUSDT", MINUTE_MS, MINUTE_MS * np.arange(HISTORY), **columns)
    guarded = with_exits(bars)
    with tempfile.TemporaryDirectory() as folder:
        try:
            theirs = Nautilus(market, Path(folder))
            fills = theirs.run()
        except OSError as error:
            return [not_run(title, "nautilus_trader", error), guarded]
        assert_same_fills(bars, fills)
        raced = race(
            title,
            theirs.version,
            bar,
            Entry(lambda _: ours(bars), 15),
            Entry(lambda _: theirs.run(), 1),
        )
        theirs.process.stop()
    return [raced, guarded]


def with_exits(bars: Bars) -> Row:
    """The race of the back-test with exits of every kind against itself without any."""
    return race(
        f"P12 back-test of {HISTORY} bars, EMA cross with exits",
        "the same without exits",
        0.5,
        Entry(lambda _: ours(bars, DecidedExits((EXITS,))), 15),
        Entry(lambda _: ours(bars), 15),
    )


def ours(bars: Bars, exits: DecidedExits = WITHOUT_EXITS) -> Fills:
    """Run the same back-test."""
    target = strategy_named("ema_cross").target(bars, PARAMS)
    target[:WARM_UP] = 0.0
    return simulate(bars, target, FillModel(slippage=0.0), exits)


def assert_same_fills(bars: Bars, theirs: list[tuple[int, float]]) -> None:
    """Compare count, bar and price; the last close is never filled here, at once there."""
    made = ours(bars)
    filled = np.flatnonzero(made.traded)
    expected = np.array([fill for fill in theirs if fill[0] < len(bars) - 1])
    assert len(filled) > 1_000, f"P12: only {len(filled)} fills"
    assert np.array_equal(expected[:, 0] + 1, filled), "P12: fills at other bars"
    # Prices are multiples of 0.1; theirs come with the rounding of a binary fraction.
    assert np.allclose(made.trades["entry_price"], expected[:, 1], rtol=1e-12), "P12: other prices"
