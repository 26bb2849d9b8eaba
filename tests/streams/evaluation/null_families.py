"""Streams of paired outcomes without an effect, and when a sequence of block means falls for one.

Each family has mean 0 and breaks an independence in its own way. A stream has one outcome a bar.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from streams.evaluation.confidence_sequence import FEWEST_BLOCKS, TIGHTEST_AT, _reach

Streams = NDArray[np.float64]  # shape (streams, bars)
Family = Callable[[np.random.Generator, int, int], Streams]

BATCH = 250  # streams at a time


def overlapping(horizon: int) -> Family:
    """Outcomes of ``horizon`` bars, one begun at each bar: neighbours share all bars but one."""

    def draw(generator: np.random.Generator, streams: int, bars: int) -> Streams:
        steps = generator.standard_normal((streams, bars + horizon)).cumsum(axis=1)
        return np.asarray((steps[:, horizon:] - steps[:, :-horizon]) / math.sqrt(horizon))

    return draw


def autoregressive(generator: np.random.Generator, streams: int, bars: int) -> Streams:
    """A third of each outcome is left in the next."""
    noise = generator.standard_normal((bars, streams))
    out = np.empty((bars, streams))
    value = noise[0] / math.sqrt(1.0 - 0.3**2)
    for bar in range(bars):
        value = 0.3 * value + noise[bar]
        out[bar] = value
    return out.T


def garch(generator: np.random.Generator, streams: int, bars: int) -> Streams:
    """Wild times follow wild times (Bollerslev, 1986)."""
    noise = generator.standard_normal((bars, streams))
    out, variance = np.empty((bars, streams)), np.ones(streams)
    for bar in range(bars):
        out[bar] = np.sqrt(variance) * noise[bar]
        variance = 0.02 + 0.08 * out[bar] ** 2 + 0.9 * variance
    return out.T


def regime_switching(generator: np.random.Generator, streams: int, bars: int) -> Streams:
    """One side is better for a hundred bars, in calm; the other for the next, in a storm."""
    switches = generator.random((streams, bars)) < 1.0 / 100.0
    switches[:, 0] = generator.random(streams) < 0.5
    storm = switches.cumsum(axis=1) % 2 == 1
    noise = generator.standard_normal((streams, bars))
    return np.asarray(np.where(storm, 2.0 * noise + 0.1, noise - 0.1))


def heavy_tailed(generator: np.random.Generator, streams: int, bars: int) -> Streams:
    """Student's t with 4 degrees of freedom: no fourth moment."""
    return np.asarray(generator.standard_t(4, (streams, bars)) / math.sqrt(2.0))


FAMILIES: dict[str, tuple[int, Family]] = {  # with the horizon of their outcomes, in bars
    "overlap 1": (1, overlapping(1)),
    "overlap 4": (4, overlapping(4)),
    "overlap 12": (12, overlapping(12)),
    "overlap 24": (24, overlapping(24)),
    "autoregressive": (1, autoregressive),
    "garch": (1, garch),
    "regime switching": (1, regime_switching),
    "t4": (1, heavy_tailed),
}


def batches(family: Family, streams: int, bars: int, seed: int) -> Iterator[Streams]:
    """Yield a number of streams of a family, a few at a time."""
    generator = np.random.default_rng(seed)
    for first in range(0, streams, BATCH):
        yield family(generator, min(BATCH, streams - first), bars)


def first_exclusions(
    outcomes: Streams, block: int, side: int, level: float = 0.95
) -> NDArray[np.int64]:
    """Return after how many blocks 0 is first excluded on a side, -1 for never, shape (streams,).

    The same as ``mean_sequence`` after every outcome: it changes only where a block closes.
    ``side`` is 1 where the interval is to lie above 0, -1 where below.
    """
    streams, bars = outcomes.shape
    blocks = bars // block
    sums = outcomes[:, : blocks * block].reshape(streams, blocks, block).sum(axis=2)
    n = np.arange(1, blocks + 1)
    mean = sums.cumsum(axis=1) / n
    squares = np.square(sums).cumsum(axis=1) - n * mean**2
    reach = np.array([_reach(int(each), level, TIGHTEST_AT) or np.inf for each in n])
    with np.errstate(invalid="ignore"):  # infinite times no spread of the first block
        excluded = (n * mean**2 > reach * squares) & (side * mean > 0.0) & (n >= FEWEST_BLOCKS)
    return np.where(excluded.any(axis=1), excluded.argmax(axis=1) + 1, -1)
