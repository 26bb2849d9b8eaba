"""Always-valid interval of a mean: it covers at every look at once, however often one looks.

Outcomes that overlap, or share a regime, depend on each other. Their sums over long blocks hardly
do, so blocks are the sample. A normal mixture over the effect size, with the spread integrated
out, gives an e-value of every hypothetical mean; the interval is of the means that it leaves
(Lai, 1976; Wang and Ramdas, 2025). It needs blocks that are roughly normal and hardly depend on
each other; where something outlasts them for long, a stronger regime say, it covers less often.

Pure, of constant cost per outcome, and without a numerical library, for processors and the gateway.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from schemas.blocks import BlockSums
from streams.evaluation.interval import Interval

FEWEST_BLOCKS = 10
TIGHTEST_AT = 50  # blocks at which no other mixture gives a shorter interval, about
HORIZONS_PER_BLOCK = 4
SHORTEST_BLOCK = 96  # bars: about as long as a regime that favours one side
ROUNDING = 1e-15  # spread that blocks of one mean may show, over their squares
FARTHEST = 1_000_000  # blocks ahead that are worth naming


def block_bars(horizon_bars: int) -> int:
    """Return the length of a block of outcomes that last ``horizon_bars``, in bars.

    >>> block_bars(30)
    120
    """
    return max(HORIZONS_PER_BLOCK * horizon_bars, SHORTEST_BLOCK)


def add_outcome(sums: BlockSums, block: int, amount: float, count: int = 1) -> BlockSums:
    """Return the sums with one more outcome.

    Args:
        sums: Of the outcomes before it.
        block: Number of its block, such as its time over the length of a block; never falls.
        amount: Its value, or the sum of ``count`` values.
        count: How many outcomes it stands for.

    Raises: ValueError for a block before the open one, or an amount that is not finite.
    """
    if block < max(sums.block, 0):
        raise ValueError(f"expected block {max(sums.block, 0)} or later, got {block}")
    if not math.isfinite(amount):
        raise ValueError(f"expected a finite amount, got {amount}")
    if block == sums.block:
        return sums.changed({"amount": sums.amount + amount, "count": sums.count + count})
    opened = {"block": block, "amount": float(amount), "count": count}
    return sums.changed(opened if sums.count == 0 else opened | _closed(sums))


def block_sums(amounts: Sequence[float], counts: Sequence[int]) -> BlockSums:
    """Return the sums after whole blocks, which ``add_outcome`` reaches one by one.

    Args:
        amounts: Sum over the outcomes of each block.
        counts: How many each has.
    """
    blocks = len(amounts)
    if not blocks:
        return BlockSums()
    amount_mean, count_mean = math.fsum(amounts) / blocks, sum(counts) / blocks
    off = [(a - amount_mean, n - count_mean) for a, n in zip(amounts, counts, strict=True)]
    return BlockSums(
        blocks=blocks,
        amount_mean=amount_mean,
        count_mean=count_mean,
        amount_squares=math.fsum(a * a for a, _ in off),
        count_squares=math.fsum(n * n for _, n in off),
        cross_products=math.fsum(a * n for a, n in off),
    )


def _closed(sums: BlockSums) -> dict[str, float]:
    """Return the moments with the open block among them (Welford, 1962)."""
    blocks = sums.blocks + 1
    amount, count = sums.amount - sums.amount_mean, sums.count - sums.count_mean
    amount_mean = sums.amount_mean + amount / blocks
    count_mean = sums.count_mean + count / blocks
    return {
        "blocks": blocks,
        "amount_mean": amount_mean,
        "count_mean": count_mean,
        "amount_squares": sums.amount_squares + amount * (sums.amount - amount_mean),
        "count_squares": sums.count_squares + count * (sums.count - count_mean),
        "cross_products": sums.cross_products + amount * (sums.count - count_mean),
    }


def mean_sequence(
    sums: BlockSums, level: float = 0.95, tightest_at: int = TIGHTEST_AT
) -> Interval | None:
    """Return where the mean of one outcome lies, with probability ``level`` at all looks together.

    Args:
        sums: Of blocks; outcomes of the open one do not count yet.
        level: Fixed before the first look.
        tightest_at: Number of blocks to be shortest at; fixed before the first look.

    Blocks of unequal counts give the mean of outcomes, not of blocks. None below 10 blocks, where
    all have one mean, or where the blocks say too little to bound it on both sides.
    """
    reach = _reach(sums.blocks, level, tightest_at)
    if _says_nothing(sums) or reach is None:
        return None
    # A mean m is left where blocks * (amount - m count)^2 <= reach * squares of (amount - m count).
    square = sums.blocks * sums.count_mean**2 - reach * sums.count_squares
    half = sums.blocks * sums.amount_mean * sums.count_mean - reach * sums.cross_products
    constant = sums.blocks * sums.amount_mean**2 - reach * sums.amount_squares
    if square <= 0.0:
        return None
    root = math.sqrt(max(half**2 - square * constant, 0.0))
    return Interval((half - root) / square, (half + root) / square, level)


def blocks_to_decide(
    sums: BlockSums, level: float = 0.95, tightest_at: int = TIGHTEST_AT
) -> int | None:
    """Return how many more blocks exclude a mean of 0 if mean and spread stay as they are.

    0 if they exclude it already. None below 10 blocks, where all have one sum, beyond a million.
    """
    if _says_nothing(sums) or sums.amount_squares <= 0.0:
        return None
    ratio = sums.blocks * sums.amount_mean**2 / sums.amount_squares

    def excludes(blocks: int) -> bool:
        reach = _reach(blocks, level, tightest_at)
        return reach is not None and ratio > reach

    return _fewest(lambda more: excludes(sums.blocks + more))


def blocks_to_tell_apart(one: BlockSums, other: BlockSums, level: float = 0.95) -> int | None:
    """Return how many more blocks of both together part the intervals of their means.

    Means, spreads and the share of each stay as they are. None as of ``blocks_to_decide``.

    Args:
        one: Of blocks of one outcome each.
        other: The same of another stream.
        level: Of each interval.
    """
    if _says_nothing(one) or _says_nothing(other):
        return None
    blocks, gap = one.blocks + other.blocks, abs(one.amount_mean - other.amount_mean)

    def half_width(sums: BlockSums, more: int) -> float:
        reach = _reach(sums.blocks + more * sums.blocks // blocks, level, TIGHTEST_AT)
        return math.inf if reach is None else math.sqrt(reach * sums.amount_squares / sums.blocks)

    return _fewest(lambda more: half_width(one, more) + half_width(other, more) < gap)


def _fewest(decides: Callable[[int], bool]) -> int | None:
    """Return the least number from which on ``decides`` holds, 0 to a million; None: none."""
    if not decides(FARTHEST):
        return None
    low, high = -1, FARTHEST
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if decides(middle) else (middle, high)
    return high


def _says_nothing(sums: BlockSums) -> bool:
    """Whether there are few blocks, or all of them have one mean: an accident, no certainty."""
    if sums.blocks < FEWEST_BLOCKS or sums.count_mean <= 0.0:
        return True
    mean = sums.amount_mean / sums.count_mean
    squares = sums.amount_squares - mean * (2.0 * sums.cross_products - mean * sums.count_squares)
    size = sums.amount_squares + sums.blocks * sums.amount_mean**2
    return squares <= ROUNDING * size


def _reach(blocks: int, level: float, tightest_at: int) -> float | None:
    """Return the largest ``n mean^2 / squares`` whose e-value stays below ``1 / (1 - level)``.

    The e-value of the mean 0, by an effect size of variance g, with k = 1 + n g:
    sqrt(1/k) ((1 + u) / (1 + u/k))^(n/2), where u = n mean^2 / squares. None: it never gets there.
    """
    if not 0.5 <= level < 1.0:
        raise ValueError(f"expected a level from 0.5 to below 1, got {level}")
    if blocks < 2:
        return None
    surprise = -2.0 * math.log1p(-level)
    # Close to the least width at that number of blocks (Waudby-Smith et al., 2024, appendix B).
    variance = (surprise + math.log(surprise) + 1.0) / tightest_at
    k = 1.0 + blocks * variance
    growth = (math.log(k) + surprise) / blocks
    if growth >= math.log(k):
        return None
    return k * math.expm1(growth) / (k - math.exp(growth))
