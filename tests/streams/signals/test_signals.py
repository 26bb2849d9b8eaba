"""Signals: half-open grades, lowered once, capped when unqualified, ids that repeat."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.bounds import LAST_MS
from schemas.dead_letter import DeadLetter
from schemas.predictions import ClassProbabilities
from schemas.signals import Confirmation, Signal
from schemas.timeframes import MINUTE_MS
from streams.confidence import choose_direction
from streams.runtime.memory_driver import replay
from streams.signals.grading import (
    GRADES,
    assign_grade,
    confirm_direction,
    grade_promise,
)
from streams.signals.processor import PROCESSOR
from streams.signals.risk import price_levels
from tests.build import config_effective, prediction
from tests.narrow import all_are, known

PASSED = (Confirmation(name="x", passed=True, detail=""),)
FAILED = (Confirmation(name="x", passed=False, detail=""),)
UNKNOWN = (Confirmation(name="x", passed=None, detail=""),)


@pytest.mark.parametrize(
    ("confidence", "grade"),
    [(1.0, "A+"), (0.85, "A+"), (0.849999, "A"), (0.75, "A"), (0.749999, "B"), (0.65, "B"),
     (0.649999, "C"), (1 / 3, "C")],
)  # fmt: skip
def test_grade_bands_are_half_open(confidence, grade):
    assert assign_grade(confidence, PASSED, qualified=True, members=2) == grade


@pytest.mark.parametrize(
    ("grade", "direction", "promise"),
    [("A+", "buy", 0.9), ("A", "sell", 0.8), ("B", "buy", 0.7), ("C", "buy", None),
     ("A+", "neutral", None)],
)  # fmt: skip
def test_a_grade_promises_the_least_confidence_of_its_band(grade, direction, promise):
    assert grade_promise(grade, direction, (0.9, 0.8, 0.7)) == promise


@given(st.floats(0, 1), st.floats(0, 1))
def test_more_confidence_never_grades_lower(a, b):
    low, high = sorted((a, b))

    grades = [assign_grade(c, PASSED, qualified=True, members=2) for c in (low, high)]

    assert GRADES.index(grades[1]) <= GRADES.index(grades[0])


@pytest.mark.parametrize("checks", [FAILED, UNKNOWN, FAILED + FAILED + UNKNOWN])
def test_any_failed_or_unknown_confirmation_lowers_one_grade_in_all(checks):
    assert assign_grade(0.9, checks, qualified=True, members=2) == "A"
    assert assign_grade(0.5, checks, qualified=True, members=2) == "C"


def test_an_unqualified_model_never_grades_above_c():
    assert assign_grade(0.99, PASSED, qualified=False, members=2) == "C"

    (signal,) = all_are(Signal, replay([PROCESSOR], [prediction(qualified=False)]))

    assert signal.grade == "C"
    assert any(note.startswith("unqualified") for note in signal.risk_notes)


def test_a_signal_that_would_expire_after_all_times_is_a_dead_letter_and_no_record():
    last = LAST_MS - 15 * MINUTE_MS
    kept, refused = (prediction(horizon_bars=15, event_time_ms=at) for at in (last, last + 1))

    assert [s.expires_ms for s in replay([PROCESSOR], [kept]) if isinstance(s, Signal)] == [LAST_MS]
    (letter,) = replay([PROCESSOR], [refused])
    assert isinstance(letter, DeadLetter)
    assert letter.cause == f"its signal would expire at {LAST_MS + 1}, expected {LAST_MS} at most"


def test_a_single_member_never_grades_a_plus():
    assert assign_grade(0.99, PASSED, qualified=True, members=1) == "A"


@pytest.mark.parametrize(
    ("chances", "expected"),
    [((0.1, 0.2, 0.7), ("buy", 0.7)), ((0.7, 0.2, 0.1), ("sell", 0.7)),
     ((0.1, 0.8, 0.1), ("neutral", 0.8)), ((0.4, 0.2, 0.4), ("neutral", 0.2)),
     ((0.2, 0.4, 0.4), ("neutral", 0.4))],
)  # fmt: skip
def test_direction_is_the_most_probable_class_and_a_tie_is_neutral(chances, expected):
    sell, neutral, buy = chances

    assert choose_direction(ClassProbabilities(sell=sell, neutral=neutral, buy=buy)) == expected


def test_four_confirmations_are_named_and_judged():
    checks = {c.name: c.passed for c in confirm_direction(prediction(), "buy")}

    assert checks == {
        "trend_state": True, "higher_timeframe": True, "volume": True, "entropy": True
    }  # fmt: skip
    assert {c.name: c.passed for c in confirm_direction(prediction(), "sell")}[
        "higher_timeframe"
    ] is False


def test_levels_are_on_the_right_side_of_the_close():
    low, high = price_levels(prediction(), "buy")
    above, _ = price_levels(prediction(), "sell")

    assert known(low) < prediction().context.close < known(high)
    assert known(above) > prediction().context.close
    assert price_levels(prediction(), "neutral") == (None, None)


def test_redelivered_prediction_changes_nothing():
    one = prediction(3)

    assert replay([PROCESSOR], [one, one, prediction(2)]) == replay([PROCESSOR], [one])


def test_signal_says_when_it_expires_and_that_no_account_is_known():
    (signal,) = all_are(Signal, replay([PROCESSOR], [prediction()]))

    assert signal.expires_ms == signal.event_time_ms + 15 * MINUTE_MS
    assert not signal.risk_approved
    assert signal.recommended_quantity is None
    assert {check.outcome for check in signal.risk_checks} == {"fail"}


def signals(*records):
    return all_are(Signal, replay([PROCESSOR], records))


def test_a_config_counts_from_its_bar_and_every_signal_names_it():
    later = config_effective(2, config_id="v2-0a1b2c3d")

    made = signals(config_effective(1), later, *(prediction(minute) for minute in range(4)))

    assert [s.config_id for s in made] == [None, "v1-0a1b2c3d", "v2-0a1b2c3d", "v2-0a1b2c3d"]


def test_a_config_of_another_strategy_changes_nothing():
    [made] = signals(config_effective(0, strategy="Other"), prediction(1))

    assert made.config_id is None


def test_bands_and_costs_come_from_the_config():
    policy = {"grade_bands": (1.0, 1.0, 0.1), "taker_fee": 0.001, "slippage": 0.0}

    [plain] = signals(prediction(1))
    [made] = signals(config_effective(0, policy=policy), prediction(1))

    assert (plain.grade, made.grade) == ("A+", "B")
    assert (plain.grade_promise, made.grade_promise) == (0.85, 0.1)
    assert made.risk_notes[0] == "break-even move is 0.20% of notional"
    assert made.round_trip_cost == pytest.approx(0.002)
    assert plain.round_trip_cost is None


def test_only_the_confirmations_of_the_config_are_checked():
    policy = {"confirmations": ("entropy",), "max_entropy": 0.0}

    [made] = signals(config_effective(0, policy=policy), prediction(1))

    assert [check.name for check in made.confirmations] == ["entropy"]
    assert made.confirmations[0].passed is False


def test_a_symbol_outside_the_universe_of_the_config_gets_no_signal():
    records = [config_effective(1, included=False), *(prediction(minute) for minute in range(4))]

    assert [s.config_id for s in signals(*records)] == [None]


def test_the_default_policy_grades_as_no_config_does():
    [plain] = signals(prediction(1))
    [made] = signals(config_effective(0), prediction(1))

    same = {"config_id": None, "round_trip_cost": None}
    assert made.model_copy(update=same) == plain
