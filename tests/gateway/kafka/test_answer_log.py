"""Answers on their way to their topic: in order, bounded, never waited for, every loss counted."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import structlog
from confluent_kafka import Consumer, Message, TopicPartition
from fastapi import FastAPI

from deploy.topics.admin import apply_topics
from deploy.topics.refdata import publish_refdata
from gateway.app import create_app
from gateway.context import AppContext
from gateway.errors import Unavailable
from gateway.kafka import answer_log
from gateway.kafka.answer_log import QUIET_MS, AnswerLog
from gateway.kafka.bus import KafkaBus
from gateway.settings import GatewaySettings
from schemas.answers import PredictionAnswer
from schemas.record import Record
from schemas.telemetry import HEADER_SCHEMA, HEADER_TRACE_ID
from schemas.topics import PREDICTION_ANSWERS
from streams.runtime.publisher import Publisher
from streams.runtime.settings import KafkaSettings
from tests.build import prediction_answer, serving, status
from tests.conftest import LogLines, NewBroker
from tests.fakes.gateway import WALL_MS, FakeBus, live, tick

pytestmark = pytest.mark.anyio


class RefusingBus(FakeBus):
    """A bus that refuses some records, or fails."""

    def __init__(self, refused: Sequence[str] = (), error: Exception | None = None) -> None:
        super().__init__()
        self.refused, self.error = refused, error

    async def publish_all(self, records: Sequence[tuple[Record, str]]) -> list[str]:
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        await super().publish_all([each for each in records if each[1] not in self.refused])
        return [f"{trace_id} refused" for _, trace_id in records if trace_id in self.refused]


def answered(number: int) -> PredictionAnswer:
    return prediction_answer(correlation_id=f"request-{number}")


def new_log(bus: FakeBus) -> tuple[AnswerLog, Counter[str]]:
    counts = Counter[str]()

    def count(outcome: str, number: int) -> None:
        counts[outcome] += number

    return AnswerLog(bus, lambda: WALL_MS, count), counts


@asynccontextmanager
async def publishing(log: AnswerLog) -> AsyncIterator[None]:
    task = asyncio.create_task(log.publish())
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def traces(bus: FakeBus) -> list[str]:
    return [trace_id for _, trace_id in bus.published_together]


async def test_answers_are_published_in_their_order_under_their_correlation_id():
    bus = FakeBus()
    log, counts = new_log(bus)
    for number in range(120):
        log.put(answered(number))

    async with publishing(log):
        await log.drain()

    assert traces(bus) == [f"request-{number}" for number in range(120)]
    assert (counts, log.lost, log.waiting) == ({"recorded": 120}, 0, 0)


async def test_what_a_full_queue_cannot_take_is_lost_counted_and_logged_once(
    log_lines: LogLines, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(answer_log, "MAX_WAITING", 3)
    log, counts = new_log(FakeBus())

    for number in range(8):
        log.put(answered(number))

    assert (counts["lost"], log.lost, log.lost_ms, log.waiting) == (5, 5, WALL_MS, 3)
    [line] = log_lines()
    assert line["event"] == "answers.lost"
    assert line["cause"] == "3 answers already wait for the message broker"


async def test_a_loss_after_a_quiet_time_is_logged_again(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(answer_log, "MAX_WAITING", 1)
    now_ms = [WALL_MS]
    log = AnswerLog(FakeBus(), lambda: now_ms[0], lambda *_: None)
    log.put(answered(0))

    with structlog.testing.capture_logs() as lines:
        for step_ms in (0, 1, QUIET_MS + 1):
            now_ms[0] += step_ms
            log.put(answered(1))

    assert [line["lost"] for line in lines] == [1, 3]


async def test_what_waits_for_an_absent_broker_is_published_when_it_is_back(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(answer_log, "RETRY_S", 0.001)
    bus = RefusingBus(error=Unavailable("away"))
    log, counts = new_log(bus)
    log.put(answered(0))

    async with publishing(log):
        await log.drain()

    assert (traces(bus), counts) == (["request-0"], {"recorded": 1})


async def test_a_refused_answer_is_lost_and_the_others_are_not():
    bus = RefusingBus(refused=("request-1",))
    log, counts = new_log(bus)
    for number in range(3):
        log.put(answered(number))

    async with publishing(log):
        await log.drain()

    assert traces(bus) == ["request-0", "request-2"]
    assert counts == {"recorded": 2, "lost": 1}


async def test_a_bug_in_publishing_loses_what_it_met_and_nothing_after_it():
    bus = RefusingBus(error=ZeroDivisionError("a bug"))
    log, counts = new_log(bus)
    async with publishing(log):
        log.put(answered(0))
        await log.drain()
        log.put(answered(1))
        await log.drain()

    assert traces(bus) == ["request-1"]
    assert counts == {"recorded": 1, "lost": 1}


async def test_the_end_waits_for_an_absent_broker_only_so_long(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(answer_log, "DRAIN_WITHIN_S", 0.05)
    bus = FakeBus()
    bus.connected = False
    log, counts = new_log(bus)
    for number in range(60):
        log.put(answered(number))

    async with publishing(log):
        await log.drain()

    assert counts == {"lost": 60}


@dataclass
class OnBroker:
    """A gateway that has read live markets from a broker, and a client of it."""

    app: FastAPI
    client: httpx.AsyncClient

    async def ask(self, correlation_id: str, **body: Any) -> Any:
        headers = {"X-Correlation-ID": correlation_id}
        request = {"symbol": "BTC-USD", **body}
        response = await self.client.post("/api/v1/predict", json=request, headers=headers)
        assert response.status_code == 200, response.text
        return response.json()

    async def until(self, holds: Callable[[AppContext], bool]) -> None:
        async with asyncio.timeout(30):
            while not holds(self.app.state.ctx):  # noqa: ASYNC110 - the broker answers on its own time
                await asyncio.sleep(0.02)


@asynccontextmanager
async def gateway_on(bootstrap: str) -> AsyncIterator[OnBroker]:
    kafka = KafkaSettings(bootstrap)
    publish_refdata(kafka)
    publisher = Publisher(kafka, "test")
    for record in (*live("BTCUSDT"), serving(), status(), tick()):
        publisher.publish(record)
    publisher.flush()
    settings = GatewaySettings(kafka_bootstrap_servers=bootstrap, universe=("BTCUSDT",))
    app = create_app(settings, KafkaBus(settings))
    transport = httpx.ASGITransport(app, client=("10.0.0.7", 5_555))
    async with (
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client,
        app.router.lifespan_context(app),
    ):
        gateway = OnBroker(app, client)
        await gateway.until(lambda ctx: ctx.bus.ready)
        yield gateway


def on_topic(bootstrap: str, count: int) -> list[Message]:
    """Return the messages of the topic, once there are so many; one more would be seen too."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "test",
            "enable.auto.commit": False,  # no group is made that the fixture would have to delete
            "log_level": 0,
        }
    )
    consumer.assign([TopicPartition(PREDICTION_ANSWERS.name, 0, 0)])
    messages = consumer.consume(count, timeout=20.0) + consumer.consume(1, timeout=0.5)
    consumer.close()
    return messages


def decoded(messages: Sequence[Message]) -> list[PredictionAnswer]:
    return [PredictionAnswer.decode(message.value() or b"") for message in messages]


@pytest.mark.kafka
async def test_what_was_answered_is_what_stands_on_the_topic(pipeline_topics: str):
    async with gateway_on(pipeline_topics) as gateway:
        ids = [f"request-{number}" for number in range(60)]
        asked = [gateway.ask(each, risk_check=each != "request-7") for each in ids]
        bodies = dict(zip(ids, await asyncio.gather(*asked), strict=True))

    messages = on_topic(pipeline_topics, len(ids))

    records = {record.correlation_id: record for record in decoded(messages)}
    assert len(messages) == len(ids)
    assert records.keys() == bodies.keys()
    for each, body in bodies.items():
        record, metadata = records[each], body["metadata"]
        assert record.client == "10.0.0.7"
        assert (record.symbol, record.prediction_id) == (body["symbol"], body["decision_id"])
        assert (record.action, record.confidence) == (body["action"], body["confidence"])
        assert record.model_version == metadata["model_version"]
        assert record.latency_ms == metadata["latency_ms"]
        assert (record.risk_approved is None) == (body["risk_validation"] is None)
    [first, *_] = messages
    trace = decoded([first])[0].correlation_id.encode()
    assert first.key() == b"BTCUSDT"
    assert (HEADER_SCHEMA, b"PredictionAnswer.v1") in (first.headers() or [])
    assert (HEADER_TRACE_ID, trace) in (first.headers() or [])


@pytest.mark.kafka
async def test_a_stopped_broker_slows_no_answer_and_what_is_lost_is_counted_and_said(
    new_broker: NewBroker, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(answer_log, "MAX_WAITING", 5)
    broker = new_broker()
    broker.start()
    apply_topics({"bootstrap.servers": broker.bootstrap})
    async with gateway_on(broker.bootstrap) as gateway:
        await gateway.ask("before")
        await gateway.until(lambda ctx: ctx.answers.waiting == 0)

        broker.kill()
        seconds = []
        for number in range(20):
            began_s = time.monotonic()
            await gateway.ask(f"request-{number}")
            seconds.append(time.monotonic() - began_s)

        assert max(seconds) < 1.0  # the broker is given up after two seconds at the earliest
        health = (await gateway.client.get("/health")).json()
        waiting, lost = health["answers"]["waiting"], health["answers"]["lost"]
        assert waiting + lost == 20
        assert 5 <= waiting <= 10  # in the queue, and what the publisher took out of it
        assert health["status"] == "degraded"
        assert f"not on predictions.answers.v1: {lost}, the last at" in " ".join(health["degraded"])
        metrics = (await gateway.client.get("/metrics")).text
        assert f'regimeflow_answers_total{{outcome="lost"}} {lost}.0' in metrics

        broker.start()
        await gateway.until(lambda ctx: ctx.answers.waiting == 0)
        await gateway.ask("after")

    kept = [each.correlation_id for each in decoded(on_topic(broker.bootstrap, waiting + 2))]
    assert (kept[0], kept[-1]) == ("before", "after")
    assert len(kept) == len(set(kept)) == waiting + 2
