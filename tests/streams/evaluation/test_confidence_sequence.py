"""The confidence sequence: its e-value against SciPy's, its streaming sums against NumPy's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from schemas.blocks import BlockSums
from streams.evaluation.confidence_sequence import (
    FEWEST_BLOCKS,
    TIGHTEST_AT,
    add_outcome,
    block_bars,
    block_sums,
    blocks_to_decide,
    blocks_to_tell_apart,
    mean_sequence,
)

BLOCKS = st.lists(
    st.lists(st.floats(-1.0, 1.0).map(lambda value: round(value, 4)), min_size=1, max_size=5),
    min_size=FEWEST_BLOCKS,
    max_size=30,
)


def summed(blocks):
    """Return the sums of blocks of outcomes, all of them closed."""
    sums = BlockSums()
    for number, block in enumerate(blocks):
        for value in block:
            sums = add_outcome(sums, number, float(value))
    return add_outcome(sums, len(blocks), 0.0)


def drawn(blocks, mean=0.0, seed=3):
    return np.random.default_rng(seed).normal(mean, 1.0, (blocks, 1))


def e_value(values, level=0.95):
    """Return the e-value of a mean of 0 as an average of likelihood ratios of Student's t."""
    n, surprise = len(values), -2.0 * math.log(1.0 - level)
    deviation = math.sqrt((surprise + math.log(surprise) + 1.0) / TIGHTEST_AT)
    t = float(np.mean(values) / (np.std(values, ddof=1) / math.sqrt(n)))

    def likelihood(effect):
        return stats.nct.pdf(t, n - 1, effect * math.sqrt(n)) * stats.norm.pdf(
            effect, 0.0, deviation
        )

    return integrate.quad(likelihood, -6.0, 6.0, limit=500)[0] / stats.t.pdf(t, n - 1)


@pytest.mark.parametrize("level", [0.95, 0.99])
@pytest.mark.parametrize("blocks", [12, 40])
def test_bounds_are_where_the_e_value_of_a_mean_reaches_its_threshold(blocks, level):
    values = drawn(blocks, mean=0.8)

    interval = mean_sequence(summed(values), level)

    assert interval is not None
    for bound in (interval.low, interval.high):
        assert e_value(values[:, 0] - bound, level) == pytest.approx(1.0 / (1.0 - level), rel=1e-6)


def test_bounds_of_unequal_blocks_are_where_the_e_value_of_their_deviations_reaches_it():
    generator = np.random.default_rng(5)
    blocks = [generator.normal(0.4, 1.0, size) for size in generator.integers(1, 9, 25)]

    interval = mean_sequence(summed(blocks))

    assert interval is not None
    for bound in (interval.low, interval.high):
        deviations = np.array([block.sum() - bound * block.size for block in blocks])
        assert e_value(deviations) == pytest.approx(20.0, rel=1e-6)


@given(BLOCKS)
def test_the_sums_are_the_moments_of_the_closed_blocks(blocks):
    sums = summed(blocks)
    totals, counts = np.array([sum(block) for block in blocks]), np.array(list(map(len, blocks)))
    products = np.cov(totals, counts, ddof=0) * len(blocks)

    assert sums.blocks == len(blocks)
    assert (sums.amount_mean, sums.count_mean) == pytest.approx((totals.mean(), counts.mean()))
    found = [sums.amount_squares, sums.cross_products, sums.count_squares]
    assert found == pytest.approx([products[0, 0], products[0, 1], products[1, 1]], abs=1e-9)


@given(BLOCKS)
def test_whole_blocks_at_once_have_the_sums_of_their_outcomes_one_by_one(blocks):
    at_once = block_sums([math.fsum(block) for block in blocks], [len(block) for block in blocks])
    one_by_one = summed(blocks).changed({"block": -1, "amount": 0.0, "count": 0})

    assert vars(at_once) == pytest.approx(vars(one_by_one), abs=1e-9)
    assert block_sums([], []) == BlockSums()


@given(BLOCKS, st.floats(0.01, 100.0), st.floats(-10.0, 10.0))
def test_another_unit_and_another_origin_move_the_interval_alike(blocks, unit, origin):
    before = mean_sequence(summed(blocks))
    after = mean_sequence(summed([[unit * value + origin for value in block] for block in blocks]))

    if before is not None and after is not None and before.high - before.low > 1e-3:
        expected = [unit * before.low + origin, unit * before.high + origin]
        assert [after.low, after.high] == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_the_open_block_does_not_count_yet():
    sums = summed(drawn(20))

    assert mean_sequence(add_outcome(sums, sums.block, 1e6)) == mean_sequence(sums)


def test_more_blocks_and_a_lower_level_make_it_shorter():
    widths = [
        interval.high - interval.low
        for blocks in (20, 80, 320)
        for level in (0.99, 0.95)
        if (interval := mean_sequence(summed(drawn(blocks)), level))
    ]

    assert widths == sorted(widths, reverse=True)
    assert len(widths) == 6


def test_few_blocks_and_blocks_without_spread_have_no_interval():
    few, equal = summed(drawn(FEWEST_BLOCKS - 1)), summed([[0.1] * 7] * 30)

    assert mean_sequence(few) is None
    assert mean_sequence(equal) is None
    assert mean_sequence(summed([[0.0]] * 30)) is None
    assert mean_sequence(summed([[1.0] * (1 + number % 5) for number in range(30)])) is None
    assert blocks_to_decide(few) is None
    assert blocks_to_decide(summed([[1.0 / n] * n for n in (1, 2, 4) * 10])) is None
    assert blocks_to_decide(equal) is None


def test_blocks_of_wildly_unequal_counts_bound_nothing():
    blocks = [[0.1]] * 11 + [[(-1.0) ** i for i in range(2_000)]]

    assert mean_sequence(summed(blocks)) is None


def test_blocks_to_decide_is_the_first_number_that_decides():
    sums = summed(drawn(12, mean=0.3))
    more = blocks_to_decide(sums)

    def decides(blocks):
        """Whether that many blocks of the same mean and spread exclude 0."""
        scale = blocks / sums.blocks
        grown = sums.changed({"blocks": blocks, "amount_squares": sums.amount_squares * scale})
        interval = mean_sequence(grown)
        return interval is not None and (interval.low > 0.0 or interval.high < 0.0)

    assert more is not None
    assert more > 0
    assert [decides(sums.blocks + more - 1), decides(sums.blocks + more)] == [False, True]


def test_blocks_to_tell_two_means_apart_is_the_first_number_whose_intervals_part():
    one, other = summed(drawn(40, mean=0.5)), summed(drawn(20, mean=0.2, seed=4))
    more = blocks_to_tell_apart(one, other)

    def grown(sums, more):
        """The same mean and spread of that many more blocks of both together, by its share."""
        blocks = sums.blocks + more * sums.blocks // 60
        scale = blocks / sums.blocks
        return sums.changed({"blocks": blocks, "amount_squares": sums.amount_squares * scale})

    def parted(more):
        ours, theirs = mean_sequence(grown(one, more)), mean_sequence(grown(other, more))
        assert ours is not None
        assert theirs is not None
        return max(ours.low - theirs.high, theirs.low - ours.high) > 0.0

    assert more is not None
    assert more > 0
    assert [parted(more - 1), parted(more)] == [False, True]
    assert blocks_to_tell_apart(one, one) is None
    assert blocks_to_tell_apart(one, summed(drawn(FEWEST_BLOCKS - 1))) is None


def test_nothing_is_left_to_wait_for_once_zero_is_excluded_and_for_ever_without_an_effect():
    even = summed([[value] for value in (1.0, -1.0) * 10])

    assert blocks_to_decide(summed(drawn(60, mean=2.0))) == 0
    assert blocks_to_decide(even) is None


@pytest.mark.parametrize(
    ("block", "amount", "message"),
    [
        (4, 1.0, "expected block 5 or later, got 4"),
        (5, math.nan, "expected a finite amount, got nan"),
        (6, math.inf, "expected a finite amount, got inf"),
    ],
)
def test_an_earlier_block_and_an_amount_that_is_not_finite_are_refused(block, amount, message):
    sums = add_outcome(BlockSums(), 5, 1.0)

    with pytest.raises(ValueError, match=message):
        add_outcome(sums, block, amount)


@pytest.mark.parametrize("level", [0.4, 1.0, 1.5])
def test_a_level_that_is_no_level_is_refused(level):
    with pytest.raises(ValueError, match=r"expected a level from 0\.5 to below 1"):
        mean_sequence(summed(drawn(20)), level)


def test_a_block_lasts_four_horizons_and_as_long_as_a_regime():
    assert [block_bars(horizon) for horizon in (1, 24, 60)] == [96, 96, 240]


def test_the_state_does_not_grow():
    assert len(summed(drawn(2_000)).encode()) < 300
