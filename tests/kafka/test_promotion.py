"""Promotion over a home whose changelog is of before there was more than one timeframe."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from schemas.models import ModelChanged
from schemas.timeframes import HOUR_MS, MINUTE_MS
from schemas.topics import MODEL_VERSIONS, MODELS_CHANGES, TRAINING_REQUESTS
from streams.promotion.processor import PROCESSOR
from streams.runtime.codec import changelog_topic, state_key
from streams.runtime.publisher import Publisher
from streams.runtime.reader import Reader
from streams.runtime.settings import KafkaSettings
from tests.build import model_command
from tests.fakes.running_chains import chains_running, wait_for
from tests.streams.promotion.test_promotion import history, registered

pytestmark = pytest.mark.kafka

OLDER = replace(PROCESSOR, state_key=("strategy",))


def running(kafka, processor):
    return chains_running(kafka, {"promotion": (processor,)})


def records(kafka, topic):
    with Reader(kafka, (topic,)) as reader:
        return [message.record for message in reader.read_to_end()]


def publish(kafka, *sent):
    publisher = Publisher(kafka, "test")
    for record in sent:
        publisher.publish(record)
    publisher.flush()


def wait_for_changes(kafka, count):
    wait_for(lambda: len(records(kafka, MODELS_CHANGES)) == count)
    return records(kafka, MODELS_CHANGES)


def hours(number):
    """A model of a higher timeframe; the second one replaces the first."""
    before = f"hours-{number - 1}" if number > 1 else ""
    return registered(f"hours-{number}", 400 + number, HOUR_MS, qualified=False, better_than=before)


def test_a_changelog_of_another_shape_loses_nothing_and_asks_for_nothing_again(pipeline_topics):
    kafka = KafkaSettings(pipeline_topics)
    with running(kafka, OLDER):
        publish(kafka, history(100))
        wait_for(lambda: bool(records(kafka, TRAINING_REQUESTS)))  # a model in service needs none
        publish(kafka, registered("first", 200, qualified=False))
        publish(kafka, registered("second", 210, better_than="first"))
        wait_for_changes(kafka, 2)

    for start in itertools.count(1):
        with running(kafka, PROCESSOR):
            publish(kafka, history(300), registered("weak", 300 + start, qualified=False))
            publish(kafka, hours(start))
            changes = wait_for_changes(kafka, 2 + start)
        if start == 2:  # restored from changelogs of both shapes, too
            break

    with running(kafka, PROCESSOR):
        publish(kafka, model_command("rollback", 500, reason="the second one does harm"))
        changes = wait_for_changes(kafka, 5)

    assert [type(each) for each in changes] == [ModelChanged] * 5
    served = [(c.model.timeframe_ms, c.model.model_version, c.replaces) for c in changes]
    assert served == [
        (MINUTE_MS, "first", None),
        (MINUTE_MS, "second", "first"),
        (HOUR_MS, "hours-1", None),
        (HOUR_MS, "hours-2", "hours-1"),
        (MINUTE_MS, "first", "second"),
    ]
    versions = [record for record in records(kafka, MODEL_VERSIONS) if record.number == 1]
    assert {(v.timeframe_ms, v.stage) for v in versions} >= {
        (MINUTE_MS, "Archived"), (MINUTE_MS, "Production"), (HOUR_MS, "Archived"),
    }  # fmt: skip
    assert [r.to_ms for r in records(kafka, TRAINING_REQUESTS)] == [history(100).to_ms]
    with Reader(kafka, (changelog_topic(PROCESSOR),)) as changelog:
        keys = {state_key(message.stored.key) for message in changelog.read_to_end()}
    assert keys == {("ensemble",), ("ensemble", MINUTE_MS), ("ensemble", HOUR_MS)}
