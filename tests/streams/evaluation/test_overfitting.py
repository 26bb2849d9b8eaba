"""Overfitting: the published examples, CSCV against brute force, and noise called noise."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from streams.evaluation.metrics import kurtosis, sharpe_ratio, skewness
from streams.evaluation.overfitting import (
    annualization_factor,
    autocorrelation_adjusted_sharpe_ratio,
    deflated_sharpe_ratio,
    effective_trials,
    expected_max_sharpe,
    minimum_track_record_length,
    probabilistic_sharpe_ratio,
    probability_of_backtest_overfitting,
    sharpe_interval,
    sharpe_standard_error,
)
from tests.narrow import known


def returns_of(sharpe: float, values: tuple[float, ...], counts: tuple[int, ...]) -> np.ndarray:
    """Return days of exactly this Sharpe ratio (a day), in the shape of ``values``."""
    shape = np.repeat(values, counts)
    return np.asarray((shape - shape.mean()) / shape.std(ddof=1) + sharpe) * 0.01


def sharpes(matrix: np.ndarray) -> np.ndarray:
    return np.asarray(matrix.mean(axis=0) / matrix.std(axis=0, ddof=1) * math.sqrt(365))


def brute_force(matrix: np.ndarray, blocks: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return logit, Sharpe in and out of sample of every combination, written out."""
    parts = np.split(matrix, blocks)
    rows = []
    for half in combinations(range(blocks), blocks // 2):
        inside = np.vstack([parts[b] for b in half])
        outside = np.vstack([parts[b] for b in range(blocks) if b not in half])
        with np.errstate(invalid="ignore"):
            seen, unseen = sharpes(inside), np.nan_to_num(sharpes(outside))
        if np.isnan(seen).all():
            continue
        best = np.nanargmax(seen)
        rank = stats.rankdata(unseen)[best] / (unseen.size + 1)
        rows.append((math.log(rank / (1 - rank)), seen[best], unseen[best]))
    logits, seen, unseen = np.array(rows).T
    return logits, seen, unseen


def test_the_deflated_sharpe_ratio_of_the_paper():
    """Bailey and Lopez de Prado (2014): 2.5 a year over 1,250 days, the best of 100."""
    # Kurtosis 10 is the least that goes with skewness -3: two values, 105 of them crashes.
    returns = returns_of(2.5 / math.sqrt(250), (-1.0, 0.0), (105, 1145))
    variance_of_one_half = np.array([-0.5, 0.5])

    value = deflated_sharpe_ratio(returns, variance_of_one_half, trials=100, periods=250)

    assert (skewness(returns), kurtosis(returns)) == pytest.approx((-3.0, 10.0), rel=1e-3)
    assert expected_max_sharpe(100, math.sqrt(0.5 / 250)) == pytest.approx(0.1132, abs=5e-5)
    assert value == pytest.approx(0.9004, abs=5e-4)
    fewer = deflated_sharpe_ratio(returns, variance_of_one_half, trials=46, periods=250)
    assert fewer == pytest.approx(0.9505, abs=5e-4)


@pytest.mark.parametrize(("periods", "years"), [(250, 2.73), (52, 2.83), (12, 3.24)])
def test_the_minimum_track_record_of_the_paper(periods, years):
    """Bailey and Lopez de Prado (2012): a Sharpe ratio of 2 against 1, normal, at 95 %."""
    # A sixth on either side of the middle has the skewness and kurtosis of a normal.
    returns = returns_of(2.0 / math.sqrt(periods), (-1.0, 0.0, 1.0), (200, 800, 200))

    length = minimum_track_record_length(returns, benchmark=1.0, periods=periods)

    assert known(length) / periods == pytest.approx(years, abs=5e-3)


def test_a_track_record_as_long_as_the_minimum_is_just_sure_enough():
    returns = np.random.default_rng(3).standard_t(5, 2000) * 0.01 + 6e-4

    length = round(known(minimum_track_record_length(returns)))

    error = known(sharpe_standard_error(returns)) * math.sqrt((returns.size - 1) / (length - 1))
    assert stats.norm.cdf(known(sharpe_ratio(returns)) / error) == pytest.approx(0.95, abs=1e-3)


def test_a_track_record_never_shows_what_is_not_there():
    losing = np.random.default_rng(3).normal(-1e-3, 0.01, 500)

    assert minimum_track_record_length(losing) is None


def test_the_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(5)
    true = 1.5
    noise = rng.standard_t(8, (2000, 400)) / math.sqrt(8 / 6)

    intervals = [known(sharpe_interval(0.01 * (x + true / math.sqrt(365)))) for x in noise]

    assert np.mean([i.low <= true <= i.high for i in intervals]) == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize(
    ("trials", "exact", "off"),
    [(2, 0.5642, 0.08), (10, 1.5388, 0.025), (100, 2.5076, 0.01), (1000, 3.2414, 0.005)],
)
def test_the_expected_maximum_is_near_that_of_normal_order_statistics(trials, exact, off):
    """Tippett (1925); the formula is its limit for many trials."""
    assert expected_max_sharpe(trials, 1.0) == pytest.approx(exact, rel=off)


def test_one_trial_needs_no_deflation():
    returns = np.random.default_rng(2).normal(1e-3, 0.01, 500)

    value = deflated_sharpe_ratio(returns, np.array([sharpe_ratio(returns)]))

    assert expected_max_sharpe(1, 1.0) == 0.0
    assert value == probabilistic_sharpe_ratio(returns)


def test_an_undefined_trial_counts_as_tried_but_spreads_nothing():
    returns = np.random.default_rng(2).normal(1e-3, 0.01, 500)
    known = np.array([0.5, 1.0, -0.3])

    with_one = deflated_sharpe_ratio(returns, np.append(known, np.nan))

    assert with_one == deflated_sharpe_ratio(returns, known, trials=4)


def test_below_one_trial_is_refused():
    with pytest.raises(ValueError, match=r"at least 1 trial, got 0\.5"):
        expected_max_sharpe(0.5, 1.0)


@pytest.mark.parametrize("rho", [-0.3, 0.0, 0.2, 0.6])
@pytest.mark.parametrize("periods", [12, 365])
def test_the_annual_factor_of_days_that_remember_is_lo_s(rho, periods):
    """Lo (2002), equation 21, of a first-order autoregression."""
    memory = (1.0 - rho**periods) / (periods * (1.0 - rho))
    closed = math.sqrt(periods) / math.sqrt(1.0 + 2.0 * rho / (1.0 - rho) * (1.0 - memory))

    value = annualization_factor(rho ** np.arange(1.0, periods), periods)

    assert value == pytest.approx(closed, rel=1e-12)


def test_gains_that_follow_gains_are_worth_less_than_the_square_root_says():
    noise = np.random.default_rng(1).normal(0.0, 0.01, 3001)
    trending = 1e-3 + noise[1:] + 0.5 * noise[:-1]

    adjusted = known(autocorrelation_adjusted_sharpe_ratio(trending))

    assert adjusted < 0.85 * known(sharpe_ratio(trending))


def test_effective_trials_are_those_of_the_mean_correlation():
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(300, 700)) + 0.8 * rng.normal(size=(300, 1))
    rho = (np.corrcoef(matrix.T).sum() - 700) / (700 * 699)

    assert effective_trials(matrix) == pytest.approx(rho + (1 - rho) * 700)
    assert effective_trials(np.repeat(matrix[:, :1], 50, axis=1)) == pytest.approx(1.0)
    assert effective_trials(np.column_stack([matrix[:, 0], np.zeros(300)])) == 1.0
    assert effective_trials(np.zeros((300, 3))) is None


@pytest.mark.parametrize(("blocks", "trials", "days"), [(2, 5, 20), (6, 9, 60), (10, 30, 200)])
def test_cscv_is_that_of_brute_force(blocks, trials, days):
    rng = np.random.default_rng(blocks)
    matrix = rng.normal(2e-4, 0.01, (days, trials))
    matrix[:, 1] = matrix[:, 0]  # equal columns
    matrix[:, 2] = 0.0  # never traded
    matrix[: days // 2, 3] = 0.0  # only in one half
    logits, seen, unseen = brute_force(matrix, blocks)

    ours = known(probability_of_backtest_overfitting(matrix, blocks))

    assert ours.logits == pytest.approx(logits, abs=1e-12)
    assert ours.in_sample == pytest.approx(seen, rel=1e-9)
    assert ours.out_of_sample == pytest.approx(unseen, rel=1e-9, abs=1e-12)
    assert ours.pbo == np.mean(logits <= 0)
    assert ours.probability_of_loss == np.mean(unseen < 0)
    if np.ptp(seen) > 0:
        assert ours.degradation == pytest.approx(stats.linregress(seen, unseen).slope)


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.floats(1e-3, 1e3))
def test_cscv_depends_neither_on_the_order_of_trials_nor_on_their_size(seed, scale):
    rng = np.random.default_rng(seed)
    matrix = rng.normal(0.0, 0.01, (66, 7))

    shuffled = matrix[:, rng.permutation(7)] * scale

    one = known(probability_of_backtest_overfitting(matrix, 6))
    other = known(probability_of_backtest_overfitting(shuffled, 6))

    assert other.logits == pytest.approx(one.logits)


def test_float32_and_days_that_do_not_divide_are_taken():
    matrix = np.random.default_rng(0).normal(0.0, 0.01, (1003, 20))

    exact = known(probability_of_backtest_overfitting(matrix))
    rounded = known(probability_of_backtest_overfitting(matrix.astype(np.float32)))

    assert exact.logits.size == math.comb(16, 8)
    assert rounded.pbo == exact.pbo


@pytest.mark.parametrize(
    "matrix",
    [np.zeros((100, 5)), np.full((100, 5), 1e-3), np.ones((100, 1)), np.ones((31, 5))],
    ids=["never traded", "all alike", "one trial", "too few days"],
)
def test_cscv_without_a_choice_is_null(matrix):
    assert probability_of_backtest_overfitting(matrix) is None


def test_cscv_refuses_what_it_cannot_halve():
    matrix = np.random.default_rng(0).normal(size=(100, 4))

    with pytest.raises(ValueError, match="even number of blocks, 2 to 20, got 7"):
        probability_of_backtest_overfitting(matrix, 7)
    with pytest.raises(ValueError, match="even number of blocks, 2 to 20, got 22"):
        probability_of_backtest_overfitting(matrix, 22)
    matrix[40, 2] = np.nan
    with pytest.raises(ValueError, match="trial 2"):
        probability_of_backtest_overfitting(matrix)


def test_the_best_of_a_thousand_worthless_trials_is_called_luck():
    noise = np.random.default_rng(11).normal(0.0, 0.01, (1000, 1000))
    tried = sharpes(noise)
    best = noise[:, tried.argmax()]

    cscv = known(probability_of_backtest_overfitting(noise))

    assert tried.max() > 1.7
    assert known(probabilistic_sharpe_ratio(best)) > 0.99
    assert known(deflated_sharpe_ratio(best, tried)) < 0.95
    assert cscv.pbo == pytest.approx(0.5, abs=0.15)
    assert cscv.in_sample.mean() > 2.0
    assert abs(np.median(cscv.out_of_sample)) < 0.5


def test_one_real_edge_among_a_thousand_trials_is_found():
    trials = np.random.default_rng(11).normal(0.0, 0.01, (1000, 1000))
    trials[:, 123] += 0.003
    tried = sharpes(trials)

    cscv = known(probability_of_backtest_overfitting(trials))

    assert tried.argmax() == 123
    assert known(deflated_sharpe_ratio(trials[:, 123], tried)) > 0.95
    assert cscv.pbo < 0.1
    assert cscv.probability_of_loss < 0.01
