"""Which topics the project wants on a cluster, derived from its tables."""

from __future__ import annotations

import pytest

from deploy.topics.admin import SettingDifference
from deploy.topics.plan import planned_topics
from schemas.topics import TOPICS
from streams.processor import Processor
from streams.topology import PROCESSORS, WORKERS, Worker

WANTED = {topic.name: topic.config for topic in planned_topics()}


def test_every_topic_of_the_table_is_wanted_once():
    assert len(WANTED) == len(planned_topics())
    assert {topic.name for topic in TOPICS} <= set(WANTED)


def test_whatever_is_consumed_has_dead_letters_and_nothing_else_has():
    rows: tuple[Processor | Worker, ...] = (*PROCESSORS, *WORKERS)
    consumed = {topic.dead_letters for row in rows for topic in row.reads}

    assert {name for name in WANTED if name.endswith(".dlq")} == consumed


def test_whatever_keeps_state_has_a_compacted_changelog():
    names = {processor.changelog for processor in PROCESSORS}
    names |= {f"{worker.name}.state.v1" for worker in WORKERS if worker.stateful}

    assert all(WANTED[name]["cleanup.policy"] == "compact" for name in names)


def test_facts_are_kept_for_ever_and_views_by_key():
    for topic in TOPICS:
        config = WANTED[topic.name]
        if topic.compact:
            assert config["cleanup.policy"] == "compact"
        else:
            assert config["cleanup.policy"] == "delete"
            assert config["retention.ms"] == str(topic.retention_ms)


def test_topics_that_tell_what_the_system_did_are_kept_as_long_as_logs():
    kept = {topic.name: topic.config for topic in planned_topics(90)}

    changed = {name for name, config in kept.items() if config != WANTED[name]}
    assert changed == {topic.name for topic in TOPICS if topic.kept_as_logs}
    assert {kept[name]["retention.ms"] for name in changed} == {str(90 * 86_400_000)}


@pytest.mark.parametrize(
    ("setting", "found", "wanted", "deletes"),
    [
        ("retention.ms", "-1", "86400000", True),
        ("retention.ms", "86400001", "86400000", True),
        ("retention.ms", "86400000", "-1", False),
        ("retention.ms", "86400000", "86400001", False),
        ("cleanup.policy", "delete", "compact", True),
        ("message.timestamp.type", "CreateTime", "LogAppendTime", False),
    ],
)
def test_a_difference_says_whether_mending_it_removes_records(setting, found, wanted, deletes):
    assert SettingDifference("t", setting, found, wanted).deletes == deletes


def test_no_topic_trusts_event_time_for_retention():
    assert {config["message.timestamp.type"] for config in WANTED.values()} == {"LogAppendTime"}


def test_a_dead_letter_holds_the_largest_record_in_base64():
    largest_record = 1_048_588  # Kafka's own default for a topic
    letter = int(WANTED["market.bars.raw.v1.dlq"]["max.message.bytes"])

    assert letter > largest_record * 4 / 3 + 10_000


def test_a_command_on_a_letter_holds_the_largest_letter_and_its_own_letter_the_command():
    largest_letter = 1_048_588 * 4 / 3 + 10_000
    command = int(WANTED["letters.commands.v1"]["max.message.bytes"])
    letter = int(WANTED["letters.commands.v1.dlq"]["max.message.bytes"])

    assert largest_letter + 10_000 < command
    assert command * 4 / 3 + 10_000 < letter
