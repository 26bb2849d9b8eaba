"""Status of training: a higher timeframe without a model is told, and makes nothing degraded."""

from __future__ import annotations

import pytest

from schemas.timeframes import HOUR_MS, MINUTE_MS
from schemas.topics import TRAINING_REQUESTS
from schemas.training import TrainingRequest
from streams.runtime.codec import dead_letter, never_stored
from streams.runtime.publisher import Publisher
from streams.runtime.settings import KafkaSettings
from tests.build import START_MS, registered
from workers.training.queue import AGED_MS, base_first
from workers.training.status import TrainingStatus, read_without_model

SHORT = "one of 2 folds has 12 training rows"


def request(timeframe_ms=HOUR_MS, reason="bootstrap") -> TrainingRequest:
    return TrainingRequest(
        request_id="r1",
        strategy="ensemble",
        event_time_ms=START_MS,
        symbols=("BTCUSDT",),
        timeframe_ms=timeframe_ms,
        from_ms=START_MS,
        to_ms=START_MS,
        reason=reason,
        base_ms=None if timeframe_ms == MINUTE_MS else MINUTE_MS,
    )


def test_a_first_model_of_a_higher_timeframe_that_failed_is_told_until_there_is_one(log_lines):
    said = []
    status = TrainingStatus(lambda *state: said.append(state))

    status.refused(request(), SHORT)
    status.mlflow("MLflow is behind")
    status.mlflow("")
    status.trained(request())

    missing = f"bars of 1h have no model: {SHORT}"
    assert said == [
        ("running", ""),
        ("running", missing),
        ("degraded", f"MLflow is behind; {missing}"),
        ("running", missing),
        ("running", ""),
    ]
    [line] = log_lines()
    assert (line["event"], line["timeframe"], line["cause"]) == ("model.missing", "1h", SHORT)
    assert "regimeflow train --timeframe 1h" in line["remedy"]


@pytest.mark.parametrize("other", [request(MINUTE_MS), request(reason="manual")])
def test_a_base_model_or_one_that_has_another_before_it_changes_no_status(other):
    said = []

    TrainingStatus(lambda *state: said.append(state)).refused(other, SHORT)

    assert said == [("running", "")]


def test_the_base_bar_goes_before_higher_ones_and_before_nothing_else():
    base, higher = request(MINUTE_MS), request()

    assert base_first(base, higher)
    assert not base_first(higher, base)
    assert not base_first(base, base)
    assert not base_first(higher, higher)


def test_a_request_that_has_aged_keeps_its_place():
    aged, base = request(), request(MINUTE_MS)
    later = base.model_copy(update={"event_time_ms": aged.event_time_ms + AGED_MS})

    assert not base_first(later, aged)
    assert base_first(later.model_copy(update={"event_time_ms": later.event_time_ms - 1}), aged)


@pytest.mark.kafka
def test_a_restart_recalls_which_timeframes_have_no_model(pipeline_topics):
    kafka = KafkaSettings(pipeline_topics)
    publisher = Publisher(kafka, "test")
    for refused in (request(), request(15 * MINUTE_MS), request(MINUTE_MS)):
        stored = never_stored(TRAINING_REQUESTS.name, b"ensemble", refused.encode(), START_MS)
        publisher.refuse(dead_letter(stored, "training", "rejected", SHORT))
    publisher.publish(registered(timeframe_ms=HOUR_MS))
    publisher.flush()

    assert read_without_model(kafka) == {15 * MINUTE_MS: SHORT}
