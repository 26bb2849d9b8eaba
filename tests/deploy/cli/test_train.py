"""``regimeflow train``: one request up to the newest bar of every symbol."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from deploy.cli.app import app
from schemas.features import FeatureVector
from schemas.market import HistoryReady
from schemas.timeframes import MINUTE_MS
from schemas.topics import TRAINING_REQUESTS
from schemas.training import TrainingRequest
from streams.features.processor import PROCESSOR as FEATURES
from streams.runtime.memory_driver import replay
from streams.runtime.publisher import Publisher
from streams.runtime.reader import Reader
from streams.runtime.settings import KafkaSettings
from tests.build import bar, close_time

pytestmark = pytest.mark.kafka

BARS = 30


@pytest.fixture
def vectors() -> list[FeatureVector]:
    """The vectors of some bars, as the live kernel makes them."""
    bars = [bar(minute, close=100.0 + minute % 7 / 10) for minute in range(BARS)]
    return [v for v in replay([FEATURES], bars) if isinstance(v, FeatureVector)]


def test_the_command_asks_for_a_training_up_to_the_newest_bar(
    pipeline_topics, vectors, monkeypatch, tmp_path
):
    monkeypatch.setenv("REGIMEFLOW_HOME", str(tmp_path))
    monkeypatch.setenv("REGIMEFLOW_KAFKA_BOOTSTRAP_SERVERS", pipeline_topics)
    kafka = KafkaSettings(pipeline_topics)

    early = CliRunner().invoke(app, ["train"])
    publisher = Publisher(kafka, "ingest")
    publisher.publish(
        HistoryReady(
            source="simulated:7",
            symbols=("BTCUSDT",),
            timeframe_ms=MINUTE_MS,
            from_ms=close_time(0),
            to_ms=close_time(9),
            event_time_ms=close_time(9),
        )
    )
    for vector in vectors:
        publisher.publish(vector)
    publisher.flush()
    done = CliRunner().invoke(app, ["train", "--json"])

    assert (early.exit_code, done.exit_code) == (1, 0), done.output
    assert "no history of ensemble is ready yet" in early.stderr
    with Reader(kafka, (TRAINING_REQUESTS,)) as reader:
        (message,) = reader.read_to_end()
    assert message.record.model_dump(mode="json") == json.loads(done.stdout)
    assert isinstance(message.record, TrainingRequest)
    assert message.record.to_ms == close_time(BARS - 1)
    assert message.record.reason == "manual"
