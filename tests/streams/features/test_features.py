"""Features: the same bits live, in batch and after a restart; null across holes; golden rows."""

from __future__ import annotations

import csv
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.features import FeatureVector
from schemas.market import Bar
from schemas.timeframes import HOUR_MS, MINUTE_MS
from streams.features.catalog import FEATURE_NAMES, FEATURE_SET_ID, FEATURES, REQUIRED_NAMES
from streams.features.kernel import BarColumns, batch_features
from streams.features.processor import PROCESSOR, refill, step
from streams.features.rolling import LONG
from streams.features.state import FeaturesState
from streams.runtime.memory_driver import replay
from tests.build import START_MS, bar

GOLDEN = Path(__file__).parents[2] / "golden" / "features.csv"


def waves(count: int, timeframe_ms: int = MINUTE_MS) -> list[Bar]:
    """Return bars in closed form: slow and fast waves in price, another in volume."""
    t = np.arange(count + 1)
    prices = 100.0 * np.exp(0.05 * np.sin(t / 97.0) + 0.01 * np.sin(t / 11.0) + 0.002 * np.cos(t))
    opened = START_MS // timeframe_ms * timeframe_ms
    return [
        bar(
            timeframe_ms=timeframe_ms,
            open_time_ms=opened + i * timeframe_ms,
            event_time_ms=opened + (i + 1) * timeframe_ms,
            open=float(before),
            close=float(after),
            high=float(max(before, after) * (1.001 + 0.0005 * np.sin(i / 7.0))),
            low=float(min(before, after) * (0.999 - 0.0005 * np.cos(i / 5.0))),
            volume=float(20.0 + 10.0 * np.sin(i / 13.0) + 5.0 * np.cos(i / 3.0)),
            taker_buy_volume=7.0,
            mark_price=float(after) * 1.0001,
            funding_rate=1e-4,
        )
        for i, (before, after) in enumerate(pairwise(prices))
    ]


def columns(bars: list[Bar]) -> BarColumns:
    names = ("open", "high", "low", "close", "volume")
    optional = ("taker_buy_volume", "mark_price", "funding_rate")
    return BarColumns.of(
        [b.event_time_ms // b.timeframe_ms for b in bars],
        **{name: [getattr(b, name) for b in bars] for name in names + optional},
    )


def fold(bars: list[Bar], state: FeaturesState | None = None) -> FeaturesState:
    state = state or FeaturesState()
    for each in bars:
        state, _ = step(state, each)
    return state


def vectors(bars: list[Bar]) -> list[FeatureVector]:
    outputs = replay([PROCESSOR], bars)
    assert all(isinstance(output, FeatureVector) for output in outputs)
    return [output for output in outputs if isinstance(output, FeatureVector)]


def as_rows(found: list[FeatureVector]) -> np.ndarray:
    return np.array([list(v.values.values()) for v in found], dtype=np.float64)


@pytest.fixture(scope="module")
def minutes() -> list[Bar]:
    return waves(2000)


def test_one_bar_at_a_time_gives_the_bits_of_the_batch(minutes):
    live = as_rows(vectors(minutes))

    assert np.array_equal(live, batch_features(columns(minutes)), equal_nan=True)


def test_a_vector_names_its_bar_and_holds_every_feature_in_catalogue_order(minutes):
    last = vectors(minutes)[-1]

    assert tuple(last.values) == FEATURE_NAMES
    assert last.complete(FEATURE_NAMES)
    assert last.feature_set_id == FEATURE_SET_ID
    assert (last.event_time_ms, last.close) == (minutes[-1].event_time_ms, minutes[-1].close)


def test_features_in_warm_up_are_null_on_the_topic(minutes):
    first = json.loads(vectors(minutes[:1])[0].encode())["values"]

    assert {name for name, value in first.items() if value is not None} == {
        feature.name for feature in FEATURES if feature.warm_up == 1
    }


def test_repeated_and_older_bars_change_nothing(minutes):
    state = fold(minutes[:50])

    for old in (minutes[49], minutes[10]):
        assert step(state, old) == (state, ())


def test_a_step_leaves_its_input_state_alone(minutes):
    state = fold(minutes[:300])
    before = state.model_copy()

    again = [step(state, minutes[300]) for _ in range(2)]

    assert again[0] == again[1]
    assert state == before


@settings(max_examples=20, deadline=None)
@given(cut=st.integers(1, 700))
def test_refill_rebuilds_the_state_bit_for_bit_at_any_cut(cut):
    bars = waves(700)
    state = fold(bars[:cut])

    restored = refill(
        FeaturesState.decode(state.encode()), bars[max(0, cut - PROCESSOR.window) : cut]
    )

    assert restored == state


def test_windows_stay_off_the_changelog(minutes):
    raw = fold(minutes).encode()

    assert b"windows" not in raw
    assert len(raw) < 6_000


def with_holes(bars: list[Bar], seed: int) -> list[Bar]:
    """Leave out runs of 1 to 7 bars: short holes, and long ones now and then."""
    rng = np.random.default_rng(seed)
    kept, t = [], 0
    while t < len(bars):
        run = int(rng.integers(30, 120))
        kept += bars[t : t + run]
        t += run + int(rng.choice([1, 2, 3, 5, 6, 7], p=[0.3, 0.3, 0.2, 0.1, 0.05, 0.05]))
    return kept


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_one_bar_at_a_time_gives_the_bits_of_the_batch_over_holes(seed):
    bars = with_holes(waves(1000), seed)

    assert np.array_equal(as_rows(vectors(bars)), batch_features(columns(bars)), equal_nan=True)


@settings(max_examples=20, deadline=None)
@given(cut=st.integers(1, 600), seed=st.integers(0, 2**32 - 1))
def test_refill_rebuilds_the_state_bit_for_bit_over_holes(cut, seed):
    bars = with_holes(waves(800), seed)
    state = fold(bars[:cut])

    restored = refill(
        FeaturesState.decode(state.encode()), bars[max(0, cut - PROCESSOR.window) : cut]
    )

    assert restored == state
    assert step(restored, bars[cut]) == step(state, bars[cut])


@settings(max_examples=5, deadline=None)
@given(start=st.integers(0, 119), hole=st.integers(1, 7), at=st.integers(50, 1900))
def test_a_vector_tells_how_many_bars_are_left_until_it_is_complete(start, hole, at):
    bars = waves(3900)[start:]
    made = vectors(bars[:at] + bars[at + hole :])
    complete = [v.complete(REQUIRED_NAMES) for v in made]

    for t, vector in enumerate(made):
        left = complete[t:].index(True) if True in complete[t:] else None
        if left is None or (t < at <= t + left):
            continue  # the hole that is still to come is not foreseen
        assert vector.bars_until_complete == left
    assert complete[-1]


def test_a_vector_tells_how_many_bars_its_long_windows_lack(minutes):
    made = vectors(minutes[:300] + minutes[303:400] + minutes[401:700])

    assert [v.bars_missing_200 for v in made[298:302]] == [0, 0, 3, 3]
    assert made[300].bars_missing == 0  # as the bar before it told
    assert made[397].bars_missing_200 == 4
    # Between the last 200 bars: the hole before a bar leaves with the bar before it.
    assert [v.bars_missing_200 for v in made[498:500]] == [4, 1]
    assert made[-1].bars_missing_200 == 0


@pytest.mark.parametrize("gap", ["announced", "unannounced"])
def test_a_long_hole_starts_warm_up_again(minutes, gap):
    after = minutes[1000:]
    if gap == "announced":
        after[0] = after[0].model_copy(update={"bars_missing": 10})
    broken = minutes[:990] + after

    found = as_rows(vectors(broken))

    assert np.array_equal(found[990:], batch_features(columns(minutes[1000:])), equal_nan=True)
    assert np.array_equal(found, batch_features(columns(broken)), equal_nan=True)


def test_what_refills_the_windows_reaches_beyond_the_longest_ring():
    assert PROCESSOR.window > LONG


def test_refill_after_a_hole_needs_only_the_bars_since(minutes):
    state = fold(minutes[:500] + minutes[510:530])

    assert refill(FeaturesState.decode(state.encode()), minutes[510:530]) == state


def test_refill_refuses_bars_that_do_not_reach_back(minutes):
    state = FeaturesState.decode(fold(minutes[:500]).encode())

    with pytest.raises(ValueError, match="expected the last 264 without a long hole"):
        refill(state, minutes[400:500])


def test_a_state_without_its_windows_is_refused(minutes):
    state = FeaturesState.decode(fold(minutes[:500]).encode())

    with pytest.raises(ValueError, match="before refill"):
        step(state, minutes[500])


def test_a_state_of_another_catalogue_starts_warm_up_again(minutes):
    state = fold(minutes[:500]).model_copy(update={"layout": "of another version"})

    assert step(state, minutes[500]) == step(FeaturesState(), minutes[500])


def test_symbols_and_timeframes_do_not_mix(minutes):
    others = [b.model_copy(update={"symbol": "ETHUSDT"}) for b in minutes[:30]]
    hours = waves(30, HOUR_MS)
    mixed = [b for triple in zip(minutes, others, hours, strict=False) for b in triple]

    found = vectors(mixed)

    assert [v for v in found if v.timeframe_ms == HOUR_MS] == vectors(hours)
    assert [v for v in found if v.symbol == "ETHUSDT"] == vectors(others)


def test_higher_bars_join_only_once_closed():
    bars = waves(1805)  # the first opens at :07, inside a higher bar
    name = "htf1_log_return_1"

    found = vectors(bars)

    closes = [b.close for b in bars if b.event_time_ms % 300_000 == 0]
    changes = [v for u, v in pairwise(found) if u.values[name] != v.values[name]]
    assert all(v.event_time_ms % 300_000 == 0 for v in changes)
    assert changes[-1].values[name] == pytest.approx(np.log(closes[-1] / closes[-2]), abs=1e-12)


def test_golden_rows_are_what_the_oracles_gave(minutes):
    with GOLDEN.open() as file:
        rows = csv.DictReader(line for line in file if not line.startswith("#"))
        golden = {row.pop("feature"): row for row in rows}

    values = batch_features(columns(minutes))

    assert set(golden) <= set(FEATURE_NAMES)
    for name, row in golden.items():
        for number, value in row.items():
            found = values[int(number) - 1, FEATURE_NAMES.index(name)]
            assert found == pytest.approx(float(value), abs=1e-10)
