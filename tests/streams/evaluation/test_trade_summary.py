"""The summary of trades: each figure against the evaluation's own, undefined where it is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.predictions import ReturnBounds
from schemas.timeframes import DAY_MS
from streams.evaluation import trade_metrics
from streams.evaluation.confidence_sequence import FEWEST_BLOCKS
from streams.evaluation.hit_rate import hit_rate_sequence
from streams.evaluation.trade_outcome import TradeOutcome
from streams.evaluation.trade_summary import equity, mean_by_days, summarise
from tests.build import trade_result

RETURNS = st.lists(st.floats(-0.5, 0.5).map(lambda value: round(value, 6)), max_size=30)


def results(returns, days=1):
    return [
        outcome(value, f"t{number:03}", closed_ms=DAY_MS * (100 + number % days) + number)
        for number, value in enumerate(returns)
    ]


def outcome(net_return, trade_id="t", **fields):
    fields = {"net_return": net_return, "gross_return": net_return + 0.001} | fields
    return TradeOutcome.of_trade(trade_result(trade_id=trade_id, **fields))


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


def test_of_trades_without_length_one_a_day_tells_how_often_they_win():
    times = range(5, 35)
    at_once = [outcome(0.01, f"t{time}", opened_ms=time, closed_ms=time) for time in times]
    then = outcome(-0.01, "u", opened_ms=5 + DAY_MS, closed_ms=7 + DAY_MS)

    assert summarise(at_once).hit_rate_interval == hit_rate_sequence(1, 1)
    assert summarise([*at_once, then]).hit_rate_interval == hit_rate_sequence(1, 2)


def _near(value):
    return None if value is None else pytest.approx(value, rel=1e-9, abs=1e-12)


def test_trades_of_few_days_bear_no_interval():
    few = summarise(results([0.01, -0.01] * 25, days=FEWEST_BLOCKS))
    enough = summarise(results([0.01, -0.012] * 25, days=FEWEST_BLOCKS + 1))

    assert few.expectancy_interval is None  # the last day is not over
    assert enough.expectancy_interval is not None


def test_the_interval_counts_days_and_not_the_trades_that_move_together():
    shocks = np.random.default_rng(0).normal(0.0, 0.01, 40)
    once = summarise(results(shocks.tolist(), days=40)).expectancy_interval
    tenfold = summarise(results(np.tile(shocks, 10).tolist(), days=40)).expectancy_interval

    assert once is not None
    assert tenfold is not None
    assert tenfold.high - tenfold.low == pytest.approx(once.high - once.low, rel=1e-9)


def test_calls_that_overlap_are_put_in_blocks_of_four_times_their_length():
    shocks = np.random.default_rng(1).normal(0.0, 0.01, 120).tolist()
    times = [day * DAY_MS for day in range(120)]

    apart = mean_by_days(times, shocks)
    overlapping = mean_by_days(times, shocks, overlap_ms=DAY_MS)
    short = mean_by_days(times, shocks, overlap_ms=DAY_MS // 4)

    assert apart == short
    assert overlapping == mean_by_days([time // 4 for time in times], shocks)


def test_the_hit_rate_rests_on_trades_opened_when_the_last_had_ended():
    rows = [
        outcome(0.01, "a", opened_ms=0, closed_ms=10),
        outcome(0.01, "b", opened_ms=0, closed_ms=4, symbol="ETHUSDT"),  # beside a
        outcome(-0.01, "c", opened_ms=9, closed_ms=12),
        outcome(-0.01, "d", opened_ms=10, closed_ms=30),
        outcome(0.01, "e", opened_ms=30, closed_ms=31, symbol="ETHUSDT"),
    ]

    assert summarise(rows).hit_rate_interval == hit_rate_sequence(2, 3)
    assert summarise(rows[:1]).hit_rate_interval == hit_rate_sequence(1, 1)
    assert summarise([]).hit_rate_interval is None


def test_a_trade_that_ends_soon_is_not_chosen_for_it():
    """Stops are hit sooner than targets: by the order of exits losers would push winners out."""
    pair = [
        outcome(0.01, "a", opened_ms=0, closed_ms=10),
        outcome(-0.01, "b", opened_ms=0, closed_ms=1, symbol="ETHUSDT"),
    ]

    assert summarise(pair).hit_rate_interval == hit_rate_sequence(1, 1)


@pytest.mark.parametrize("mean", [0.0, 0.002])
def test_the_interval_covers_the_mean_at_every_look(mean):
    """Looked at after each of 60 days, it fails in at most 5 % of runs."""
    rng, missed = np.random.default_rng(2), 0
    for _ in range(300):
        shocks = rng.normal(mean, 0.01, 60).tolist()
        looks = (summarise(results(shocks[:day], days=day)) for day in range(12, 61, 4))
        bounds = [look.expectancy_interval for look in looks]
        missed += any(b is not None and not b.low <= mean <= b.high for b in bounds)

    assert missed / 300 <= 0.05


def test_multiples_of_one_risk_are_bounded_as_the_returns_that_they_are_made_of():
    drawn = np.random.default_rng(3).normal(0.001, 0.01, 80).tolist()
    plain = results(drawn, days=20)
    staked = [each._replace(r_multiple=each.net_return / 0.02) for each in plain]
    elsewhere = [each._replace(trade_id=f"no stop {each.trade_id}") for each in plain]

    summary = summarise([*staked, *elsewhere])

    alone, bounds = summarise(staked).expectancy_interval, summary.expectancy_r_interval
    assert alone is not None
    assert bounds is not None
    assert (bounds.low, bounds.high) == pytest.approx((alone.low / 0.02, alone.high / 0.02))
    assert summarise(plain).expectancy_r_interval is None


def test_costs_are_what_lies_between_gross_and_net_funding_among_them():
    paid = outcome(0.005, gross_return=0.01, cost=0.002, funding=0.003)

    assert summarise([paid]).cost_share == pytest.approx(0.5)


def test_what_was_expected_and_multiples_of_risk_count_where_they_were_stated():
    bounds = ReturnBounds(mean=0.004, low=0.001, high=0.007)
    stated = outcome(0.01, "a", expected_net_return=bounds, r_multiple=2.0)
    summary = summarise([stated, outcome(-0.02, "b")])

    assert (summary.expected, summary.expectancy_r, summary.r_trades) == (0.004, 2.0, 1)


def test_buy_and_hold_runs_from_the_first_entry_to_the_last_exit_of_each_symbol():
    rows = [
        outcome(0.0, "a", opened_ms=1, closed_ms=5, entry_price=100.0, exit_price=90.0),
        outcome(0.0, "b", opened_ms=2, closed_ms=3, entry_price=120.0, exit_price=110.0),
        outcome(0.0, "c", opened_ms=2, closed_ms=4, symbol="ETHUSDT", entry_price=10.0,
                exit_price=12.0),
        outcome(0.0, "d", opened_ms=6, closed_ms=9, exit_price=130.0),
    ]  # fmt: skip
    summary = summarise(rows)

    assert summary.buy_and_hold == pytest.approx((130 / 100 - 1 + 12 / 10 - 1) / 2)
    assert (summary.from_ms, summary.to_ms) == (1, 9)


@given(RETURNS, st.integers(1, 12))
def test_an_equity_curve_ends_where_the_returns_do_however_thin_it_is(returns, points):
    rows = results(returns)
    whole, thinned = equity(rows, 1_000), equity(reversed(rows), points)

    assert [value for _, value in whole] == pytest.approx(list(np.cumsum(returns)))
    assert len(thinned) <= points
    assert thinned[-1:] == whole[-1:]
    assert set(thinned) <= set(whole)
