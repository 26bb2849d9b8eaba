"""Which restored states this code cannot go on with."""

from __future__ import annotations

from streams.features.kernel_state import LAYOUT
from streams.features.processor import PROCESSOR as FEATURES
from streams.features.state import FeaturesState
from streams.runtime.restore import joined, outdated, refolded
from streams.shifts.processor import PROCESSOR as SHIFTS

KEY = ("features", ("BTCUSDT", 60_000))


def test_states_of_another_catalogue_of_features_are_made_anew() -> None:
    current, other = FeaturesState(layout=LAYOUT), FeaturesState(layout="of another version")

    assert outdated([FEATURES], [{KEY: current}, {KEY: FeaturesState()}]) == set()
    assert outdated([FEATURES], [{KEY: current}, {KEY: other}]) == {"features"}


def test_states_that_were_keyed_in_another_way_are_made_anew() -> None:
    by_symbol = ("features", ("BTCUSDT",))

    assert outdated([FEATURES], [{by_symbol: FeaturesState(layout=LAYOUT)}]) == {"features"}


def test_a_processor_has_joined_a_chain_that_has_read_something_and_kept_no_state_of_it() -> None:
    chain, bars = (FEATURES, SHIFTS), ("market.bars.v1", 0)
    before = {bars: '{"features.state.v1": 4}'}

    assert joined(chain, {bars: 7}, before) == {"shifts"}
    assert joined(chain, {bars: 0}, before) == set()  # nothing is read
    assert joined(chain, {bars: 7}, {}) == set()  # offsets from before there were notes
    since = before | {("drift.references.v1", 0): '{"features.state.v1": 5, "shifts.state.v1": 0}'}
    assert joined(chain, {bars: 7, ("drift.references.v1", 0): 1}, since) == set()


def test_what_was_keyed_in_another_way_is_taken_off_the_changelog() -> None:
    by_symbol, other = ("features", ("BTCUSDT",)), ("regimes", ("BTCUSDT",))
    state = FeaturesState(layout=LAYOUT)

    anew = refolded({"features"}, {by_symbol: state, other: state}, {KEY: state, other: state})

    assert anew == {by_symbol: None, KEY: state}
