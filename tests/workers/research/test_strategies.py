"""Strategies: causal, flat while they warm up, within bounds; each against an outside indicator."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.random_bars import bars_of, random_bars
from workers.research.strategies import STRATEGIES, strategy_named
from workers.research.strategies.regime_weighted import probabilities
from workers.research.strategies.strategy import ParametersRejected, held

FIT = 500  # the shortest that the regimes can be fitted on
BARS = random_bars(1, 900, deviation=0.01)

each = pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda strategy: strategy.name)


def quick(strategy):
    return {"fit_bars": FIT} if "fit_bars" in strategy.parameters else {}


@each
@pytest.mark.parametrize("cut", [1, 2, 60, 499, 501, 640, 899])
def test_no_decision_uses_a_later_bar(strategy, cut):
    whole, part = (strategy.target(bars, quick(strategy)) for bars in (BARS, BARS[:cut]))

    assert np.array_equal(whole[:cut], part)


@each
def test_decisions_are_multiples_of_equity_within_one_and_start_flat(strategy):
    target = strategy.target(BARS, quick(strategy))

    assert target.shape == (len(BARS),)
    assert target.dtype == np.float64
    assert np.abs(target).max() <= 1.0
    assert len(np.unique(target)) > 1
    assert target[0] == 0.0


@each
def test_prices_in_another_currency_change_no_decision(strategy):
    scale = 1024.0
    columns = {n: getattr(BARS, n) * scale for n in ("open", "high", "low", "close")}
    other = bars_of([1.0] * len(BARS), open_time_ms=BARS.open_time_ms, **columns)

    assert np.array_equal(
        strategy.target(BARS, quick(strategy)), strategy.target(other, quick(strategy))
    )


@each
def test_a_market_that_stands_still_is_not_traded(strategy):
    target = strategy.target(bars_of([100.0] * 700), quick(strategy))

    assert not target.any()


@each
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_all_parameters_in_bounds_decide(strategy, data):
    params = {
        name: data.draw(
            st.integers(int(p.low), int(p.high)) if p.type == "int" else st.floats(p.low, p.high)
        )
        for name, p in strategy.parameters.items()
    }

    target = strategy.target(BARS, params)

    assert np.isfinite(target).all()
    assert np.abs(target).max() <= 1.0
    assert params.get("short", 1) or target.min() >= 0.0


@each
def test_parameters_are_declared_with_bounds_default_and_group(strategy):
    assert strategy.summary
    for parameter in strategy.parameters.values():
        assert parameter.low <= parameter.default <= parameter.high
        assert parameter.group in {"buy", "sell"}


@each
def test_a_parameter_that_is_unknown_or_out_of_bounds_is_refused(strategy):
    name, parameter = next(iter(strategy.parameters.items()))

    with pytest.raises(ParametersRejected, match=f"no parameter nonsense; it has {name}"):
        strategy.target(BARS, {"nonsense": 1.0})
    with pytest.raises(ParametersRejected, match=f"{name} is .*, expected a whole number from"):
        strategy.target(BARS, {name: parameter.high + 1})
    with pytest.raises(ParametersRejected, match=f"{name} is .*, expected a whole number from"):
        strategy.target(BARS, {name: parameter.low + 0.5})


def test_an_unknown_strategy_is_refused_with_those_there_are():
    with pytest.raises(ParametersRejected, match="no strategy 'magic'; there are ema_cross, rsi_"):
        strategy_named("magic")
    assert strategy_named("donchian").name == "donchian"


def test_ema_cross_follows_the_means_of_talib():
    params = {"fast": 12.0, "slow": 26.0}
    fast, slow = (talib.EMA(BARS.close, n) for n in (12, 26))

    target = strategy_named("ema_cross").target(BARS, params)

    # TA-Lib begins the mean at the same bar with the same value.
    assert np.array_equal(target, np.nan_to_num(np.sign(fast - slow)))
    swapped = strategy_named("ema_cross").target(BARS, {"fast": 26.0, "slow": 12.0})
    assert np.array_equal(target, swapped)


def walked(values, enter, leave):
    """A position walked through bar by bar: entered beyond, left once back."""
    side, sides = 0, []
    for value in values:
        if side == 1 and value >= -leave:
            side = 0
        if side == -1 and value <= leave:
            side = 0
        if value < -enter:
            side = 1
        elif value > enter:
            side = -1
        sides.append(float(side))
    return np.array(sides)


def test_rsi_reversion_walks_the_rsi_of_talib():
    rsi = talib.RSI(BARS.close, 14) - 50.0

    target = strategy_named("rsi_reversion").target(BARS, {"exit": 2.0})

    assert np.array_equal(target, walked(rsi, 20.0, 2.0))


def test_bollinger_breakout_walks_the_bands_of_talib():
    upper, middle, _ = talib.BBANDS(BARS.close, 20, 1.0, 1.0)
    z = (BARS.close - middle) / (upper - middle)

    target = strategy_named("bollinger_breakout").target(BARS, {"window": 20, "width": 1.5})

    assert np.array_equal(target, -walked(z, 1.5, 0.0))


def test_donchian_breaks_the_channels_of_pandas():
    entry, leave = 20, 10
    high, low, close = (pd.Series(values) for values in (BARS.high, BARS.low, BARS.close))
    top, bottom = high.shift().rolling(entry).max(), low.shift().rolling(entry).min()
    stop_long, stop_short = low.shift().rolling(leave).min(), high.shift().rolling(leave).max()
    side, expected = 0, []
    for t, price in enumerate(close):
        if (side == 1 and price < stop_long[t]) or (side == -1 and price > stop_short[t]):
            side = 0
        if price > top[t]:
            side = 1
        elif price < bottom[t]:
            side = -1
        expected.append(float(side))

    target = strategy_named("donchian").target(BARS, {"entry": entry, "exit": leave})

    assert np.array_equal(target, expected)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40))
def test_a_position_is_held_from_its_entry_until_it_is_left(events):
    enter, leave = (np.array(column) for column in zip(*events, strict=True))
    inside, expected = False, []
    for entering, leaving in events:
        inside = not leaving and (inside or entering)
        expected.append(inside)

    assert held(enter, leave).tolist() == expected


def test_regimes_are_distributions_that_recognise_the_trend():
    rises, falls = np.full(300, 0.004), np.full(300, -0.004)
    noise = np.random.default_rng(2).normal(0.0, 0.004, 1500)
    drift = np.concatenate([rises, falls, np.zeros(300), rises, falls])
    bars = bars_of((100.0 * np.exp(np.cumsum(drift + noise))).tolist())

    found = probabilities(bars, 24, 900)

    assert found.sum(axis=1) == pytest.approx(np.ones(1500))
    assert found[950:1200, 0].mean() > 0.9  # bull
    assert found[1250:, 1].mean() > 0.9  # bear
