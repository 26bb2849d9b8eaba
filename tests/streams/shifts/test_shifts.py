"""Shifts as a processor: half windows, the model that serves, rows that are passed over."""

from __future__ import annotations

import random
from typing import Any

import pytest

from schemas.drift import FeatureDrift
from schemas.record import Record
from streams.shifts.processor import step
from streams.shifts.state import ShiftState
from tests.build import (
    close_time,
    drift_reference,
    feature_reference,
    features,
    regime_parameters,
)

NAMES = ("rsi_14", "natr_14")
SERVED = regime_parameters(effective_from_ms=close_time(10))


def reference(**fields: Any) -> Record:
    """Return the reference of two features whose deciles are 10, 20, ... 90."""
    return drift_reference(features=feature_reference(NAMES, **fields))


def vectors(minutes: range, moved: float = 0.0) -> list[Record]:
    """Return vectors of two even features in 0 to 100, the second moved."""
    chance = random.Random(3)
    return [
        features(minute, rsi_14=chance.uniform(0, 100), natr_14=chance.uniform(0, 100) + moved)
        for minute in minutes
    ]


def run(*records: Any, state: ShiftState | None = None) -> list[FeatureDrift]:
    """Return the looks that some records lead to."""
    state, looks = state or ShiftState(), []
    for record in records:
        state, outputs = step(state, record)
        looks += [each for each in outputs if isinstance(each, FeatureDrift)]
    return looks


def state_after(*records: Any) -> ShiftState:
    """Return the state after some records."""
    state = ShiftState()
    for record in records:
        state, _ = step(state, record)
    return state


def test_two_half_windows_make_a_look_and_a_feature_that_moved_is_named():
    looks = run(SERVED, reference(), *vectors(range(10, 1_010), moved=40.0))

    assert [look.rows for look in looks] == [500, 500, 500]
    assert (looks[0].from_ms, looks[0].event_time_ms) == (close_time(10), close_time(509))
    assert looks[1].from_ms == close_time(260)
    still, moved = looks[-1].features
    assert (still.name, still.drifted) == ("rsi_14", False)
    assert moved.drifted
    assert moved.psi > 1.0 > moved.psi_95
    assert moved.ks == pytest.approx(0.4, abs=0.05)


def test_rows_before_the_model_serves_and_rows_without_all_features_do_not_count():
    rows = vectors(range(509))
    rows[400] = features(400, rsi_14=None, natr_14=1.0)

    assert run(SERVED, reference(), *rows) == []
    looks = run(SERVED, reference(), *rows, *vectors(range(509, 511)))
    assert [look.event_time_ms for look in looks] == [close_time(510)]


def test_only_each_stride_of_bars_counts():
    looks = run(SERVED, reference(stride_bars=5, half_rows=20), *vectors(range(300)))

    assert len(looks) == 1
    assert looks[0].event_time_ms // 60_000 % 5 == 0
    assert looks[0].event_time_ms - looks[0].from_ms == 39 * 5 * 60_000


def test_another_model_begins_anew_and_a_candidate_changes_nothing():
    candidate = drift_reference(
        model_version="m2", event_time_ms=close_time(1), features=feature_reference(NAMES[:1])
    )
    switched = regime_parameters(model_version="m2", effective_from_ms=close_time(700))

    looks = run(SERVED, reference(), candidate, switched, *vectors(range(10, 1_200)))

    assert [(look.model_version, len(look.features)) for look in looks] == [("m1", 2), ("m2", 1)]
    assert looks[1].from_ms == close_time(700)


def test_the_reference_of_the_serving_model_outlives_many_candidates():
    candidates = [
        drift_reference(model_version=f"c{number}", event_time_ms=close_time(number))
        for number in range(20, 26)
    ]
    head, tail = vectors(range(10, 12)), vectors(range(30, 530))

    looks = run(SERVED, reference(), *head, *candidates, *tail)

    assert [look.model_version for look in looks] == ["m1"]


def test_a_model_without_reference_rows_is_passed_over():
    assert run(SERVED, drift_reference(features=None), *vectors(range(10, 600))) == []
    assert run(SERVED, *vectors(range(10, 600))) == []


def test_a_state_of_an_older_release_begins_its_half_window_anew():
    head, *tail = vectors(range(10, 700))
    counting = state_after(SERVED, reference(), head)
    older = counting.model_copy(update={"above": (), "rows": 100})

    looks = run(*tail, state=older)

    assert [(look.rows, look.from_ms) for look in looks] == [(500, close_time(11))]
