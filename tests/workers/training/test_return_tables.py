"""What ideas earn by their score: bounds that hold after the choice, and a mean that rises."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.training.return_tables import MOST_CELLS, cell_count, return_table

HORIZON = 15
STEPS = st.sampled_from([-0.2, -0.1, 0.0, 0.1, 0.2])


def overlapping_market(rng, count, slope):
    """Scores that persist, and returns over ``HORIZON`` bars whose mean is ``slope`` times them."""
    from scipy.signal import lfilter

    steps = rng.standard_t(4, count + HORIZON).cumsum()
    noise = (steps[HORIZON:] - steps[:-HORIZON]) / np.sqrt(2.0 * HORIZON)
    score = (
        0.1 * lfilter([np.sqrt(1.0 - 0.95**2)], [1.0, -0.95], rng.normal(size=count + 200))[200:]
    )
    return score, 1e-3 * (slope * score + noise)


@pytest.mark.parametrize("slope", [0.0, 2.0])
def test_bounds_hold_at_all_scores_together_as_often_as_they_say(slope):
    rng, blocks, together = np.random.default_rng(4), np.arange(2_400) // (8 * HORIZON), []
    count = cell_count(20)
    for _ in range(100):
        score, earned = overlapping_market(rng, 2_400, slope)
        table = return_table(score, earned, blocks)
        assert table is not None
        middle = np.quantile(score, (np.arange(count) + 0.5) / count)
        step = np.searchsorted(table.edges, middle, side="right")
        truth = 1e-3 * slope * middle
        low, high = np.array(table.low)[step], np.array(table.high)[step]
        together.append(bool(((low <= truth) & (truth <= high)).all()))

    assert np.mean(together) >= 0.84  # 0.9 less two errors of a share of 100


def test_an_edge_that_is_there_is_kept_and_one_that_is_not_shrinks_to_zero():
    rng, blocks = np.random.default_rng(1), np.arange(20_000) // 20
    score = rng.normal(scale=0.1, size=20_000)
    noise = rng.normal(scale=1e-3, size=20_000)

    real, none = (return_table(score, slope * score + noise, blocks) for slope in (1e-2, 0.0))

    assert real is not None
    assert none is not None
    assert real.mean[0] < -5e-4 < 5e-4 < real.mean[-1]
    assert real.low[-1] > 0.0
    assert max(map(abs, none.mean)) < 5e-5
    assert none.low[-1] < 0.0 < none.high[0]


def test_a_strong_edge_is_told_in_finer_steps_than_a_weak_one():
    rng, blocks = np.random.default_rng(6), np.arange(4_000) // 20
    score, noise = rng.normal(size=(2, 4_000))

    weak, strong = (return_table(score, slope * score + noise, blocks) for slope in (0.1, 10.0))

    assert weak is not None
    assert strong is not None
    assert len(weak.low) <= cell_count(200) < len(strong.low) <= MOST_CELLS


def test_returns_that_fall_with_the_score_have_one_step_for_all_scores():
    rng, blocks = np.random.default_rng(2), np.arange(4_000) // 20
    score = rng.normal(scale=0.1, size=4_000)

    table = return_table(score, 1e-3 - 1e-2 * score + rng.normal(scale=1e-3, size=4_000), blocks)

    assert table is not None
    assert table.edges == ()
    assert table.low[0] < table.mean[0] < table.high[0]
    assert table.mean[0] == pytest.approx(1e-3, abs=2e-4)


def test_what_is_unknown_counts_for_nothing():
    rng = np.random.default_rng(3)
    score, earned = rng.normal(size=(2, 400))
    blocks = np.arange(400) // 10
    holes = earned.copy()
    holes[::3] = np.nan
    known = ~np.isnan(holes)

    assert return_table(score, holes, blocks) == return_table(
        score[known], holes[known], blocks[known]
    )


@settings(max_examples=30, deadline=None)
@given(st.lists(STEPS, min_size=10, max_size=40), st.integers(0, 9))
def test_a_return_table_is_one_whatever_its_rows(scores, seed):
    rng = np.random.default_rng(seed)

    table = return_table(np.array(scores), rng.normal(size=len(scores)), np.arange(len(scores)))

    assert table is not None  # its steps are checked where it is made
    assert all(edge in scores for edge in table.edges)


def test_too_few_blocks_of_time_have_no_return_table():
    few = np.arange(90) // 10

    assert return_table(np.arange(90.0), np.arange(90.0), few) is None
    assert return_table(np.arange(90.0), np.full(90, np.nan), np.arange(90)) is None
    assert return_table(np.empty(0), np.empty(0), np.empty(0, np.int64)) is None
