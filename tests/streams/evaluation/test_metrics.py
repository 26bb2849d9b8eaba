"""Evaluation: days as UTC has them, hand-made runs, ruin, and what walk-forward kept."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from schemas.timeframes import DAY_MS, HOUR_MS
from streams.evaluation.metrics import (
    annual_return,
    calmar_ratio,
    daily_returns,
    equity_curve,
    equity_returns,
    max_drawdown,
    max_drawdown_days,
    omega_ratio,
    sharpe_ratio,
    sortino_ratio,
    ulcer_index,
)
from streams.evaluation.out_of_sample import (
    coefficient_of_variation,
    overfitting_ratio,
    t_statistic,
    walk_forward_efficiency,
)
from streams.evaluation.trade_metrics import (
    cost_share,
    expectancy_ratio,
    profit_factor,
    turnover,
    win_rate,
)


def floats(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float64)


def test_daily_returns_are_those_of_a_calendar_with_the_missing_days_flat():
    rng = np.random.default_rng(0)
    opened = pd.date_range("2026-02-27 05:00", periods=200, freq="h", tz="UTC")
    equity = pd.Series(1000.0 * np.exp(np.cumsum(rng.normal(0, 0.01, 200))), opened)
    equity = equity.drop(equity.loc["2026-03-02":"2026-03-03"].index)
    index = pd.DatetimeIndex(equity.index).tz_convert(None)
    times_ms = index.to_numpy("datetime64[ms]").astype(np.int64) + HOUR_MS

    ours = daily_returns(times_ms, np.asarray(equity, dtype=np.float64))

    closes = equity.resample("D").last().ffill()
    before = [equity.iloc[0], *closes[:-1]]
    assert ours == pytest.approx(closes.to_numpy() / before - 1.0, rel=1e-12, abs=1e-15)
    assert list(ours[3:5]) == [0.0, 0.0]


def test_a_bar_that_closes_at_midnight_belongs_to_the_day_it_ends():
    times_ms = np.array([DAY_MS - HOUR_MS, DAY_MS, DAY_MS + HOUR_MS, 2 * DAY_MS])

    assert daily_returns(times_ms, floats(100, 110, 50, 121)) == pytest.approx([0.1, 0.1])


@given(st.lists(st.floats(-0.3, 0.3), min_size=1, max_size=50))
def test_returns_rebuild_their_equity(returns):
    equity = equity_curve(np.array(returns))

    assert equity_returns(equity) == pytest.approx(returns, abs=1e-12)


def test_a_total_loss_is_final():
    ruined = floats(100, 50, -10, 40, 80)

    assert list(equity_returns(ruined)) == [-0.5, -1.0, 0.0, 0.0]
    assert max_drawdown(ruined) == 1.0
    assert annual_return(equity_curve(equity_returns(ruined))) == -1.0
    assert list(equity_curve(floats(-1.5, -1.5))) == [1.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("times_ms", "equity", "message"),
    [
        ([1, 2], [1.0], "a time per equity, got 2 and 1"),
        ([2, 2], [1.0, 1.0], "row 1 is 2"),
        ([1, 2], [1.0, float("nan")], "row 1 is nan"),
        ([1, 2], [0.0, 1.0], "positive start equity, got 0"),
    ],
)
def test_a_broken_series_is_refused_with_the_row(times_ms, equity, message):
    with pytest.raises(ValueError, match=message):
        daily_returns(np.array(times_ms), np.array(equity))


def test_a_return_that_is_not_finite_is_refused_not_skipped():
    with pytest.raises(ValueError, match="row 2 is nan"):
        sharpe_ratio(floats(0.1, 0.2, np.nan))


def test_the_deepest_drawdown_is_relative_not_the_most_money():
    equity = floats(1000, 500, 1000, 11000, 10000)

    assert max_drawdown(equity) == 0.5


def test_the_start_equity_is_a_peak():
    assert max_drawdown(floats(100, 80, 90)) == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("equity", "days"),
    [
        ((100, 101, 102), 0),
        ((100, 90, 95, 100, 99), 2),
        ((100, 110, 100, 105, 109, 108), 4),
        ((100, 90, 80), 2),
        ((100, 100, 100), 0),
    ],
)
def test_a_drawdown_lasts_until_its_peak_is_seen_again(equity, days):
    assert max_drawdown_days(floats(*equity)) == days


def test_hand_table_of_days():
    equity = floats(100, 110, 99, 108.9)
    returns = equity_returns(equity)

    assert sharpe_ratio(returns, periods=3) == pytest.approx((0.1 / 3) / 0.11547005 * 3**0.5)
    assert sortino_ratio(returns, periods=3) == pytest.approx(0.1 / 0.1)
    assert omega_ratio(returns) == pytest.approx(2.0)
    assert ulcer_index(equity) == pytest.approx(((10**2 + 1**2) / 3) ** 0.5)
    assert annual_return(equity, periods=3) == pytest.approx(0.089)
    assert calmar_ratio(equity, periods=3) == pytest.approx(0.89)


def test_hand_table_of_trades():
    pnl = floats(30, -10, 0, 20, -15)

    assert win_rate(pnl) == 0.4
    assert profit_factor(pnl) == 2.0
    assert expectancy_ratio(pnl) == pytest.approx((1 + 25 / 12.5) * 0.4 - 1)
    assert cost_share(pnl, floats(1, 1, 1, 1, 1)) == pytest.approx(5 / 30)


def test_only_winners_have_no_profit_factor_and_only_losers_have_zero():
    assert profit_factor(floats(1, 2)) is None
    assert profit_factor(floats(-1, -2)) == 0.0
    assert expectancy_ratio(floats(-1, -2)) == -1.0


def test_a_rate_over_the_risk_free_one_counts_only_the_excess():
    returns = np.random.default_rng(1).normal(1e-3, 0.01, 300)

    excess = sharpe_ratio(returns - 0.0365 / 365)

    assert sharpe_ratio(returns, risk_free=0.0365) == pytest.approx(excess)


def test_turnover_of_one_round_trip_in_half_a_year_is_four_a_year():
    assert turnover(floats(1.0, -1.0), days=73, periods=146) == 4.0


def test_growth_beyond_a_float_is_null():
    assert annual_return(floats(1, 1e10)) is None


@pytest.mark.parametrize(
    ("in_sample", "out_of_sample", "ratio", "efficiency"),
    [
        (2.0, 2.0, 0.0, 1.0),
        (2.0, 1.0, 0.5, 0.5),
        (2.0, 0.0, 1.0, 0.0),
        (2.0, -1.0, 1.5, -0.5),
        (0.0, 1.0, None, None),
        (-1.0, 1.0, None, None),
        (None, 1.0, None, None),
        (1.0, None, None, None),
    ],
)
def test_what_came_back_out_of_sample(in_sample, out_of_sample, ratio, efficiency):
    assert overfitting_ratio(in_sample, out_of_sample) == ratio
    assert walk_forward_efficiency(in_sample, out_of_sample) == efficiency


def test_the_stability_of_a_parameter_is_its_coefficient_of_variation():
    windows = floats(20, 24, 50, 22, 18)

    assert coefficient_of_variation(windows) == pytest.approx(stats.variation(windows, ddof=1))
    assert coefficient_of_variation(-windows) == coefficient_of_variation(windows)
    assert coefficient_of_variation(floats(20)) is None
    assert coefficient_of_variation(floats(-1, 1)) is None
    assert t_statistic(floats(0.01)) is None


def test_scalars_load_no_compiler():
    code = (
        "import sys, streams.evaluation.report, streams.evaluation.out_of_sample\n"
        "print({'numba', 'scipy', 'pandas'} & set(sys.modules))"
    )

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "set()"
