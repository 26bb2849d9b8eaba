"""The budget of retrainings is told whenever it changes, and only then."""

from __future__ import annotations

from schemas.record import Record
from schemas.timeframes import MINUTE_MS
from schemas.training import TrainingBudget
from streams.promotion.processor import PROCESSOR
from streams.runtime.memory_driver import MemoryDriver
from tests.build import close_time, comparison, model_command, registered
from tests.streams.promotion.test_promotion import history


def budgets(records: list[Record]) -> list[TrainingBudget]:
    driver = MemoryDriver([PROCESSOR])
    return [
        made
        for record in records
        for made in driver.feed(record)
        if isinstance(made, TrainingBudget)
    ]


def test_each_training_and_each_challenger_that_is_kept_out_is_told():
    kept_out = registered(
        model_version="m2", event_time_ms=close_time(201), comparison=comparison(verdict="keep")
    )
    told = budgets(
        [
            history(100),
            registered(event_time_ms=close_time(110)),
            model_command("retrain", 200),
            kept_out,
        ]
    )

    assert [(each.training_id is not None, each.cause) for each in told[:3]] == [
        (True, "bootstrap"),
        (False, None),
        (True, "manual"),
    ]
    assert told[2].trained_ms == (close_time(200),)
    assert told[2].training_since_ms == close_time(200)
    assert (told[-1].rejected, told[-1].trained_ms) == (1, (close_time(200),))
    assert {each.subject for each in told} == {f"ensemble/{MINUTE_MS}"}


def test_what_changes_nothing_tells_nothing():
    first = registered(event_time_ms=close_time(110))
    refused = model_command("stage", 300, version="9")

    assert len(budgets([history(100), first, first, history(101), refused])) == 2


def test_a_command_on_a_strategy_that_nobody_trains_tells_nothing():
    assert budgets([model_command("retrain", 200, strategy="nobody")]) == []


def test_a_training_that_ended_without_a_model_is_told_until_the_next_begins():
    first, second = (model_command("retrain", minute) for minute in (200, 202))
    asked = budgets([history(100), registered(event_time_ms=close_time(110)), first])[-1]
    failed = model_command("fail", 201, training_id=asked.training_id, reason="killed")

    told = budgets([history(100), registered(event_time_ms=close_time(110)), first, failed, second])

    assert [each.failed for each in told[-3:]] == [False, True, False]
