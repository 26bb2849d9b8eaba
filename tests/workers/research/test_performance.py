"""Performance: days, months and trades add up to the same result; every part is plain JSON."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest

from schemas.research import PerformanceSpec
from tests.fakes.random_bars import random_bars
from tests.fakes.searches import FREE, market
from workers.research.performance import performance


def asked(**changed):
    fields = {"strategy": "ema_cross", "params": {"fast": 10, "slow": 40}}
    return PerformanceSpec(symbol="BTCUSDT", **(fields | changed))


def test_days_months_and_trades_add_up_to_the_same_result():
    bars = market(1, 5000)

    result = performance(asked(), bars)

    total = result["metrics"]["total_return"]
    months = [m for row in result["monthly"] for m in row["months"] if m is not None]
    assert np.prod([1.0 + m for m in months]) - 1.0 == pytest.approx(total)
    assert np.prod([1.0 + row["total"] for row in result["monthly"]]) - 1.0 == pytest.approx(total)
    assert sum(result["daily_pnl"]["pnl"]) == pytest.approx(total * 10_000, rel=1e-6)
    pnl = [trade["pnl"] for trade in result["trades"]["rows"]]
    assert result["trades"]["count"] == len(pnl)
    assert sum(pnl) == pytest.approx(total * 10_000)


def test_exits_are_parameters_of_a_strategy_and_each_trade_says_why_it_ended():
    bars = market(1, 5000)
    exits = {"stoploss": -0.01, "hold_bars": 6}

    usual = performance(asked(), bars)
    result = performance(asked(params={"fast": 10, **exits}, exits={"roi_min": 0.02}), bars)
    fixed = performance(asked(params={"fast": 10}, exits={"roi_min": 0.02, **exits}), bars)

    reasons = [trade["exit_reason"] for trade in result["trades"]["rows"]]
    assert {"stoploss", "time", "roi"} <= set(reasons)
    assert result["trades"]["reasons"] == Counter(reasons)
    assert result["params"] == {"fast": 10.0, "slow": 100.0, "short": 1.0, **exits}
    assert result["metrics"] == fixed["metrics"]
    assert set(usual["trades"]["reasons"]) <= {"open", "reversal", "signal"}
    assert usual["benchmarks"] == result["benchmarks"]
    json.dumps(result, allow_nan=False)


def test_a_thinned_curve_keeps_its_extremes_and_says_how_many_points_it_has():
    bars = market(2, 9000)

    result = performance(asked(), bars)

    curve = result["equity"]
    assert curve["of"] == 9000
    assert curve["points"] == len(curve["time_ms"]) <= 2000
    assert max(curve["drawdown"]) >= result["metrics"]["max_drawdown"]
    assert curve["time_ms"][-1] == result["market"]["to_ms"]
    assert curve["time_ms"] == sorted(curve["time_ms"])


def test_every_interval_brackets_a_value_of_its_metric():
    result = performance(asked(), market(1, 9000))

    for name in ("sharpe_ratio", "annual_return", "win_rate", "profit_factor", "expectancy"):
        low, high = result["intervals"][name]
        assert low <= result["metrics"][name] <= high
    assert (
        result["intervals"]["sharpe_ratio"]
        == performance(asked(), market(1, 9000))["intervals"]["sharpe_ratio"]
    )


def test_a_market_with_every_oddity_gives_plain_json_of_bounded_size():
    bars = random_bars(3, 20_000, deviation=0.003)

    result = performance(asked(png=True, params={"fast": 2, "slow": 5}), bars)

    text = json.dumps(result, allow_nan=False)
    assert len(text) < 900_000
    assert result["trades"]["note"].startswith("the newest 500 of")
    assert len(result["trades"]["rows"]) == 500
    assert set(result["png"]) == set(result["plots"])
    assert result["market"]["without_volume"] > 0


@pytest.mark.parametrize(("first", "last", "days"), [(22, 26, "0.16"), (0, 47, "1.95")])
def test_dates_are_no_days_so_hours_around_midnight_are_refused(first, last, days):
    with pytest.raises(ValueError, match=f"cover {days} days; a back-test needs 2 days, about 48"):
        performance(asked(), market(1, 60)[first:last])


def test_two_days_are_enough_wherever_they_begin():
    assert performance(asked(params={"fast": 2, "slow": 5}), market(1, 60)[7:55])["metrics"]


def test_buy_and_hold_is_the_coin_and_cash_is_nothing():
    bars = market(1, 3000)

    result = performance(asked(**FREE), bars)

    hold, cash = (row["metrics"] for row in result["benchmarks"])
    assert hold["total_return"] == pytest.approx(bars.close[-1] / bars.open[1] - 1.0)
    assert (cash["total_return"], cash["sharpe_ratio"], cash["trades"]) == (0.0, None, 0)


def test_factors_of_both_modes_are_named_by_their_parameters():
    bars = market(1, 1000)
    factor = {"window": 20, "signal": 1.0}

    single = performance(PerformanceSpec(symbol="BTCUSDT", **factor), bars)
    multi = performance(
        PerformanceSpec(symbol="BTCUSDT", mode="multi", factors=[factor, factor]), bars
    )

    assert single["params"] == {"window": 20.0, "signal": 1.0}
    assert multi["params"] == {"window_1": 20.0, "signal_1": 1.0, "window_2": 20.0, "signal_2": 1.0}
    assert single["metrics"] == multi["metrics"]


def test_a_market_in_which_nothing_trades_has_no_ratio():
    result = performance(PerformanceSpec(symbol="BTCUSDT", window=20, signal=50.0), market(1, 1000))

    assert result["metrics"]["sharpe_ratio"] is None
    assert result["metrics"]["total_return"] == 0.0
    assert result["trades"]["count"] == 0


@pytest.mark.parametrize(
    ("changed", "count", "told"),
    [
        ({"strategy": "nothing"}, 1000, "there is no strategy"),
        ({"params": {"fast": 1000}}, 1000, "fast is 1000"),
        ({}, 20, "needs 2 days, about 48 bars"),
    ],
)
def test_what_is_wrong_is_told_with_what_to_change(changed, count, told):
    with pytest.raises(ValueError, match=told):
        performance(asked(**changed), market(1, count))
