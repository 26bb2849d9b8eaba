"""Bounds of a mean that hold however often one looks, on means of blocks.

Labels of neighbouring predictions overlap, so single ones would overstate the evidence. Blocks of
four horizons are nearly independent, and their deviation is known from the reference.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from operator import sub, truediv

from schemas.record import Record

NEWEST = 32  # blocks of which each may be where a change began
TUNED_TO = 16.0  # blocks at which the bound is narrowest
DIGITS = 6
HIGHEST_ERROR = 0.05


class BlockMeans(Record):
    """Means of the blocks of a series."""

    newest: tuple[float, ...] = ()  # oldest first
    total: float = 0.0  # of all
    blocks: int = 0


def add_block(means: BlockMeans, mean: float) -> BlockMeans:
    """Return the means with that of one more block."""
    mean = round(mean, DIGITS)
    return BlockMeans.unchecked(
        newest=(*means.newest[1 - NEWEST :], mean),
        total=means.total + mean,
        blocks=means.blocks + 1,
    )


@lru_cache(maxsize=4_096)  # blocks are counted again at each look
def half_width(blocks: int, deviation: float, error: float) -> float:
    """Return how far the mean of some blocks may lie above the true mean, at any look.

    The one-sided normal mixture of Howard, Ramdas, McAuliffe and Sekhon (2021), Annals of
    Statistics 49(2), proposition 6.

    Args:
        blocks: 1 or more.
        deviation: Of a block's mean.
        error: Probability that it ever lies farther.
    """
    variance = blocks * deviation**2
    mixing = TUNED_TO * deviation**2 / (2.0 * math.log(1.0 / error))
    if variance == 0.0:
        return 0.0
    spread = variance + mixing
    odds = math.sqrt(spread / mixing) / (2.0 * error) + 1.0
    return math.sqrt(2.0 * spread * math.log(odds)) / blocks


def lower_bound(means: BlockMeans, deviation: float, error: float, fewest: int) -> float | None:
    """Return the highest lower bound of the mean since any of the newest blocks, or since all.

    An alarm when it exceeds a limit comes falsely once in 1 / (2 error) blocks or less often
    (Shekhar and Ramdas, 2023, "Reducing sequential change detection to sequential estimation").
    None for fewer than ``fewest`` blocks.
    """
    if means.blocks < fewest:
        return None
    totals = list(accumulate(reversed(means.newest)))[fewest - 1 :]
    counts, widths = _newest_widths(fewest, deviation, error)
    since_any = max(map(sub, map(truediv, totals, counts), widths), default=-math.inf)
    since_all = means.total / means.blocks - half_width(means.blocks, deviation, error)
    return max(since_any, since_all)


@lru_cache(maxsize=256)  # the same at each look
def _newest_widths(
    fewest: int, deviation: float, error: float
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the numbers of newest blocks of which there are enough, and each one's half width."""
    counts = range(fewest, NEWEST + 1)
    widths = tuple(half_width(count, deviation, error) for count in counts)
    return tuple(map(float, counts)), widths


def error_rate(run_length_days: float, block_ms: int, detectors: int) -> float:
    """Return the error of each bound, so that all detectors together keep an average run length."""
    blocks = run_length_days * 86_400_000.0 / block_ms
    return min(1.0 / (2.0 * blocks * detectors), HIGHEST_ERROR)


def first_alarm(
    blocks: Sequence[float], deviation: float, error: float, limit: float, fewest: int
) -> int | None:
    """Return after how many blocks the lower bound exceeds the limit; None: never."""
    means = BlockMeans()
    for number, block in enumerate(blocks, start=1):
        means = add_block(means, block)
        bound = lower_bound(means, deviation, error, fewest)
        if bound is not None and bound > limit:
            return number
    return None
