"""Content of configs: the documented file is valid, faults are named, a hash names a content."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.configs.content import (
    LARGEST_BYTES,
    SHIPPED,
    ConfigRefused,
    config_id,
    content_hash,
    normalised,
    parse_config,
)
from streams.configs.yaml_text import parse_yaml
from tests.fakes.documented_config import TRADAI_YAML


def test_the_documented_file_is_valid_as_it_stands():
    config = parse_config(parse_yaml(TRADAI_YAML))

    assert config.strategy.name == "MyStrategy"
    assert config.strategy_service.defaults.symbols == ("BTCUSDT", "ETHUSDT")
    assert config.optimization is not None
    assert config.optimization.presets["production"].walk_forward
    assert config.deployment.ecs.memory == 1024


def test_the_documented_call_of_create_version_is_the_same_content_as_its_long_form():
    short = {"timeframe": "1h", "symbols": ["BTC/USDT:USDT"]}
    long = {
        "strategy": {"timeframe": "1h"},
        "strategy_service": {"defaults": {"symbols": ["BTCUSDT"]}},
    }

    assert content_hash(normalised(short)) == content_hash(normalised(long))


def test_a_table_of_gains_is_the_same_content_whatever_the_order_of_its_ages():
    one, two = (
        normalised({"exits": {"minimal_roi": table, "hold_bars": 3}})
        for table in ({0: 0.1, 30: 0.05, 120: 0.01}, {"120": 0.01, "30": 0.05, "0": 0.1})
    )

    assert content_hash(one) == content_hash(two)
    assert parse_config(one).exits == parse_config(two).exits


def test_the_shipped_config_is_normal():
    assert normalised(SHIPPED) == SHIPPED


@given(st.permutations(["strategy", "mlflow", "decision"]))
def test_the_order_of_keys_and_the_spelling_of_numbers_change_no_hash(order):
    parts = {
        "strategy": {"timeframe": "1h", "version": "2"},
        "mlflow": {"auto_log_params": False},
        "decision": {"min_volume": 1},
    }
    content = {name: parts[name] for name in order}
    content["decision"] = {"min_volume": 1.0}

    assert content_hash(normalised(content)) == content_hash(normalised(parts))


def test_what_is_not_said_stays_unsaid():
    assert normalised({}) == {}
    assert content_hash({}) != content_hash(normalised({"decision": {"max_entropy": 0.9}}))


def test_an_id_is_the_number_and_the_first_digits_of_the_hash():
    assert config_id(3, "0123456789abcdef") == "v3-01234567"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"strategy": {"timeframe": "7m"}}, 'strategy.timeframe: got "7m", expected one of'),
        ({"strategy": {"version": 1.0}}, "strategy.version: got 1.0, "),
        ({"stratgy": {}}, "stratgy: unknown key"),
        ({"decision": {"max_entropie": 0.5}}, "decision.max_entropie: unknown key"),
        ({"strategy": {"name": "../etc"}}, 'strategy.name: got "../etc", '),
        ({"strategy": {"entry_point": "os; rm"}}, 'strategy.entry_point: got "os; rm"'),
        ({"deployment": {"ecs": {"cpu": "512"}}}, 'deployment.ecs.cpu: got "512"'),
        ({"decision": {"grade_bands": [0.5, 0.6, 0.7]}}, "fall from A+ to B"),
        ({"specialists": {"matrix": [[1, 0, 0], [0, 0.5, 0.4], [0, 0, 1]]}}, "sums to 0.9"),
        ({"specialists": {"matrix": [[2, -1, 0], [0, 1, 0], [0, 0, 1]]}}, "matrix.0.0: got 2, "),
        ({"decision": {"confirmations": ["moon"]}}, 'decision.confirmations.0: got "moon"'),
        ({"exits": {"stoploss": 0.1}}, "exits.stoploss: got 0.1, stoploss is 0.1, expected a loss"),
        (
            {"exits": {"roi_min": "5%"}},
            "exits.roi_min: got \"5%\", roi_min is '5%', expected a gain",
        ),
        ({"exits": {"trailing_stop": 0.1}}, "trailing_stop is 0.1 without trailing_offset"),
        ({"exits": {"stop": -0.1}}, "exits.stop: unknown key"),
        ({"timerange": "20241301-"}, "two days of a calendar"),
        ({"timerange": "20230229-20240101"}, "two days of a calendar"),
        ({"timerange": "20240201-20240101"}, "the earlier one first"),
        ({"timerange": "20240101-20240101"}, "the earlier one first"),
        ({"symbols": []}, "strategy_service.defaults.symbols: got []"),
        ({"strategy": []}, "strategy: got []"),
        ({"strategy": [], "timeframe": "1h"}, "strategy: got [], expected a mapping"),
        ({"timeframe": "1h", "strategy": {"timeframe": "1h"}}, "says it too"),
        ({"decision": {"max_entropy": float("nan")}}, "decision.max_entropy: got nan, expected"),
        (
            {"decision": {"grade_bands": [float("inf")]}},
            "decision.grade_bands.0: got inf",
        ),
        (
            {"strategy": {"name": "a\ud800"}},
            "strategy.name: got 'a\\ud800', expected",
        ),
        ({"strategy": {"\ud800": 1}}, "strategy: got '\\ud800', expected valid Unicode"),
        ({"max_open_trades": 2**53}, "max_open_trades: got 9007199254740992, expected a whole"),
        ({"mlflow": {"tracking_uri": "x" * LARGEST_BYTES}}, "bytes, expected"),
        ({"gates": {"edge_level": 0}}, "gates.edge_level: got 0, Input should be greater than 0"),
        (
            {"gates": {"registration": {"max_drawdown_pct": 120.5}}},
            "gates.registration.max_drawdown_pct: got 120.5, Input should be less than or equal",
        ),
        (
            {"gates": {"comparison": {"required": ["sharp"]}}},
            'gates.comparison.required.0: got "sharp", Input should be',
        ),
        ({"gates": {"comparision": {}}}, "gates.comparision: unknown key"),
        ({"retraining": {"monthly_budget": 2.5}}, "retraining.monthly_budget: got 2.5"),
        ({"retraining": {"cooldown_hours": -1}}, "retraining.cooldown_hours: got -1"),
        ({"retraining": {"cooldown_hours": "6"}}, 'retraining.cooldown_hours: got "6"'),
        ({"retraining": {"schedule_days": 0}}, "retraining.schedule_days: got 0"),
        ({"drift": {"automatic_rollback": "off"}}, 'drift.automatic_rollback: got "off"'),
        ({"drift": {"probation_bars": 0}}, "drift.probation_bars: got 0"),
        (
            {"retraining": {"max_age_days": 20}, "drift": {"max_age_days": 30}},
            "retraining.max_age_days: got 20.0, and drift.max_age_days too; leave one",
        ),
    ],
)
def test_a_fault_is_named_by_path_value_and_expectation(content, message):
    with pytest.raises(ConfigRefused, match=r".") as refused:
        normalised(content)

    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &x [1]\nb: *x", "anchors and aliases are refused"),
        ("a: !!python/object:os.system x", "the tag"),
        ("a: 1\na: 2", "the key a stands twice"),
        ("a: [", "no YAML"),
        ("- 1", "expected a mapping"),
        ("", "expected a mapping"),
        ("a: " + "[" * 40 + "]" * 40, "more than 20 levels"),
        ("a: " + "x" * LARGEST_BYTES, "bytes of YAML"),
        ("? [1]\n: 2", "a key is a text"),
        ("a: \x00", "no YAML"),
        ("a: 1\n---\nb: 2", "no YAML"),
        ("a: .inf", "a: got inf, expected a finite number"),
        ("a: 0x_", "got 0x_, which is no int"),
        ("a: 1" + ":59" * 400 + ".5", "which is no float"),
        ("a: " + "9" * 5_000, "which is no int"),
        ('a: "\\U0011ffff"', "no YAML"),
    ],
)
def test_yaml_that_is_more_than_data_is_refused(text, message):
    with pytest.raises(ConfigRefused, match=r".") as refused:
        normalised(parse_yaml(text))

    assert message in str(refused.value)


def test_a_date_in_yaml_stays_the_text_that_it_is():
    content = parse_yaml("strategy: {version: 2026-11-29}")

    assert content["strategy"]["version"] == "2026-11-29"


@given(st.text(max_size=200))
def test_any_text_is_a_content_or_one_clear_error(text):
    try:
        normalised(parse_yaml(text))
    except ConfigRefused as refused:
        assert str(refused)  # noqa: PT017 - both ways are right
