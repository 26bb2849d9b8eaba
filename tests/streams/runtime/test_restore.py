"""Which restored states this code cannot go on with."""

from __future__ import annotations

from streams.features.kernel_state import LAYOUT
from streams.features.processor import PROCESSOR as FEATURES
from streams.features.state import FeaturesState
from streams.runtime.restore import outdated

KEY = ("features", ("BTCUSDT", 60_000))


def test_states_of_another_catalogue_of_features_are_made_anew() -> None:
    current, other = FeaturesState(layout=LAYOUT), FeaturesState(layout="of another version")

    assert outdated([FEATURES], [{KEY: current}, {KEY: FeaturesState()}]) == set()
    assert outdated([FEATURES], [{KEY: current}, {KEY: other}]) == {"features"}


def test_states_that_were_keyed_in_another_way_are_made_anew() -> None:
    by_symbol = ("features", ("BTCUSDT",))

    assert outdated([FEATURES], [{by_symbol: FeaturesState(layout=LAYOUT)}]) == {"features"}
