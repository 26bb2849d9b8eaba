"""The summary of trades: each figure against the evaluation's own, undefined where it is."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.timeframes import DAY_MS
from streams.evaluation import trade_metrics
from streams.evaluation.trade_summary import FEWEST_DAYS, summarise
from tests.build import trade_result

RETURNS = st.lists(st.floats(-0.5, 0.5).map(lambda value: round(value, 6)), max_size=30)


def results(returns, days=1):
    return [
        trade_result(
            trade_id=f"t{number:03}",
            net_return=value,
            gross_return=value + 0.001,
            closed_ms=DAY_MS * (100 + number % days) + number,
        )
        for number, value in enumerate(returns)
    ]


def test_without_a_trade_nothing_is_known():
    summary = summarise([])

    assert (summary.trades, summary.days) == (0, 0)
    undefined = (summary.hit_rate, summary.expectancy, summary.profit, summary.max_drawdown)
    assert undefined == (None, None, None, None)


@given(RETURNS)
def test_figures_are_those_of_the_evaluation(returns):
    summary, pnl = summarise(results(returns)), np.array(returns)

    assert summary.hit_rate == trade_metrics.win_rate(pnl)
    assert summary.expectancy == _near(trade_metrics.expectancy(pnl))
    assert summary.profit_factor == _near(trade_metrics.profit_factor(pnl))
    assert summary.cost_share == _near(
        trade_metrics.cost_share(pnl, np.full(len(returns), 0.001)) if returns else None
    )
    if returns:
        equity = np.concatenate(([0.0], np.cumsum(pnl)))
        assert summary.max_drawdown == pytest.approx(
            float((np.maximum.accumulate(equity) - equity).max()), abs=1e-12
        )


def _near(value):
    return None if value is None else pytest.approx(value, rel=1e-9, abs=1e-12)


def test_trades_of_few_days_bear_no_interval():
    few = summarise(results([0.01] * 50, days=FEWEST_DAYS - 1))
    enough = summarise(results([0.01, -0.01] * 25, days=FEWEST_DAYS))

    assert few.expectancy_interval is None
    assert enough.expectancy_interval is not None


def test_the_interval_counts_days_and_not_the_trades_that_move_together():
    rng = np.random.default_rng(0)
    shocks = rng.normal(0.0, 0.01, 40)
    once = summarise(results(shocks.tolist(), days=40)).expectancy_interval
    tenfold = summarise(results(np.tile(shocks, 10).tolist(), days=40)).expectancy_interval

    assert once is not None
    assert tenfold is not None
    assert tenfold.high - tenfold.low == pytest.approx(once.high - once.low, rel=1e-9)
    reach = 1.959964 * math.sqrt(shocks.var(ddof=1) / 40)
    assert once.high - once.low == pytest.approx(2 * reach, rel=1e-5)


def test_the_interval_covers_the_mean_as_often_as_it_says():
    rng, covered = np.random.default_rng(1), 0
    for _ in range(400):
        shocks = rng.normal(0.002, 0.01, 60)
        interval = summarise(results(shocks.tolist(), days=60)).expectancy_interval
        assert interval is not None
        covered += interval.low <= 0.002 <= interval.high

    assert 0.91 <= covered / 400 <= 0.98
