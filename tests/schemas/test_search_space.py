"""Tuning: what a request searches, and what is refused with the list of what there is."""

from __future__ import annotations

import pytest

from schemas.research import Parameter, TuningSpec
from schemas.search_space import SpaceRejected, resolve_space

DECLARED = {
    "fast": Parameter(type="int", low=5, high=50, default=12, group="buy"),
    "slow": Parameter(type="int", low=20, high=200, default=26, group="sell"),
    "stop": Parameter(type="float", low=-0.15, high=-0.03, default=-0.1, group="stoploss"),
    "side": Parameter(type="categorical", choices=("long", "both"), default="both", group="buy"),
}
CONFIG = {
    "defaults": {"epochs": 120, "loss_function": "calmar", "spaces": ["buy", "sell"]},
    "presets": {
        "quick": {"epochs": 30, "spaces": ["sell"]},
        "mine": {"epochs": 7, "loss_function": "sortino"},
    },
}


def found(**given):
    return resolve_space(TuningSpec(strategy_name="cross", **given), DECLARED)


@pytest.mark.parametrize(
    ("given", "names", "n_trials", "objectives"),
    [
        ({}, "fast side slow stop", 100, "sharpe"),
        ({"n_trials": 3}, "fast side slow stop", 3, "sharpe"),
        ({"preset": "quick"}, "fast side", 50, "sharpe"),
        ({"preset": "standard"}, "fast side slow", 200, "sharpe"),
        (
            {"preset": "production"},
            "fast roi_min side slow stop stoploss trailing_offset trailing_stop",
            1000,
            "sharpe",
        ),
        ({"preset": "quick", "n_trials": 9, "spaces": ["sell"]}, "slow", 9, "sharpe"),
        ({"optimization": CONFIG}, "fast side slow", 120, "calmar"),
        ({"optimization": CONFIG, "preset": "quick"}, "slow", 30, "calmar"),
        ({"optimization": CONFIG, "preset": "mine"}, "fast side slow", 7, "sortino"),
        ({"optimization": CONFIG, "loss_function": "sharpe"}, "fast side slow", 120, "sharpe"),
        ({"param_space": {"slow": {"type": "int", "low": 20, "high": 90}}}, "slow", 100, "sharpe"),
    ],
)
def test_the_request_wins_over_its_preset_and_that_over_the_config(
    given, names, n_trials, objectives
):
    space = found(**given)

    assert " ".join(sorted(space.searched)) == names
    assert set(space.fixed) == set(DECLARED) - set(space.searched)
    assert space.exits == set(space.searched) - set(DECLARED)
    assert space.n_trials == n_trials
    assert space.objectives == (objectives,)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"preset": "slow"}, "unknown preset slow; expected one of production, quick, standard"),
        (
            {"spaces": ["night"]},
            "unknown space night; expected one of buy, roi, sell, stop",
        ),
        (
            {"param_space": {"fats": {"type": "int", "low": 1, "high": 2}}},
            "unknown parameter fats; expected one of fast, hold_bars, roi_min, side, slow, st",
        ),
        (
            {"param_space": {"fast": {"type": "float", "low": 1, "high": 2}}},
            "parameter fast is a whole number, got float",
        ),
        (
            {"param_space": {"fast": {"type": "int", "low": 2, "high": 20}}},
            "parameter fast goes from 5 to 50, got 2 to 20",
        ),
        (
            {"param_space": {"side": {"type": "int", "low": 1, "high": 2}}},
            "parameter side is categorical, got int",
        ),
        (
            {"param_space": {"side": {"type": "categorical", "choices": ["short"]}}},
            "unknown choice of side short; expected one of both, long",
        ),
        (
            {"param_space": {"stop": {"type": "categorical", "choices": ["deep"]}}},
            "parameter stop is a number, got deep",
        ),
        (
            {"spaces": ["buy"], "param_space": {"fast": {"type": "int", "low": 1, "high": 2}}},
            "leave out spaces",
        ),
        ({"sampler": "CmaEsSampler"}, "the categorical side: use TPESampler, or fix them"),
        (
            {"optimization": {"defaults": {"loss_function": ["sharpe", "calmar"]}}},
            "sharpe and calmar together need NSGAIISampler, not TPESampler",
        ),
        (
            {"optimization": {"presets": {"none": {"spaces": ["night"]}}}, "preset": "none"},
            "cross has no parameter in night; its spaces: buy, roi, sell, stoploss, time, trail",
        ),
    ],
)
def test_what_is_not_there_is_refused_with_what_is(given, said):
    with pytest.raises(SpaceRejected, match=said):
        found(**given)


@pytest.mark.parametrize(
    ("parameter", "said"),
    [
        ({"type": "float", "low": -0.03, "high": -0.15}, "expected low < high"),
        ({"type": "float", "low": -1.0, "high": 1.0, "log": True}, "a log scale needs low > 0"),
        ({"type": "categorical"}, "needs choices"),
        ({"type": "int", "low": 1.5, "high": 3}, "whole low, high and step"),
    ],
)
def test_ranges_that_are_none_are_refused_and_negative_ones_are_not(parameter, said):
    assert Parameter(type="float", low=-0.15, high=-0.03).low == -0.15
    with pytest.raises(ValueError, match=said):
        TuningSpec(strategy_name="cross", param_space={"fast": parameter})


def test_an_unknown_sampler_is_refused_with_the_list():
    with pytest.raises(ValueError, match=r"TPESampler.*RandomSampler.*CmaEsSampler"):
        TuningSpec(strategy_name="cross", sampler="GridSampler")


def number(low: float, high: float, kind: str = "float") -> dict[str, object]:
    return {"type": kind, "low": low, "high": high}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"stoploss": number(0.03, 0.15)}, "stoploss is 0.03, expected a loss from -1 to below 0"),
        ({"stoploss": number(-0.1, 0.0)}, "stoploss is 0.0, expected a loss"),
        ({"roi_min": number(-0.1, 0.1)}, "roi_min is -0.1, expected a gain above 0"),
        ({"trailing_stop": number(0.01, 0.1)}, "0.01 without trailing_offset, expected both"),
        ({"hold_bars": number(1, 9)}, "parameter hold_bars is a whole number, got float"),
        (
            {"roi_min": {"type": "categorical", "choices": ["deep"]}},
            "parameter roi_min is a number, got deep",
        ),
    ],
)
def test_exits_that_no_position_can_have_are_not_searched(given, said):
    with pytest.raises(ValueError, match=said):
        found(param_space=given)


def test_a_parameter_that_a_strategy_declares_is_its_own_though_exits_have_its_name():
    declared = {"stoploss": Parameter(type="float", low=0.1, high=0.9, default=0.5, group="buy")}
    spec = TuningSpec(strategy_name="own", param_space={"stoploss": number(0.2, 0.3)})

    assert resolve_space(spec, declared).exits == frozenset()


def test_a_trailing_stop_is_searched_beside_a_fixed_offset():
    space = found(
        param_space={"trailing_stop": number(0.01, 0.1)},
        exits={"trailing_stop": 0.2, "trailing_offset": 0.02},
    )

    assert space.exits == {"trailing_stop"}
