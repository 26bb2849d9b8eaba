"""Tests at one look: against SciPy and statsmodels, undefined where they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportions_ztest

from streams.evaluation.fixed_sample import Sample, student_p_value, welch_test, win_rate_test


def sample(values):
    return Sample(len(values), float(np.mean(values)), float(np.var(values, ddof=1)))


@pytest.mark.parametrize("sizes", [(2, 2), (100, 130), (5, 4_000)])
def test_welch_is_scipys(sizes):
    generator = np.random.default_rng(1)
    one, other = generator.normal(0.1, 1.0, sizes[0]), generator.normal(0.0, 3.0, sizes[1])
    expected = stats.ttest_ind(one, other, equal_var=False)

    found = welch_test(sample(one), sample(other))

    assert found is not None
    assert [found.statistic, found.degrees, found.p_value] == pytest.approx(
        [expected.statistic, expected.df, expected.pvalue], rel=1e-9
    )


@given(st.floats(0.0, 1e6), st.floats(1.0, 1e6))
@example(1e-4, 1e6)
def test_the_p_value_of_students_t_is_scipys(statistic, degrees):
    expected = 2.0 * stats.t.sf(statistic, degrees)

    assert student_p_value(statistic, degrees) == pytest.approx(expected, rel=1e-7, abs=1e-12)


@given(st.integers(1, 500), st.integers(1, 500), st.data())
def test_the_test_of_win_rates_is_the_pooled_one_of_statsmodels(trades, other_trades, data):
    wins, other_wins = (data.draw(st.integers(0, most)) for most in (trades, other_trades))
    found = win_rate_test(wins, trades, other_wins, other_trades)

    if wins + other_wins in {0, trades + other_trades}:
        assert found is None
        return
    statistic, p_value = proportions_ztest([wins, other_wins], [trades, other_trades])
    assert found is not None
    assert [found.statistic, found.p_value] == pytest.approx([statistic, p_value], abs=1e-9)


def test_an_arm_of_one_trade_and_arms_without_spread_have_no_test():
    flat = Sample(5, 1.0, 0.0)

    assert welch_test(Sample(1, 2.0, 0.0), Sample(9, 1.0, 1.0)) is None
    assert welch_test(flat, flat) is None
    assert win_rate_test(0, 0, 3, 9) is None
