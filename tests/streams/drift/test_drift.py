"""Drift as a processor: blocks, bounds, reasons, age, configs, a change of model."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from schemas.drift import DriftPolicy, DriftReport
from schemas.record import Record
from schemas.timeframes import DAY_MS, HOUR_MS, MINUTE_MS
from schemas.versions import ModelCommand
from streams.drift.processor import PROCESSOR, DriftState, entropy, step
from tests.build import (
    close_time,
    config_effective,
    drift_reference,
    feature_drift,
    measure_reference,
    scored,
    signal,
)

BLOCK = 60


def run(*records: Any, state: Any = None) -> tuple[DriftState, list[DriftReport]]:
    """Return the state and the reports after some records."""
    state, reports = state or DriftState(), []
    for record in records:
        state, outputs = step(state, record)
        reports += [each for each in outputs if isinstance(each, DriftReport)]
    return state, reports


def stream(minutes: range, loss: float = 1.0, **fields: Any) -> list[Record]:
    """Return a signal and a score a minute; the score is of fifteen minutes before."""
    records: list[Record] = []
    for minute in minutes:
        records.append(signal(minute, **fields))
        records.append(scored(minute - 15, log_loss=loss, **fields))
    return records


def quiet(**fields: Any) -> Record:
    """Return a reference whose other measures lie where the builders' signals lie."""
    measures = (
        measure_reference("log_loss"),
        measure_reference("miss", mean=0.0, upper=0.01),
        measure_reference("overconfidence", mean=-0.1, upper=0.0),
        measure_reference("expected_log_loss", mean=0.4, upper=0.45),
    )
    return drift_reference(**({"measures": measures} | fields))


def test_each_block_makes_a_report_and_a_model_like_its_reference_gives_no_reason():
    _, reports = run(quiet(), *stream(range(1, 10 * BLOCK + 1)))

    assert {report.reasons for report in reports} == {()}
    losses = [report.measures[0] for report in reports]
    assert losses[-1].live == pytest.approx(1.0)
    assert losses[-1].labels == 10 * BLOCK
    assert [m.lower is None for m in losses[:4]] == [True] * 4


def test_harm_is_raised_once_after_enough_labels_and_asks_for_a_retraining():
    quiet_day = stream(range(1, 301))
    state, before = run(quiet(), *quiet_day)

    _, reports = run(*stream(range(301, 301 + 12 * BLOCK), loss=1.6), state=state)

    assert not any(report.raised for report in before)
    raised = [report for report in reports if report.raised]
    assert [report.reasons for report in raised] == [("log_loss",)]
    assert raised[0].retraining_asked
    assert raised[0].measures[0].alarm
    assert all(report.reasons for report in reports[reports.index(raised[0]) :])


@pytest.mark.parametrize("fields", [{"silent": False}, {"caught_blocks": None}])
def test_a_detector_that_failed_its_trial_never_alarms(fields):
    weak = measure_reference("log_loss", **fields)

    _, reports = run(quiet(measures=(weak,)), *stream(range(1, 20 * BLOCK), loss=3.0))

    assert reports[-1].measures[0].lower is not None
    assert reports[-1].measures[0].lower > reports[-1].measures[0].limit
    assert not any(report.reasons for report in reports)


def test_lost_hits_and_overconfidence_are_harm_too():
    misses = [
        record.model_copy(update={"hit": False, "outcome": "sell"})
        if type(record) is type(scored())
        else record
        for record in stream(range(1, 12 * BLOCK))
    ]

    _, reports = run(quiet(), *misses)

    assert set(reports[-1].reasons) == {"miss", "overconfidence"}


def next_hour(minute: int) -> int:
    """Return the first minute from one on whose bar closes with an hour: age is looked at then."""
    return next(m for m in range(minute, minute + 60) if close_time(m) % HOUR_MS == 0)


def test_age_over_thirty_days_is_a_reason_and_is_asked_again_each_day():
    long_ago = close_time(0) - 40 * DAY_MS
    old = quiet(trained_to_ms=long_ago, event_time_ms=close_time(0) - 30 * DAY_MS)

    hour = next_hour(1)

    state, first = run(old, *map(signal, range(hour)))
    assert first == []
    state, outputs = step(state, signal(hour))
    second, command = outputs
    assert isinstance(command, ModelCommand)
    assert (command.action, command.cause, command.strategy) == ("retrain", "age", "ensemble")
    assert command.reason == "BTCUSDT: age of m1"
    assert isinstance(second, DriftReport)
    assert (second.reasons, second.raised) == (("age",), True)
    _, later = run(*map(signal, (hour + 1380, hour + 1439, hour + 1440)), state=state)
    assert [(report.raised, report.retraining_asked) for report in later] == [(False, True)]


def test_an_unknowable_outcome_counts_as_no_label():
    unknowable = [
        record.model_copy(update={"hit": None, "log_loss": None})
        if type(record) is type(scored())
        else record
        for record in stream(range(1, 2 * BLOCK))
    ]

    _, reports = run(quiet(), *unknowable)

    assert [report.measures[0].labels for report in reports] == [0]


def test_another_model_begins_anew_by_its_own_reference_and_late_scores_of_the_old_are_left():
    newer = quiet(model_version="m2", event_time_ms=close_time(1))
    state, _ = run(quiet(), newer, *stream(range(2, 8 * BLOCK), loss=3.0))
    assert state.reasons

    state, reports = run(
        *stream(range(8 * BLOCK, 8 * BLOCK + 1), model_version="m2"),
        scored(8 * BLOCK - 14, log_loss=9.0),
        state=state,
    )

    assert (state.model_version, state.reasons, reports) == ("m2", (), [])
    assert state.scored_sums == pytest.approx((1.0, 0.0, -0.1))


def test_a_model_without_a_reference_is_not_watched():
    state, reports = run(*stream(range(1, 200)))

    assert reports == []
    assert state.measures == {}


def test_a_reference_that_comes_late_begins_a_block_of_its_own():
    state, _ = run(quiet(), *stream(range(1, 31)))
    state, _ = run(*stream(range(31, 41), model_version="m2"), state=state)

    late = quiet(model_version="m2", event_time_ms=close_time(40))
    state, _ = run(late, *stream(range(41, 43), model_version="m2"), state=state)

    assert (state.expected_rows, state.scored_rows) == (2, 2)


def test_a_policy_counts_from_its_bar():
    strict = DriftPolicy(max_age_days=1.0)
    from_minute = next_hour(2_000)
    config = config_effective(from_minute, drift=strict)

    _, reports = run(
        quiet(), config, *(signal(m) for m in range(from_minute - 10, from_minute + 5))
    )

    raised = [report for report in reports if report.raised]
    assert [(r.event_time_ms, r.max_age_days) for r in raised] == [(close_time(from_minute), 1.0)]


def test_features_that_shifted_are_named_two_bars_after_the_look():
    state, _ = run(quiet(), *stream(range(1, 59)), feature_drift(58))

    _, reports = run(*stream(range(59, 2 * BLOCK + 1)), state=state)

    assert (reports[0].event_time_ms, reports[0].features_ms) == (close_time(60), close_time(58))
    assert reports[0].features_drifted == ("natr_14",)
    assert reports[0].reasons == ()


def test_the_expected_log_loss_of_sure_and_of_equal_chances():
    chances = signal().probabilities
    assert entropy(chances.model_copy(update={"buy": 1.0, "sell": 0.0, "neutral": 0.0})) == 0.0
    third = chances.model_copy(update=dict.fromkeys(("buy", "sell", "neutral"), 1 / 3))
    assert entropy(third) == pytest.approx(1.0986, abs=1e-4)


def test_it_has_one_state_for_each_symbol_and_timeframe():
    keys = [PROCESSOR.key_of(signal(1)), PROCESSOR.key_of(signal(1, timeframe_ms=15 * MINUTE_MS))]

    assert all(one != other for one, other in pairwise(keys))


def outputs_of(*records: Any) -> list[Record]:
    """Return all outputs of some records."""
    state, outputs = DriftState(), list[Record]()
    for record in records:
        state, made = step(state, record)
        outputs += made
    return outputs


def harmful(first: int = 400, **policy: Any) -> list[Record]:
    """Return all outputs while m2 replaces m1 and its log-loss is far too high."""
    successor = quiet(model_version="m2", event_time_ms=close_time(1))
    config = config_effective(2, drift=DriftPolicy(**policy))
    bad = stream(range(first, first + 1_500), loss=2.0, model_version="m2")
    return outputs_of(quiet(), successor, config, *stream(range(2, first)), *bad)


def asked(outputs: list[Record], action: str) -> list[ModelCommand]:
    return [r for r in outputs if isinstance(r, ModelCommand) and r.action == action]


def test_a_new_model_that_does_harm_gives_way_once_and_is_not_retrained_at_once():
    outputs = harmful()

    [command] = asked(outputs, "rollback")
    assert (command.replaces, command.version, command.by) == ("m2", None, "drift")
    assert "BTCUSDT: log-loss of m2 is at least" in command.reason
    assert "v1-0a1b2c3d: drift" in command.reason
    [report] = [r for r in outputs if isinstance(r, DriftReport) and r.rollback_asked]
    assert (report.event_time_ms, report.retraining_asked) == (command.market_ms, False)
    assert (report.config_id, report.policy) == ("v1-0a1b2c3d", DriftPolicy())
    assert all(r.market_ms > command.market_ms for r in asked(outputs, "retrain"))


@pytest.mark.parametrize(
    "policy", [{"automatic_rollback": False}, {"probation_bars": 200}, {"enabled": False}]
)
def test_the_config_says_whether_and_how_long_a_model_is_on_probation(policy):
    outputs = harmful(**policy)

    assert asked(outputs, "rollback") == []
    assert bool(asked(outputs, "retrain")) == policy.get("enabled", True)


def test_the_first_model_and_one_that_served_before_are_not_on_probation():
    references = [quiet(), quiet(model_version="m2", event_time_ms=close_time(1))]
    between = stream(range(60, 70), model_version="m2")

    alone = outputs_of(*references, *stream(range(2, 1_000), loss=2.0))
    returned = outputs_of(
        *references, *stream(range(2, 60)), *between, *stream(range(70, 1_000), loss=2.0)
    )

    assert asked(alone, "retrain")
    assert asked(returned, "retrain")
    assert asked(alone, "rollback") == asked(returned, "rollback") == []


def test_the_command_to_give_way_is_the_same_from_every_symbol():
    [one] = asked(harmful(), "rollback")
    [other] = asked(harmful(first=420), "rollback")

    assert one.command_id == other.command_id
