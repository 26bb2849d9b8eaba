"""Four partitions a topic, two instances of each chain: one of each is killed, nothing differs."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.topics.admin import apply_topics
from deploy.topics.plan import TopicPlan
from deploy.topics.verify import replay_log
from schemas.clock import ClockTick
from schemas.record import Topic
from schemas.status import WorkerStatus
from schemas.topics import CLOCK_TICKS, IDEAS, RAW_BARS, SIGNALS, TOPICS, WORKER_STATUS
from streams.runtime.client import partition_counts
from streams.runtime.publisher import Publisher
from streams.runtime.reader import Reader
from streams.runtime.settings import KafkaSettings
from tests.build import raw_bar
from tests.conftest import NewBroker
from tests.fakes.scripted_inference import changed, inference
from tests.kafka.symbol_chains import INFERENCE
from workers.research.replay.recompute import MADE, Span
from workers.training.queue import read_market_time

pytestmark = pytest.mark.kafka

ROOT = Path(__file__).resolve().parents[2]
PARTITIONS = 4
SYMBOLS = tuple(f"SYM{number:02d}USDT" for number in range(8))
CHAINS = ("market", "inference", "signals")
Instance = tuple[str, str]  # chain and instance


def started(bootstrap: str, chain: str, instance: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.kafka.symbol_chains", bootstrap, chain, instance]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)


@contextlib.contextmanager
def two_instances_each(bootstrap: str) -> Iterator[dict[Instance, subprocess.Popen[bytes]]]:
    running = {(c, i): started(bootstrap, c, i) for c in CHAINS for i in ("0", "b")}
    try:
        yield running
    finally:
        for process in running.values():
            process.kill()
            process.wait()


def count(kafka: KafkaSettings, topic: Topic) -> int:
    with Reader(kafka, (topic,)) as reader:
        return sum(1 for _ in reader.read_to_end())


def wait_for(reached: Callable[[], bool], within_s: float = 120.0) -> None:
    deadline = time.monotonic() + within_s
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def publish_bars(kafka: KafkaSettings, minutes: range) -> None:
    publisher = Publisher(kafka, "feeder")
    for minute in minutes:
        for symbol in SYMBOLS:
            publisher.publish(raw_bar(minute, symbol=symbol, close=100.0 + minute / 100))
    publisher.flush()


def speakers(kafka: KafkaSettings) -> set[str]:
    with Reader(kafka, (WORKER_STATUS,)) as reader:
        records = [message.record for message in reader.read_to_end()]
    running = [r for r in records if isinstance(r, WorkerStatus) and r.state == "running"]
    return {status.process for status in running}


def test_one_of_two_instances_is_killed_on_four_partitions_and_the_log_is_the_same(
    new_broker: NewBroker,
):
    bootstrap = new_broker().start()
    kafka = KafkaSettings(bootstrap)
    apply_topics({"bootstrap.servers": bootstrap}, PARTITIONS)
    publisher = Publisher(kafka, "model")
    publisher.publish(changed("m1", 3))
    publisher.flush()

    with two_instances_each(bootstrap) as running:
        wait_for(lambda: {f"{chain}@b" for chain in CHAINS} <= speakers(kafka))
        publish_bars(kafka, range(10))
        wait_for(lambda: count(kafka, SIGNALS) >= len(SYMBOLS))
        for chain in CHAINS:
            running[chain, "0"].kill()
        publish_bars(kafka, range(10, 20))

        wait_for(lambda: count(kafka, SIGNALS) == 20 * len(SYMBOLS))

    replayed = replace(inference(), processor=INFERENCE)
    report = replay_log(kafka, Span(), replayed, verify=MADE)
    assert report.differences == []
    assert report.topics[SIGNALS.name].equal == 20 * len(SYMBOLS)
    assert report.topics[IDEAS.name].equal > 20 * len(SYMBOLS)
    counts = partition_counts(kafka, [topic.name for topic in TOPICS])
    assert counts[RAW_BARS.name] == PARTITIONS
    assert all(counts[topic.name] == 1 for topic in TOPICS if topic.single)
    assert set(CHAINS) <= speakers(kafka)


def test_market_time_is_the_newest_tick_on_whichever_partition_it_lies(broker, monkeypatch):
    kafka = KafkaSettings(broker)
    name = f"{CLOCK_TICKS.name}.test"
    ticks = Topic(name, ClockTick, "event_time_ms", "Keys that spread over partitions")
    monkeypatch.setattr("workers.training.queue.CLOCK_TICKS", ticks)
    monkeypatch.setattr("streams.runtime.codec.topic_of", lambda _: ticks)
    apply_topics({"bootstrap.servers": broker}, PARTITIONS, [TopicPlan(name, {})])
    publisher = Publisher(kafka, "clock")
    for time_ms in range(1, 41):
        publisher.publish(ClockTick(event_time_ms=time_ms, speed=1.0))
    publisher.flush()

    assert read_market_time(kafka) == 40
