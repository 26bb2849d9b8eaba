"""Pairing: both halves of a bar meet once, whatever the order they come in."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.features import FeatureVector
from schemas.regimes import RegimeProbabilities
from tests.build import close_time, features, regimes
from workers.serving.pairing import (
    MAX_WAITING_HALVES,
    WINDOW,
    FeatureWindow,
    PairingState,
    receive,
    refill,
)


def halves(minutes):
    return [half for m in minutes for half in (features(m, rsi_14=float(m)), regimes(m))]


def pairs(records, state=None):
    state, found = state or PairingState(), []
    for record in records:
        state, pair = receive(state, record)
        if pair is not None:
            found.append(pair)
    return state, found


def times(found):
    return [(p.features.event_time_ms, p.regimes.event_time_ms) for p in found]


@given(st.lists(st.booleans(), min_size=12, max_size=12))
@settings(max_examples=50)
def test_any_interleaving_of_the_two_topics_gives_the_same_pairs(turns):
    waiting: dict[bool, list[FeatureVector | RegimeProbabilities]] = {
        True: [features(m, rsi_14=float(m)) for m in range(6)],
        False: [regimes(m) for m in range(6)],
    }
    merged = [waiting[turn].pop(0) for turn in turns if waiting[turn]]
    merged += waiting[True] + waiting[False]

    _, found = pairs(merged)

    _, expected = pairs(halves(range(6)))
    assert times(found) == times(expected) == [(close_time(m),) * 2 for m in range(6)]
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours.window.rows, theirs.window.rows)


def test_a_redelivered_half_changes_nothing():
    records = halves(range(3))

    state, found = pairs([record for record in records for _ in range(2)])

    again, none = pairs(records, state)
    assert times(found) == [(close_time(m),) * 2 for m in range(3)]
    assert (again, none) == (state, [])


def test_the_window_holds_the_last_bars_oldest_first():
    _, found = pairs(halves(range(WINDOW + 5)))

    window = found[-1].window
    assert window.times == tuple(close_time(m) for m in range(5, WINDOW + 5))
    assert window.rows[:, 0].tolist() == [float(m) for m in range(5, WINDOW + 5)]


def test_another_feature_set_goes_on_with_what_both_know():
    later = features(3, new=5.0, rsi_14=3.0).model_copy(update={"feature_set_id": "other"})

    _, found = pairs([*halves(range(3)), later, regimes(3)])

    window = found[-1].window
    assert window.times == tuple(close_time(m) for m in range(4))
    assert window.names == ("new", "rsi_14")
    assert window.rows[:, 1].tolist() == [0.0, 1.0, 2.0, 3.0]
    assert np.isnan(window.rows[:3, 0]).all()
    vectors = [features(m, rsi_14=float(m)) for m in range(3)]
    restored = FeatureWindow.from_vectors([*vectors, later])
    np.testing.assert_array_equal(restored.rows, window.rows)


def test_a_half_without_partner_does_not_stop_the_bars_after_it():
    records = [features(0, rsi_14=0.0), *halves(range(1, 3))]

    state, found = pairs(records)

    assert [t for t, _ in times(found)] == [close_time(1), close_time(2)]
    assert state.features == ()


def test_halves_that_wait_are_bounded():
    state, _ = pairs([features(m, rsi_14=0.0) for m in range(2 * MAX_WAITING_HALVES)])

    assert len(state.features) == MAX_WAITING_HALVES


@given(cut=st.integers(1, 150))
@settings(max_examples=20)
def test_a_restart_at_any_bar_continues_with_the_same_window(cut):
    records = halves(range(80))
    cut = min(cut, len(records) - 1)
    before, _ = pairs(records[:cut])
    stored = PairingState.decode(before.encode())
    inputs = [r for r in records[:cut] if hasattr(r, "values")][-WINDOW:]
    inputs += [r for r in records[:cut] if not hasattr(r, "values")][-WINDOW:]

    _, found = pairs(records[cut:], refill(stored, inputs))

    _, expected = pairs(records)
    assert times(found) == times(expected)[len(expected) - len(found) :]
    np.testing.assert_array_equal(found[-1].window.rows, expected[-1].window.rows)
    assert found[0].window.times == expected[len(expected) - len(found)].window.times
