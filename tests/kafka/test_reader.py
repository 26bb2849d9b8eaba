"""Readers outside of groups: who follows for ever leaves an idle broker alone."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from schemas.market import Bar
from schemas.record import Topic
from streams.runtime.reader import Reader
from streams.runtime.settings import KafkaSettings

pytestmark = pytest.mark.kafka

IDLE_S = 1.5


def fetches(broker, topic, **options):
    """How often a reader that has caught up asks an idle broker in ``IDLE_S``."""
    counts: list[int] = []

    def count(raw: str) -> None:
        brokers = json.loads(raw)["brokers"].values()
        counts.append(sum(each["req"].get("Fetch", 0) for each in brokers))

    client: Any = {"statistics.interval.ms": 100, "stats_cb": count}
    reader = Reader(KafkaSettings(broker, client), [topic], **options)
    while not reader.caught_up or not counts:
        reader.take()
    before, end = counts[-1], time.monotonic() + IDLE_S
    while time.monotonic() < end:
        reader.take()
    reader.close()
    return counts[-1] - before


def test_a_follower_asks_an_idle_broker_seldom(broker, new_topic):
    topic = Topic(new_topic(), Bar, "symbol", "")

    following, hurrying = fetches(broker, topic, follow=True), fetches(broker, topic)

    assert 1 <= following <= IDLE_S / 0.25 + 2
    assert hurrying > 3 * following
