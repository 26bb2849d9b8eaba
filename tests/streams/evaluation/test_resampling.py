"""Resampling: blocks as drawn by another library, and intervals that cover."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from arch import bootstrap

from streams.evaluation.metrics import annual_return, equity_curve, max_drawdown, sharpe_ratio
from streams.evaluation.overfitting import sharpe_interval
from streams.evaluation.report import HEADLINES, intervals
from streams.evaluation.resampling import (
    bootstrap_interval,
    optimal_block_length,
    ratio_interval,
    stationary_bootstrap,
)
from tests.narrow import known


def autoregression(rho: float, days: int, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0.0, 0.01, days)
    values = np.empty(days)
    values[0] = noise[0]
    for t in range(1, days):
        values[t] = rho * values[t - 1] + noise[t]
    return values


@pytest.mark.parametrize("rho", [-0.5, 0.0, 0.3, 0.7, 0.95])
@pytest.mark.parametrize("days", [500, 2000])
def test_the_block_length_is_that_of_arch(rho, days):
    series = [autoregression(rho, days, seed) for seed in range(20)]

    ours = [known(optimal_block_length(values)) for values in series]

    theirs = [bootstrap.optimal_block_length(v)["stationary"].iloc[0] for v in series]
    alike = np.isclose(ours, np.maximum(theirs, 1.0), rtol=1e-9)
    # It divides an autocovariance by the variance of the days that overlap, the paper by that of
    # all: a lag at the very edge of what is small falls on either side.
    assert alike.sum() >= 18


def test_a_series_that_says_nothing_of_its_memory_has_no_block_length():
    assert optimal_block_length(np.zeros(100)) is None
    assert optimal_block_length(np.arange(9.0)) is None
    assert bootstrap_interval(np.zeros(100), sharpe_ratio) is None


def test_blocks_have_the_mean_length_and_start_anywhere():
    generator = np.random.default_rng(1)

    drawn = stationary_bootstrap(200_000, 8.0, generator)

    breaks = np.flatnonzero(np.diff(drawn) % 200_000 != 1)
    assert 200_000 / breaks.size == pytest.approx(8.0, rel=0.02)
    assert (drawn.min(), drawn.max()) == pytest.approx((0, 200_000), abs=200)


def test_the_interval_is_that_of_arch():
    returns = autoregression(0.3, 800, seed=2) + 1e-3
    block: Any = known(optimal_block_length(returns))  # arch's types ask for a whole number
    theirs = bootstrap.StationaryBootstrap(block, returns, seed=3).conf_int(
        lambda drawn: np.array([known(sharpe_ratio(drawn))]), 4000, method="percentile"
    )

    ours = known(bootstrap_interval(returns, sharpe_ratio, seed=4, draws=4000))

    assert (ours.low, ours.high) == pytest.approx(theirs[:, 0], abs=0.1)


def test_the_same_seed_gives_the_same_interval():
    returns = autoregression(0.0, 300, seed=2)

    one, same, other = (bootstrap_interval(returns, sharpe_ratio, seed=s) for s in (1, 1, 2))

    assert one == same != other


def test_days_that_hang_together_widen_the_interval():
    returns = autoregression(0.5, 2000, seed=6)

    wide = known(bootstrap_interval(returns, sharpe_ratio))
    formula = known(sharpe_interval(returns))

    assert wide.high - wide.low > 1.3 * (formula.high - formula.low)


def test_an_interval_of_a_metric_of_equity():
    returns = np.random.default_rng(0).normal(5e-4, 0.02, 500)

    interval = known(bootstrap_interval(returns, lambda r: max_drawdown(equity_curve(r))))

    assert 0.0 < interval.low < known(max_drawdown(equity_curve(returns))) < interval.high < 1.0


def test_the_intervals_of_a_report_are_those_of_its_metrics():
    returns = np.random.default_rng(0).normal(1e-3, 0.02, 500)

    by_name = intervals(returns, seed=3, draws=200)

    assert set(by_name) == set(HEADLINES)
    assert by_name["sharpe_ratio"] == bootstrap_interval(returns, sharpe_ratio, seed=3, draws=200)
    yearly = known(by_name["annual_return"])
    assert yearly.low < known(annual_return(equity_curve(returns))) < yearly.high


def test_a_statistic_mostly_undefined_has_no_interval():
    returns = np.random.default_rng(0).normal(0.0, 0.01, 100)

    assert bootstrap_interval(returns, lambda r: 1.0 if r[0] > 0.0 else None) is None


def test_events_of_one_day_count_as_one_when_they_move_together():
    rng = np.random.default_rng(4)
    days = rng.normal(0.0, 0.01, 200)

    single = known(ratio_interval(days, np.ones(200)))
    crowd = known(ratio_interval(days * 50.0, np.full(200, 50.0)))

    assert (crowd.low, crowd.high) == pytest.approx((single.low, single.high))
    assert single == bootstrap_interval(days, np.mean)


def test_the_mean_of_events_covers_its_true_value_about_as_often_as_it_says():
    covered = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        counts = rng.poisson(5.0, 120).astype(float)
        amounts = np.array([rng.normal(0.3, 1.0, int(n)).sum() for n in counts])
        interval = known(ratio_interval(amounts, counts, draws=200))
        covered += interval.low <= 0.3 <= interval.high

    assert covered >= 51


def test_the_mean_of_few_days_is_covered_nearly_as_often_as_it_says():
    covered = 0
    for seed in range(400):
        days = np.random.default_rng(seed).normal(0.0, 1.0, 20)
        interval = known(ratio_interval(days, np.ones(20), draws=200))
        covered += interval.low <= 0.0 <= interval.high

    assert covered >= 0.9 * 400  # 0.88 by the quantiles of the draws as they are


def test_less_than_two_blocks_have_no_interval():
    days = np.random.default_rng(0).normal(0.0, 1.0, 20)

    assert ratio_interval(days, np.ones(20), least_block=10.0) is not None
    assert ratio_interval(days, np.ones(20), least_block=11.0) is None


def test_amounts_without_counts_are_refused():
    with pytest.raises(ValueError, match="a count per amount"):
        ratio_interval(np.zeros(3), np.zeros(4))
