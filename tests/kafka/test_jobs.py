"""Jobs, publishers and what the exactly-once rules rest on, on a real broker."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from aiokafka.partitioner import DefaultPartitioner
from confluent_kafka import Consumer, Producer, TopicPartition

from deploy.topics.admin import apply_topics, delete_topics
from deploy.topics.plan import APPEND_TIME, TopicPlan
from schemas.market import RawBar
from schemas.timeframes import MINUTE_MS
from schemas.topics import RAW_BARS, TRAINING_PROGRESS, TRAINING_REQUESTS
from schemas.training import TrainingProgress, TrainingRequest
from streams.processor import RecordRejected
from streams.runtime.client import Transactions
from streams.runtime.codec import dead_letter_topic
from streams.runtime.jobs import JobFuture, JobRules, run_jobs
from streams.runtime.publisher import Publisher, TransactionalPublisher
from streams.runtime.reader import Reader, tail
from streams.runtime.settings import KafkaSettings
from tests.build import raw_bar
from tests.kafka.audit import aborting_once
from tests.narrow import all_are

pytestmark = pytest.mark.kafka

PARTITIONS = 6
WITHIN_S = 30.0


@pytest.fixture
def kafka(broker):
    """How to reach a broker with the topics of jobs and raw bars, empty."""
    names = [RAW_BARS.name, TRAINING_PROGRESS.name, TRAINING_REQUESTS.name]
    names += [TRAINING_REQUESTS.dead_letters]
    cluster = {"bootstrap.servers": broker}
    apply_topics(cluster, 1, [TopicPlan(name, APPEND_TIME) for name in names[1:]])
    apply_topics(cluster, PARTITIONS, [TopicPlan(names[0], APPEND_TIME)])
    yield KafkaSettings(broker)
    delete_topics(cluster, names)


def request(number):
    return TrainingRequest(
        request_id=f"r{number}",
        strategy="ensemble",
        event_time_ms=number,
        symbols=("BTCUSDT",),
        timeframe_ms=MINUTE_MS,
        from_ms=0,
        to_ms=number,
        reason="manual",
    )


def result_of(received):
    return (
        TrainingProgress(
            request_id=received.record.request_id,
            strategy="ensemble",
            event_time_ms=received.record.event_time_ms,
            stage="done",
            done=1.0,
        ),
    )


def publish(kafka, *records):
    publisher = Publisher(kafka, "test")
    for record in records:
        publisher.publish(record)
    publisher.flush()


def take(kafka, topic, count):
    reader, deadline = Reader(kafka, [topic]), time.monotonic() + WITHIN_S
    messages: list[Any] = []
    while len(messages) < count:
        assert time.monotonic() < deadline, f"{len(messages)} of {count} on {topic.name}"
        messages += reader.take()
    reader.close()
    return messages


def run(kafka, group, job, until, **options):
    """Run jobs in a thread until ``until()`` has returned."""
    stop = threading.Event()
    thread = threading.Thread(
        target=run_jobs,
        args=(group, TRAINING_REQUESTS, job, kafka),
        kwargs={"stop": stop, **options},
    )
    thread.start()
    try:
        return until()
    finally:
        stop.set()
        thread.join(WITHIN_S)
        assert not thread.is_alive()


def test_a_member_without_a_job_for_a_while_ends_after_what_waited_is_done(kafka):
    publish(kafka, request(1))

    def job(received):
        future: JobFuture = Future()
        future.set_result(result_of(received))
        return future

    run_jobs("idle", TRAINING_REQUESTS, job, kafka, stop=threading.Event(), idle_s=3.0)

    assert len(take(kafka, TRAINING_PROGRESS, 1)) == 1


def test_each_request_gives_one_result_and_each_refusal_a_dead_letter_and_a_line(kafka, log_lines):
    publish(kafka, *(request(number) for number in range(4)))

    def work(received):
        if received.record.request_id == "r1":
            raise RecordRejected("no such span")
        if received.record.request_id == "r2":
            raise KeyError("column")
        return result_of(received)

    with ThreadPoolExecutor(1) as pool:
        done, letters = run(
            kafka,
            "jobs-outcomes",
            lambda received: pool.submit(work, received),
            lambda: (
                take(kafka, TRAINING_PROGRESS, 2),
                take(kafka, dead_letter_topic(TRAINING_REQUESTS), 2),
            ),
        )

    assert [m.record.request_id for m in done] == ["r0", "r3"]
    assert [(m.record.kind, m.record.cause) for m in letters] == [
        ("rejected", "no such span"),
        ("bug", "KeyError: 'column'"),
    ]
    lines = log_lines()
    assert [(line["event"], line["level"], line["cause"]) for line in lines] == [
        ("record.rejected", "warning", "no such span"),
        ("record.rejected", "error", "KeyError: 'column'"),
    ]
    assert [line["place"] for line in lines] == ["0@1", "0@2"]
    assert all(TRAINING_REQUESTS.name in line["remedy"] for line in lines)


def test_a_transaction_that_is_aborted_is_written_again_and_told_in_one_line(
    kafka, log_lines, monkeypatch
):
    monkeypatch.setattr(Transactions, "commit", aborting_once(Transactions.commit))
    publish(kafka, request(0))

    def refuse(_):
        refused: JobFuture = Future()
        refused.set_exception(RecordRejected("no such span"))
        return refused

    letters = run(
        kafka, "jobs-aborted", refuse, lambda: take(kafka, dead_letter_topic(TRAINING_REQUESTS), 1)
    )

    assert len(letters) == 1
    aborted, rejected = log_lines()
    assert (aborted["event"], aborted["level"]) == ("transaction.aborted", "warning")
    assert (aborted["consumer"], aborted["place"]) == ("jobs-aborted", "0@0")
    assert (aborted["cause"], rejected["event"]) == ("on purpose", "record.rejected")
    assert aborted["remedy"]


def test_a_job_that_was_under_way_at_the_stop_is_run_again_and_counts_once(kafka):
    publish(kafka, request(0), request(1))
    never: JobFuture = Future()
    started = threading.Event()

    def begin(_):
        started.set()
        return never

    run(kafka, "jobs-restart", begin, lambda: started.wait(WITHIN_S))
    assert never.cancelled()
    with ThreadPoolExecutor(1) as pool:
        done = run(
            kafka,
            "jobs-restart",
            lambda received: pool.submit(result_of, received),
            lambda: take(kafka, TRAINING_PROGRESS, 2),
        )

    assert [m.record.request_id for m in done] == ["r0", "r1"]


def test_a_job_longer_than_the_session_keeps_its_place(kafka):
    publish(kafka, request(0))

    def long(received):
        finished: JobFuture = Future()
        threading.Timer(6.5, lambda: finished.set_result(result_of(received))).start()
        return finished

    done = run(kafka, "jobs-long", long, lambda: take(kafka, TRAINING_PROGRESS, 1))

    assert [m.record.request_id for m in done] == ["r0"]


def test_a_symbol_lies_on_the_partition_that_other_clients_look_at(kafka):
    symbols = [f"SYM{number}USDT" for number in range(40)]
    publish(kafka, *(raw_bar(symbol=symbol) for symbol in symbols))

    placed = {m.record.symbol: m.stored.partition for m in take(kafka, RAW_BARS, len(symbols))}

    partitions = list(range(PARTITIONS))
    ours = DefaultPartitioner()  # aiokafka's; Faust hands its keys to the same one
    assert placed == {s: ours(s.encode(), partitions, partitions) for s in symbols}


def test_a_transactional_publisher_writes_a_group_whole(kafka):
    publisher = TransactionalPublisher(kafka, "whole")

    publisher.publish([raw_bar(minute) for minute in range(5)])
    publisher.publish([raw_bar(5)])

    with Reader(kafka, [RAW_BARS]) as reader:
        records = [message.record for message in reader.read_to_end()]
    opened = [raw.open_time_ms for raw in all_are(RawBar, records)]
    assert opened == [raw_bar(minute).open_time_ms for minute in range(6)]


def test_a_tail_from_the_end_sees_only_what_comes_after(kafka):
    publish(kafka, raw_bar(0))
    stop = threading.Event()
    following = tail(kafka, [RAW_BARS], stop=stop, start=Reader(kafka, [RAW_BARS]).ends)

    publish(kafka, raw_bar(1))

    assert next(following).record == raw_bar(1)
    stop.set()
    assert list(following) == []


def test_committed_offsets_are_told_only_when_the_transaction_that_moves_them_has_ended(kafka):
    # The restore reads offsets first and states second: it may not see the one without the other.
    reading = Consumer(kafka.reading("stable"))
    producer = Producer({**kafka.writing(), "transactional.id": "stable"})
    producer.init_transactions(WITHIN_S)
    producer.begin_transaction()
    place = TopicPartition(RAW_BARS.name, 0, 7)
    producer.send_offsets_to_transaction([place], reading.consumer_group_metadata(), WITHIN_S)
    offset: Future[int] = Future()
    thread = threading.Thread(
        target=lambda: offset.set_result(reading.committed([place], WITHIN_S)[0].offset)
    )

    thread.start()
    thread.join(1.0)
    early = offset.done()
    producer.commit_transaction(WITHIN_S)

    assert offset.result(WITHIN_S) == 7
    assert not early
    reading.close()


def test_a_request_that_goes_before_is_run_first_and_none_is_lost_or_run_twice(kafka):
    publish(kafka, *(request(number) for number in (3, 4, 1, 5, 2)))

    def small_first(later: TrainingRequest, earlier: TrainingRequest) -> bool:
        return later.event_time_ms < 3 <= earlier.event_time_ms

    with ThreadPoolExecutor(1) as pool:
        done = run(
            kafka,
            "jobs-order",
            lambda received: pool.submit(result_of, received),
            lambda: take(kafka, TRAINING_PROGRESS, 5),
            rules=JobRules(goes_before=small_first),
        )

    ran = [m.record.request_id for m in done]
    assert ran[:2] == ["r1", "r2"]
    assert sorted(ran) == ["r1", "r2", "r3", "r4", "r5"]
