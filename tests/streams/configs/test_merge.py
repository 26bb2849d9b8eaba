"""Merging configs: the highest layer counts, and the trace names what it hides."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.configs.content import ConfigRefused, normalised
from streams.configs.merge import Layer, TracedValue, environment_layer, expand, merge
from streams.configs.yaml_text import parse_yaml
from tests.fakes.documented_config import TRADAI_YAML

LAYERS: list[Layer] = [
    ("yaml", {"strategy": {"timeframe": "1h", "version": "1"}, "symbols": ["BTCUSDT"]}),
    ("stored v1-00000000", {"strategy": {"timeframe": "4h"}}),
    ("model tags", {"strategy": {"timeframe": "15m"}}),
    ("environment", {"strategy": {"timeframe": "5m"}}),
]


def test_the_environment_goes_before_model_tags_stored_and_yaml():
    content, trace = merge(LAYERS)

    assert content == {"strategy": {"timeframe": "5m", "version": "1"}, "symbols": ["BTCUSDT"]}
    assert trace["strategy.timeframe"] == TracedValue(
        source="environment",
        value="5m",
        hides=[
            {"source": "model tags", "value": "15m"},
            {"source": "stored v1-00000000", "value": "4h"},
            {"source": "yaml", "value": "1h"},
        ],
    )
    assert trace["strategy.version"] == TracedValue(source="yaml", value="1", hides=[])


def test_a_value_in_place_of_a_mapping_hides_all_of_it():
    content, trace = merge([("low", {"a": {"b": 1, "c": 2}}), ("high", {"a": 3})])

    assert content == {"a": 3}
    assert [hidden["value"] for hidden in trace["a"]["hides"]] == [1, 2]
    assert list(trace) == ["a"]


@pytest.mark.parametrize("mapping", [{"b": 2, "c": {"d": 3}}, {}])
def test_a_mapping_in_place_of_a_value_hides_it(mapping):
    content, trace = merge([("low", {"a": 1}), ("middle", {"a": mapping}), ("high", {"a": {}})])

    assert content == {"a": mapping}
    assert set(trace) == ({"a.b", "a.c.d"} if mapping else {"a"})
    for traced in trace.values():
        assert {"source": "low", "value": 1} in traced["hides"]


def test_merging_changes_no_layer():
    low, high = {"a": {"b": 1}}, {"a": {"b": 2}}

    merge([("low", low), ("high", high)])

    assert (low, high) == ({"a": {"b": 1}}, {"a": {"b": 2}})


contents = st.recursive(
    st.integers(0, 3), lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
).filter(lambda content: isinstance(content, dict))


def leaves(content, prefix=""):
    for key, value in content.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


@given(st.lists(contents, min_size=1, max_size=4))
def test_the_trace_names_every_value_and_nothing_else(layers):
    content, trace = merge([(str(n), layer) for n, layer in enumerate(layers)])

    values = {path: traced for path, traced in trace.items() if traced["value"] != {}}
    assert dict(leaves(content)) == {path: traced["value"] for path, traced in values.items()}
    for path, traced in values.items():
        assert dict(leaves(layers[int(traced["source"])]))[path] == traced["value"]
    assert all(traced["hides"] for path, traced in trace.items() if path not in values)


def test_variables_are_replaced_or_take_their_default():
    content = parse_yaml(TRADAI_YAML)

    assert expand(content, {})["mlflow"]["tracking_uri"] == "http://localhost:5001"
    named = expand(content, {"MLFLOW_TRACKING_URI": "http://mlflow:5000"})
    assert named["mlflow"]["tracking_uri"] == "http://mlflow:5000"


def test_a_variable_without_value_and_default_is_named():
    with pytest.raises(ConfigRefused, match=r"mlflow\.tracking_uri: .*SECRET has no value here"):
        expand({"mlflow": {"tracking_uri": "${SECRET}"}}, {})


def test_the_environment_names_keys_by_two_underscores():
    layer = environment_layer(
        {
            "REGIMEFLOW_CONFIG__STRATEGY_SERVICE__DEFAULTS__MAX_OPEN_TRADES": "3",
            "REGIMEFLOW_CONFIG__STRATEGY__VERSION": '"2"',
            "REGIMEFLOW_PORT": "8080",
        }
    )

    assert layer == {
        "strategy": {"version": "2"},
        "strategy_service": {"defaults": {"max_open_trades": 3}},
    }
    normalised(layer)


def test_two_variables_that_contradict_each_other_are_refused():
    with pytest.raises(ConfigRefused, match=r"strategy has a value of its own"):
        environment_layer(
            {"REGIMEFLOW_CONFIG__STRATEGY": "x", "REGIMEFLOW_CONFIG__STRATEGY__NAME": "y"}
        )


def test_layers_of_thousands_of_keys_are_merged_at_once():
    wide = {f"k{number}": {"x": {"y": number}} for number in range(8_000)}
    flat = dict.fromkeys(wide, 0)
    began_s = time.process_time()

    merged, trace = merge([("yaml", wide), ("stored", wide), ("overrides", flat)])

    assert merged == flat
    assert [each["source"] for each in trace["k7"]["hides"]] == ["stored", "yaml"]
    assert time.process_time() - began_s < 2


def test_mappings_that_replace_each_other_name_the_nearest_values_alone():
    wide = dict.fromkeys(map(str, range(8_000)), 1)
    began_s = time.process_time()

    _, trace = merge([("yaml", {"a": wide}), ("stored", {"a": 0}), ("overrides", {"a": wide})])

    assert trace["a.7"]["hides"][0] == {"source": "stored", "value": 0}
    assert sum(len(each["hides"]) for each in trace.values()) <= 8 * len(wide)
    assert time.process_time() - began_s < 2
