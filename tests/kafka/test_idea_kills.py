"""SIGKILLs of the signals chain lose no idea and no result, and double none."""

from __future__ import annotations

import random
from collections import defaultdict
from typing import TYPE_CHECKING

import pytest

from deploy.topics.admin import apply_topics
from schemas.record import Record
from schemas.signals import Signal
from schemas.topics import IDEAS, IDEAS_SUPPRESSED, PREDICTIONS, SIGNALS, TRADE_RESULTS, topic_of
from streams.runtime.memory_driver import replay
from streams.runtime.publisher import Publisher
from streams.runtime.settings import KafkaSettings
from streams.signals.processor import PROCESSOR as GRADING
from streams.topology import CHAINS
from tests.fakes.running_chains import read_records, wait_for
from tests.fakes.small_day import log
from tests.kafka.test_partitions import started

if TYPE_CHECKING:
    from tests.conftest import NewBroker

pytestmark = pytest.mark.kafka

KILLS = 5
WRITTEN = (IDEAS, TRADE_RESULTS, IDEAS_SUPPRESSED)


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


def signals(predictions: list[Record]) -> int:
    return sum(isinstance(record, Signal) for record in replay([GRADING], predictions))


def test_kills_at_random_moments_lose_no_idea_and_double_none(new_broker: NewBroker):
    bootstrap = new_broker().start()
    kafka = KafkaSettings(bootstrap)
    apply_topics({"bootstrap.servers": bootstrap}, 1)
    (chain,) = (chain for chain in CHAINS if chain.name == "signals")
    predictions = log()[PREDICTIONS]
    chance, publisher = random.Random(3), Publisher(kafka, "feeder")
    process = started(bootstrap, "signals", "0")
    try:
        size = len(predictions) // KILLS
        for at in range(0, len(predictions), size):
            for prediction in predictions[at : at + size]:
                publisher.publish(prediction)
            publisher.flush()
            before, after = signals(predictions[:at]), signals(predictions[: at + size])
            seen = chance.randint(before, after)
            wait_for(lambda: len(read_records(kafka, SIGNALS)) >= seen)  # noqa: B023 - at once
            process.kill()
            process.wait()
            process = started(bootstrap, "signals", "0")
        wait_for(lambda: len(read_records(kafka, SIGNALS)) == signals(predictions))
    finally:
        process.kill()
        process.wait()

    given = [message.record for message in read_records(kafka, PREDICTIONS)]
    made = [message.record for message in read_records(kafka, *WRITTEN)]
    assert len(given) == len(predictions)
    assert by_key(made) == by_key(replay(chain.processors, given))
    assert {name for name, _ in by_key(made)} == {topic.name for topic in WRITTEN}
