"""The bus on a real broker: only committed records, from the window's start, across an outage."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from deploy.topics.admin import apply_topics
from gateway.errors import Unavailable
from gateway.kafka.bus import KafkaBus
from gateway.kafka.topics import READS
from gateway.settings import GatewaySettings
from gateway.views.arrival import Arrival, UnreadableArrival
from schemas.record import Record
from schemas.refdata import RefdataTable
from schemas.signals import SignalAcknowledged
from schemas.topics import BARS, RAW_BARS, REFDATA_TABLES, SIGNALS, topic_of
from tests.build import (
    bar,
    dead_letter,
    letter_command,
    raw_bar,
    refdata,
    signal,
    training_request,
)
from tests.conftest import NewBroker

pytestmark = [pytest.mark.anyio, pytest.mark.kafka]


@dataclass
class Reading:
    """A started bus and what has arrived."""

    bus: KafkaBus
    arrivals: list[Arrival] = field(default_factory=list)
    unreadable: list[UnreadableArrival] = field(default_factory=list)

    def take(self, arrival: Arrival | UnreadableArrival) -> None:
        if isinstance(arrival, UnreadableArrival):
            self.unreadable.append(arrival)
        else:
            self.arrivals.append(arrival)

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not holds():  # noqa: ASYNC110 - the broker answers on its own time
                await asyncio.sleep(0.02)

    def records(self, shape: type[Record]) -> list[Any]:
        return [a.record for a in self.arrivals if isinstance(a.record, shape)]


@asynccontextmanager
async def reading(bootstrap: str) -> AsyncIterator[Reading]:
    read = Reading(
        KafkaBus(GatewaySettings(kafka_bootstrap_servers=bootstrap, universe=("BTCUSDT",)))
    )
    await read.bus.start(read.take)
    try:
        yield read
    finally:
        await read.bus.stop()


@pytest.fixture
def producer(pipeline_topics: str) -> Iterator[Producer]:
    """A transactional producer, as the runtime's."""
    transactional = Producer(
        {
            "bootstrap.servers": pipeline_topics,
            "transactional.id": "test",
            "partitioner": "murmur2_random",
            "log_level": 0,
        }
    )
    transactional.init_transactions(30)
    yield transactional
    transactional.flush(10)


def commit(producer: Producer, *records: Record) -> None:
    producer.begin_transaction()
    put(producer, *records)
    producer.commit_transaction(30)


def put(producer: Producer, *records: Record) -> None:
    for record in records:
        topic = topic_of(record)
        producer.produce(topic.name, record.encode(), topic.key_of(record))


async def test_the_past_is_read_before_ready_and_aborted_records_never(pipeline_topics, producer):
    commit(producer, *(signal(minute) for minute in range(10)))
    producer.begin_transaction()
    put(producer, signal(99))
    producer.flush(10)
    producer.abort_transaction(30)
    commit(producer, bar(0))

    async with reading(pipeline_topics) as read:
        await read.until(lambda: read.bus.ready)

        assert [s.signal_id for s in read.records(type(signal()))] == [
            f"signal-BTCUSDT-{minute}" for minute in range(10)
        ]
        assert len(read.records(type(bar()))) == 1
        first = next(a for a in read.arrivals if a.topic == SIGNALS.name)
        assert first.raw == signal(0).encode()
        assert first.appended_ms > 0


async def test_only_the_newest_window_is_read(pipeline_topics, producer, monkeypatch):
    monkeypatch.setitem(READS, SIGNALS.name, 10)
    for minute in range(20):
        commit(producer, signal(minute))

    async with reading(pipeline_topics) as read:
        await read.until(lambda: read.bus.ready)

    # Each record is followed by its commit marker: ten offsets hold five signals.
    assert [s.signal_id for s in read.records(type(signal()))] == [
        f"signal-BTCUSDT-{minute}" for minute in range(15, 20)
    ]


async def test_what_arrives_later_is_delivered_and_a_bad_record_stops_nothing(
    pipeline_topics, producer
):
    async with reading(pipeline_topics) as read:
        await read.until(lambda: read.bus.ready)

        producer.begin_transaction()
        producer.produce(BARS.name, b"{not json", "BTCUSDT")
        producer.produce(BARS.name, bar(0).encode(), "BTCUSDT", headers=[("schema", b"Bar.v2")])
        put(producer, bar(1))
        producer.commit_transaction(30)
        await read.until(lambda: bool(read.arrivals))

        places = [(bad.topic, bad.partition, bad.offset) for bad in read.unreadable]
        assert places == [(BARS.name, 0, 0), (BARS.name, 0, 1)]
        assert "expected JSON" in read.unreadable[0].cause
        assert read.unreadable[1].cause == "schema 'Bar.v2', expected 'Bar.v1'"
        assert [b.event_time_ms for b in read.records(type(bar()))] == [bar(1).event_time_ms]


async def test_what_is_published_comes_back_with_its_headers(pipeline_topics):
    acknowledged = SignalAcknowledged(signal_id="s", symbol="BTCUSDT", event_time_ms=1, by="ada")
    async with reading(pipeline_topics) as read:
        await read.until(lambda: read.bus.ready)

        await read.bus.publish(acknowledged, trace_id="trace")
        large = dead_letter(training_request(), payload_base64="A" * 1_398_000)
        await read.bus.publish(letter_command(large))  # of the largest record
        await read.until(lambda: bool(read.arrivals))

        assert read.arrivals[0].record == acknowledged


async def test_a_record_is_fetched_by_its_place_and_one_that_is_gone_is_none(
    pipeline_topics, producer
):
    async with reading(pipeline_topics) as read:
        commit(producer, raw_bar(1), raw_bar(2))
        await read.until(lambda: read.bus.ready)

        fetched = await read.bus.fetch([(RAW_BARS.name, 0, offset) for offset in (1, 0, 7)])

    assert fetched == [raw_bar(2), raw_bar(1), None]


async def test_a_group_with_nothing_left_to_read_lags_by_nothing(pipeline_topics, producer):
    commit(producer, bar(0), bar(1))
    plain = Producer({"bootstrap.servers": pipeline_topics, "log_level": 0})
    put(plain, raw_bar(0))
    plain.flush(10)

    async with reading(pipeline_topics) as read:
        await read.until(lambda: read.bus.ready)
        group_reads(pipeline_topics, {BARS.name: 1, RAW_BARS.name: 0})
        await read.until(lambda: read.bus.process_lag.get("grading") == 2)

        group_reads(pipeline_topics, {BARS.name: 2, RAW_BARS.name: 1})
        await read.until(lambda: read.bus.process_lag.get("grading") == 0)

        # The marker behind the two bars has an offset too.
        assert read.bus.lag[BARS.name] == 0


def group_reads(bootstrap: str, offsets: dict[str, int]) -> None:
    """Commit what a processor would after these many records."""
    group = Consumer({"bootstrap.servers": bootstrap, "group.id": "grading", "log_level": 0})
    positions = [TopicPartition(topic, 0, offset) for topic, offset in offsets.items()]
    group.commit(offsets=positions, asynchronous=False)
    group.close()


async def test_missing_topics_are_waited_for(broker):
    async with reading(broker) as read:
        await asyncio.sleep(0)
        assert not read.bus.ready
        with pytest.raises(Unavailable):
            await read.bus.publish(bar(0))


async def test_an_outage_is_seen_survived_and_caught_up(new_broker: NewBroker):
    broker = new_broker()
    broker.start()
    apply_topics({"bootstrap.servers": broker.bootstrap})
    async with reading(broker.bootstrap) as read:
        await read.until(lambda: read.bus.ready)
        producer = Producer(
            {"bootstrap.servers": broker.bootstrap, "enable.idempotence": True, "log_level": 0}
        )
        put(producer, bar(0))
        producer.flush(10)
        await read.until(lambda: len(read.arrivals) == 1)

        broker.kill()
        await read.until(lambda: not read.bus.connected)
        with pytest.raises(Unavailable):
            await read.bus.publish(bar(0))
        broker.start()
        put(producer, bar(1))
        producer.flush(20)
        await read.until(lambda: len(read.arrivals) == 2 and read.bus.connected)

        times = [b.event_time_ms for b in read.records(type(bar()))]
        assert times == [bar(0).event_time_ms, bar(1).event_time_ms]


async def test_a_topic_is_read_again_from_its_start(pipeline_topics, producer):
    commit(producer, refdata("indicator"), refdata("symbol"))
    async with reading(pipeline_topics) as read:
        await read.until(lambda: read.bus.ready)
        once = read.records(RefdataTable)

        await read.bus.read_again(REFDATA_TABLES.name)
        await read.until(lambda: len(read.records(RefdataTable)) == 2 * len(once))

        assert [table.table for table in read.records(RefdataTable)] == ["indicator", "symbol"] * 2
