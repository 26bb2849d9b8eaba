"""SIGKILLs of the signals chain lose and double no idea and no result, also of a challenge."""

from __future__ import annotations

import random
from collections import defaultdict
from typing import TYPE_CHECKING

import pytest

from deploy.topics.admin import apply_topics
from schemas.record import Record
from schemas.signals import Signal
from schemas.topics import (
    CHALLENGE_OUTCOMES,
    CHALLENGE_RESULTS,
    IDEAS,
    IDEAS_SUPPRESSED,
    PREDICTIONS,
    SHADOW_PREDICTIONS,
    SIGNALS,
    TRADE_RESULTS,
    topic_of,
)
from streams.runtime.memory_driver import replay
from streams.runtime.publisher import Publisher
from streams.runtime.settings import KafkaSettings
from streams.signals.processor import PROCESSOR as GRADING
from streams.topology import CHAINS
from tests.fakes.running_chains import read_records, wait_for
from tests.fakes.small_day import log, merged
from tests.kafka.test_partitions import started

if TYPE_CHECKING:
    from tests.conftest import NewBroker

pytestmark = pytest.mark.kafka

KILLS = 5
READ = (PREDICTIONS, SHADOW_PREDICTIONS)
WRITTEN = (IDEAS, TRADE_RESULTS, IDEAS_SUPPRESSED, CHALLENGE_OUTCOMES, CHALLENGE_RESULTS)


def by_key(records: list[Record]) -> dict[tuple[str, str], list[bytes]]:
    values = defaultdict(list)
    for record in records:
        topic = topic_of(record)
        if topic in WRITTEN:
            values[topic.name, topic.key_of(record)].append(record.encode())
    return {
        place: encoded[-1:] if place[0] == IDEAS_SUPPRESSED.name else encoded
        for place, encoded in values.items()
    }


def signals(records: list[Record]) -> int:
    return sum(isinstance(record, Signal) for record in replay([GRADING], records))


def test_kills_at_random_moments_lose_no_idea_and_double_none(new_broker: NewBroker):
    bootstrap = new_broker().start()
    kafka = KafkaSettings(bootstrap)
    apply_topics({"bootstrap.servers": bootstrap}, 1)
    (chain,) = (chain for chain in CHAINS if chain.name == "signals")
    records = merged(log(), READ)
    chance, publisher = random.Random(3), Publisher(kafka, "feeder")
    process = started(bootstrap, "signals", "0")
    try:
        size = len(records) // KILLS
        for at in range(0, len(records), size):
            for record in records[at : at + size]:
                publisher.publish(record)
            publisher.flush()
            before, after = signals(records[:at]), signals(records[: at + size])
            seen = chance.randint(before, after)
            wait_for(lambda: len(read_records(kafka, SIGNALS)) >= seen)  # noqa: B023 - at once
            process.kill()
            process.wait()
            process = started(bootstrap, "signals", "0")
        wait_for(lambda: len(read_records(kafka, SIGNALS)) == signals(records))
    finally:
        process.kill()
        process.wait()

    given = {topic: [each.record for each in read_records(kafka, topic)] for topic in READ}
    made = [message.record for message in read_records(kafka, *WRITTEN)]
    assert sum(map(len, given.values())) == len(records)
    assert by_key(made) == by_key(replay(chain.processors, merged(given, READ)))
    assert {name for name, _ in by_key(made)} == {topic.name for topic in WRITTEN}
