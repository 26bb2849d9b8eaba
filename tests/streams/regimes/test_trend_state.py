"""The trend state: a total rule that does not flicker."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.features.catalog import FEATURE_NAMES
from streams.regimes.trend_state import FEATURES, SHORTEST_STAY_BARS, Trend, next_trend

TRENDING: dict[str, Any] = {
    "adx_14": 30.0,
    "efficiency_ratio_10": 0.5,
    "ema_slope_20": 0.2,
    "ema_order": 1.0,
    "natr_rank_100": 0.5,
    "choppiness_14": 35.0,
}
CHOPPY = TRENDING | {"adx_14": 15.0, "efficiency_ratio_10": 0.1, "choppiness_14": 70.0}
RANGING = TRENDING | {"adx_14": 15.0, "efficiency_ratio_10": 0.2, "choppiness_14": 50.0}


def after(*bars):
    trend = Trend()
    for values in bars:
        trend = next_trend(trend, values)
    return trend


@pytest.mark.parametrize(
    ("values", "state"),
    [
        (TRENDING, "TRENDING"),
        (TRENDING | {"ema_slope_20": -0.2, "ema_order": -1.0}, "TRENDING"),
        (TRENDING | {"ema_order": -1.0}, "RANGING"),
        (TRENDING | {"ema_order": 0.0}, "RANGING"),
        (TRENDING | {"adx_14": 24.9}, "RANGING"),
        (TRENDING | {"ema_slope_20": 0.04}, "RANGING"),
        (CHOPPY, "CHOPPY"),
        (CHOPPY | {"choppiness_14": 50.0, "natr_rank_100": 0.7}, "CHOPPY"),
        (CHOPPY | {"choppiness_14": 50.0, "natr_rank_100": 0.6}, "RANGING"),
        (RANGING, "RANGING"),
    ],
)
def test_first_bar_enters_at_the_textbook_levels(values, state):
    assert after(values).state == state


@pytest.mark.parametrize("name", FEATURES)
def test_state_is_unknown_while_any_feature_of_the_rule_is_missing(name):
    assert after(TRENDING, TRENDING | {name: None}).state == "UNKNOWN"


def test_rule_reads_features_that_exist():
    assert set(FEATURES) <= set(FEATURE_NAMES)


def test_state_holds_for_its_shortest_stay_whatever_comes():
    states = [after(TRENDING, *[CHOPPY] * n).state for n in range(SHORTEST_STAY_BARS + 1)]

    assert states == ["TRENDING"] * SHORTEST_STAY_BARS + ["CHOPPY"]


def test_trend_stays_on_looser_levels_than_it_began():
    weaker = TRENDING | {"adx_14": 21.0, "efficiency_ratio_10": 0.2, "ema_slope_20": 0.03}

    assert after(*[TRENDING] * 10, *[weaker] * 20).state == "TRENDING"
    assert after(*[weaker] * 20).state == "RANGING"


def test_noise_about_the_edge_does_not_flicker():
    trend, states = Trend(), []
    for bar in range(100):
        trend = next_trend(trend, TRENDING | {"adx_14": 25.0 + (-1) ** bar})
        states.append(trend.state)

    assert set(states[1:]) == {"TRENDING"}


@given(st.lists(st.fixed_dictionaries({n: st.floats(-1e9, 1e9) for n in FEATURES}), max_size=30))
def test_every_finite_input_maps_to_one_known_state_held_long_enough(bars):
    trend, runs = Trend(), []
    for values in bars:
        before, trend = trend, next_trend(trend, values)
        if before.state not in {trend.state, "UNKNOWN"}:
            runs.append(before.bars)
        assert trend.state in {"TRENDING", "RANGING", "CHOPPY"}

    assert all(bars_held >= SHORTEST_STAY_BARS for bars_held in runs)
