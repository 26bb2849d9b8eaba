"""The feature kernel against the indicator libraries: goals P1 to P4, correctness beside each.

Every race of single bars calls the compiled step from Python, as the processor does; it computes
all features each time, the peer only those that both have.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from schemas.timeframes import MINUTE_MS
from streams.features import kernel
from streams.features.catalog import FEATURE_NAMES, FEATURES, OUTPUTS
from streams.features.rolling import RINGS
from tests.bench import feature_peers as peers
from tests.bench.peer_process import not_run
from tests.bench.race import Entry, race
from tests.conformance.indicator_oracles import ORACLES, MarketColumns

HISTORY = 10_000  # bars: the default history of a symbol
CHUNK = 200  # bars in one timed call, so that the clock itself costs nothing
NAN = float("nan")

Row = dict[str, object]


class Ours:
    """The kernel, fed bar by bar from Python."""

    def __init__(self) -> None:
        self.state, self.rings = np.zeros(1, kernel.STATE), np.zeros(1, RINGS)
        rows = np.empty((1, len(FEATURE_NAMES)))
        self.out, self.row = rows.reshape(-1).view(OUTPUTS), rows[0]
        self.seen = 0

    def update(self, bars: Iterable[tuple[float, ...]]) -> None:
        """Fold some bars, one call each."""
        step, state, rings, out, row = kernel.step, self.state, self.rings, self.out, self.row
        for close_index, bar in enumerate(bars, start=self.seen + 1):
            step(state, rings, *bar, NAN, NAN, NAN, close_index, MINUTE_MS, out, row)
            self.seen = close_index


def rows() -> list[Row]:
    """Run P1 to P4; an AssertionError means that an answer, not a speed, is wrong."""
    kernel.prepare()
    bars = walk(HISTORY)
    return [
        against_talipp(bars),
        *against_talib(bars),
        against_nautilus(bars),
        batch_against_talib(bars),
        *agreement(bars),
    ]


def walk(count: int, seed: int = 3) -> NDArray[np.float64]:
    """Return a random walk as bars, shape (T, 5)."""
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.standard_t(4, count) * 0.002))
    before = np.concatenate([[100.0], close[:-1]])
    reach = np.exp(np.abs(rng.normal(0.0, 0.001, (2, count))))
    high, low = np.maximum(before, close) * reach[0], np.minimum(before, close) / reach[1]
    return np.stack([before, high, low, close, rng.lognormal(3.0, 1.0, count)], axis=1)


def features(bars: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the kernel's batch over the bars."""
    columns = dict(zip(kernel.COLUMNS[:5], bars.T, strict=True))
    return kernel.batch_features(kernel.BarColumns.of(np.arange(1, len(bars) + 1), **columns))


def our_entry(bars: NDArray[np.float64], chunk: int = CHUNK) -> Entry:
    """Return our side of a race over single bars."""
    ours, feed = Ours(), peers.endless(bars)
    return Entry(lambda _: ours.update(itertools.islice(feed, chunk)), 15)


def against_talipp(bars: NDArray[np.float64]) -> Row:
    """P1."""
    theirs, values = peers.Talipp(), features(bars[:3000])[-1]
    for bar in bars[:3000].tolist():
        theirs.update(tuple(bar))
    for name, value in theirs.shared().items():
        gap = abs(values[FEATURE_NAMES.index(name)] - value)
        assert gap <= 1e-8, f"P1: {name} differs by {gap}"

    feed = peers.endless(bars)

    def work(_: int) -> None:
        for bar in itertools.islice(feed, CHUNK):
            theirs.update(bar)

    title = f"P1 one bar: {len(FEATURES)} features against {theirs.outputs} of them"
    return race(title, "talipp 2.7.0", 50.0, our_entry(bars), Entry(work, 5))


def against_talib(bars: NDArray[np.float64]) -> list[Row]:
    """P2, on a window as in the goal, and against the stateful handles that 0.8 brought."""
    columns = peers.series(bars)
    handles = peers.TalibHandles(columns, 1000)
    names = tuple(columns)
    feed = peers.endless(np.stack(list(columns.values()), axis=1)[1000:])

    def windows(call: int) -> None:
        for i in range(20):
            peers.talib_window(columns, 300 + (20 * call + i) % (HISTORY - 300))

    def carried(_: int) -> None:
        for bar in itertools.islice(feed, CHUNK):
            handles.update(dict(zip(names, bar, strict=True)))

    title = f"P2 one bar: {len(FEATURES)} features against {peers.TALIB_OUTPUTS} of them"
    window = race(
        title, "TA-Lib 0.8.2 stream, 300-bar window", 40.0, our_entry(bars, 20), Entry(windows, 7)
    )
    state = race(title, "TA-Lib 0.8.2 stateful handles", 1.0, our_entry(bars), Entry(carried, 7))
    return [window, state]


def against_nautilus(bars: NDArray[np.float64]) -> Row:
    """P2 per output; not run, with its reason, where that environment cannot be made."""
    title, bar = "P2 one bar, per output", 12.0
    with tempfile.TemporaryDirectory() as folder:
        try:
            theirs = peers.NautilusIndicators(bars, Path(folder))
            answer = theirs.update(3000)
        except OSError as error:
            return not_run(title, "nautilus_trader", error)
        assert len(answer) == theirs.outputs, f"P2: {len(answer)} outputs"
        values = dict(zip(FEATURE_NAMES, features(bars[:3000])[-1].tolist(), strict=True))
        close = bars[2999, 3]
        for name, value in {
            "sma_distance_200": close / answer["6 SimpleMovingAverage value"] - 1.0,
            "ema_distance_26": close / answer["8 ExponentialMovingAverage value"] - 1.0,
            "macd_line": answer["13 MovingAverageConvergenceDivergence value"] / close,
            "rsi_14": 100.0 * answer["1 RelativeStrengthIndex value"],
        }.items():
            assert abs(values[name] - value) <= 1e-6, f"P2: {name} {values[name]}, theirs {value}"
        raced = race(
            title,
            f"{theirs.version}, Cython",
            bar,
            our_entry(bars, 1000),
            Entry(lambda _: theirs.update(1000), 5),
        )
        theirs.process.stop()
    return per_output(raced, len(FEATURES) / theirs.outputs)


def batch_against_talib(bars: NDArray[np.float64]) -> Row:
    """P3."""
    columns = peers.series(bars)
    raced = race(
        f"P3 batch of {HISTORY} bars, per column",
        "TA-Lib 0.8.2",
        round(1.0 / 1.5, 3),
        Entry(lambda _: features(bars), 15),
        Entry(lambda _: peers.talib_batch(columns), 15),
    )
    return per_output(raced, len(FEATURES) / peers.TALIB_OUTPUTS)


def per_output(row: Row, outputs: float) -> Row:
    """Return a row with its ratio scaled to the outputs of both sides."""
    ratio = float(str(row["ratio"])) * outputs
    return row | {"ratio": round(ratio, 2), "holds": ratio >= float(str(row["bar"]))}


def agreement(bars: NDArray[np.float64]) -> list[Row]:
    """P4: one bar at a time and batch to the bit, and all against the oracles."""
    values, ours = features(bars), Ours()
    unequal = 0
    for t, bar in enumerate(bars.tolist()):
        ours.update([tuple(bar)])
        unequal += not np.array_equal(ours.row, values[t], equal_nan=True)
    assert unequal == 0, f"P4: {unequal} bars differ between incremental and batch"

    columns = [*bars.T.copy()] + 3 * [np.full(len(bars), np.nan)]
    market = MarketColumns(np.arange(1, len(bars) + 1), *columns)
    worst = 0.0
    for i, feature in enumerate(FEATURES):
        if not feature.optional:
            with np.errstate(invalid="ignore", divide="ignore"):
                gap = np.abs(values[:, i] - ORACLES[feature.name](market))
            worst = max(worst, float(gap[feature.first_bar(1) - 1 :].max()))
    limit = 1e-10
    assert worst <= limit, f"P4: a feature differs from its oracle by {worst}"
    absolute = {"peer": "spec", "spread": 0.0, "bar": 1.0, "holds": True}
    return [
        {"name": "P4 incremental and batch bit-equal", "ratio": 1.0} | absolute,
        {"name": f"P4 worst gap to TA-Lib {worst:.1e}, limit {limit:.0e}"}
        | {"ratio": round(limit / worst, 2)}
        | absolute,
    ]
