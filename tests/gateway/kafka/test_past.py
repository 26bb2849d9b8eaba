"""A fresh gateway on a long log holds the full span of every timeframe, the long ones too."""

from __future__ import annotations

import asyncio

import pytest
from confluent_kafka import Producer

from gateway.app import create_app
from gateway.kafka import past
from gateway.kafka.bus import KafkaBus
from gateway.settings import GatewaySettings
from gateway.views.read_model import ReadModel
from schemas.features import FeatureVector
from schemas.market import Bar
from schemas.record import Record
from schemas.regimes import RegimeProbabilities
from schemas.timeframes import MINUTE_MS
from schemas.topics import BARS, topic_of
from streams.market.processor import PROCESSOR
from streams.runtime.memory_driver import replay
from tests.build import features, raw_bar, regimes

pytestmark = [pytest.mark.anyio, pytest.mark.kafka]

LENGTHS = (MINUTE_MS, 5 * MINUTE_MS, 15 * MINUTE_MS)
HELD = 40  # bars of each series
MINUTES = 2 * HELD * 15
SYMBOLS = ("BTCUSDT", "ETHUSDT")


def long_log() -> list[Record]:
    """Return bars of three timeframes and what is computed of them, in the order of a run."""
    raws = (
        raw_bar(minute, symbol=symbol, higher_ms=LENGTHS[1:])
        for minute in range(MINUTES)
        for symbol in SYMBOLS
    )
    records: list[Record] = []
    for bar in replay([PROCESSOR], raws):
        if isinstance(bar, Bar):
            at = {name: getattr(bar, name) for name in ("symbol", "timeframe_ms", "event_time_ms")}
            records += [bar, features(0).model_copy(update=at), regimes(**at)]
    return records


def write(bootstrap: str, records: list[Record]) -> None:
    """Commit records a few at a time, so that there are many markers."""
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "transactional.id": "long log",
            "partitioner": "murmur2_random",
            "log_level": 0,
        }
    )
    producer.init_transactions(30)
    producer.begin_transaction()
    for symbol in SYMBOLS:  # seen only by who reads further back than he needs to
        for length_ms in LENGTHS:
            producer.produce(BARS.name, b'{"timeframe_ms":%d,' % length_ms, symbol)
    producer.commit_transaction(30)
    for first in range(0, len(records), 30):
        producer.begin_transaction()
        for record in records[first : first + 30]:
            topic = topic_of(record)
            producer.produce(topic.name, record.encode(), topic.key_of(record))
        producer.commit_transaction(30)


def spans(views: ReadModel) -> dict[tuple[str, int, type[Record]], list[int]]:
    return {
        (symbol, length, kind): views.series(symbol, length).drawn_window(kind).keys
        for symbol in SYMBOLS
        for length in LENGTHS
        for kind in (Bar, FeatureVector, RegimeProbabilities)
    }


async def test_a_fresh_gateway_holds_the_full_span_of_each_timeframe(pipeline_topics, monkeypatch):
    monkeypatch.setattr("gateway.views.series_view.WINDOW", HELD)
    monkeypatch.setattr(past, "STRETCH", 400)
    records = long_log()
    write(pipeline_topics, records)
    settings = GatewaySettings(
        kafka_bootstrap_servers=pipeline_topics, universe=SYMBOLS, timeframes=("1m", "5m", "15m")
    )
    app = create_app(settings, KafkaBus(settings), refuse=lambda _: None)
    views = app.state.ctx.views

    async with app.router.lifespan_context(app), asyncio.timeout(60):
        [refilling] = [each for each in asyncio.all_tasks() if each.get_name() == "refill views"]
        await refilling

    newest_ms = raw_bar(MINUTES - 1).event_time_ms
    for (symbol, length, kind), closes in spans(views).items():
        last_ms = newest_ms // length * length
        expected = list(range(last_ms - (len(closes) - 1) * length, last_ms + 1, length))
        assert closes == expected, (symbol, length, kind)
        assert len(closes) >= HELD
    assert views.unreadable == {}
