"""The topic table on a real broker: applied once, then nothing to do."""

from __future__ import annotations

import json

import pytest
from confluent_kafka import Consumer, TopicPartition
from typer.testing import CliRunner

from deploy.cli.app import app
from deploy.topics.admin import (
    GroupLag,
    SettingDifference,
    apply_topics,
    list_lags,
    list_topics,
    mend_topics,
)
from deploy.topics.plan import TopicPlan, planned_topics
from schemas.topics import JOB_RESULTS, RAW_BARS
from streams.runtime.publisher import Publisher, TransactionalPublisher
from streams.runtime.settings import KafkaSettings
from tests.build import job_result, raw_bar
from tests.fakes.terminal import shown_on_terminal

pytestmark = pytest.mark.kafka


def test_applying_the_table_twice_creates_everything_once(pipeline_topics):
    cluster = {"bootstrap.servers": pipeline_topics}

    again = apply_topics(cluster)

    names = {topic.name for topic in planned_topics()}
    assert again.created == ()
    assert again.differing == ()
    assert set(again.unchanged) == names
    assert names <= {topic.name for topic in list_topics(cluster)}


def test_a_new_topic_gets_as_many_partitions_as_the_others_have(broker, new_topic):
    cluster = {"bootstrap.servers": broker}
    old = TopicPlan(new_topic(partitions=3), {})
    new, single = TopicPlan(f"{old.name}.new", {}), TopicPlan(f"{old.name}.one", {}, single=True)

    applied = apply_topics(cluster, None, [old, new, single])

    counts = {topic.name: topic.partitions for topic in list_topics(cluster)}
    assert (counts[new.name], counts[single.name]) == (3, 1)
    assert applied.differing == ()


def test_a_differing_topic_is_reported_left_alone_and_mended_on_request(broker, new_topic):
    cluster = {"bootstrap.servers": broker}
    name = new_topic(partitions=2)
    wanted = [TopicPlan(name, {"retention.ms": "-1"})]

    report = apply_topics(cluster, 1, wanted)
    mend_topics(cluster, report.differing)
    mended = apply_topics(cluster, 2, wanted)

    assert report.differing == (
        SettingDifference(name, "partitions", "2", "1"),
        SettingDifference(name, "retention.ms", "604800000", "-1"),
    )
    assert mended.unchanged == (name,)
    partitions, retention = map(str, report.differing)
    assert "partitions is 2, expected 1; it is never changed, since keys would move" in partitions
    assert "--mend" in retention
    assert "--mend" not in partitions


def test_a_group_that_has_read_all_is_behind_by_nothing_with_and_without_transactions(
    pipeline_topics,
):
    kafka = KafkaSettings(pipeline_topics)
    plain = Publisher(kafka, "lags")
    plain.publish(raw_bar(0))
    plain.publish(raw_bar(1))
    plain.flush()
    TransactionalPublisher(kafka, "lags").publish([job_result()])
    reading = Consumer(kafka.reading("lags"))
    places = [TopicPartition(RAW_BARS.name, 0, 1), TopicPartition(JOB_RESULTS.name, 0, 1)]

    reading.commit(offsets=places, asynchronous=False)

    lags = list_lags({"bootstrap.servers": pipeline_topics})
    reading.close()
    assert [lag for lag in lags if lag.group == "lags"] == [
        GroupLag("lags", JOB_RESULTS.name, 0),
        GroupLag("lags", RAW_BARS.name, 1),
    ]


def test_a_tail_is_words_on_a_terminal_and_whole_json_in_a_pipe(
    pipeline_topics, tmp_path, monkeypatch
):
    publisher = Publisher(KafkaSettings(pipeline_topics), "tail")
    publisher.publish(raw_bar(0))
    publisher.flush()
    surroundings = {
        "REGIMEFLOW_HOME": str(tmp_path),
        "REGIMEFLOW_KAFKA_BOOTSTRAP_SERVERS": pipeline_topics,
    }
    for name, value in surroundings.items():
        monkeypatch.setenv(name, value)
    command = ["topics", "tail", RAW_BARS.name, "--symbol", "btc-usd"]

    shown = shown_on_terminal("-m", "deploy.cli.app", *command)
    as_json = shown_on_terminal("-m", "deploy.cli.app", *command, "--json")
    piped = CliRunner().invoke(app, command)

    assert shown.startswith("2025-06-15 15:08:00  BTCUSDT  1m  ")
    assert json.loads(as_json) == json.loads(piped.stdout) == json.loads(raw_bar(0).encode())
