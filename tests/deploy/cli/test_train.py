"""``regimeflow train``: one request up to the newest bar of every symbol."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner, Result

from deploy.cli.app import app
from schemas.features import FeatureVector
from schemas.market import HistoryReady
from schemas.timeframes import HOUR_MS, MINUTE_MS
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


def ready(timeframe_ms: int) -> HistoryReady:
    return HistoryReady(
        source="simulated:7",
        symbols=("BTCUSDT",),
        timeframe_ms=timeframe_ms,
        from_ms=close_time(0),
        to_ms=close_time(9),
        event_time_ms=close_time(9),
        base_ms=None if timeframe_ms == MINUTE_MS else MINUTE_MS,
    )


def test_a_timeframe_or_all_of_them_are_asked_for_and_others_refused(
    pipeline_topics, monkeypatch, tmp_path
):
    monkeypatch.setenv("REGIMEFLOW_HOME", str(tmp_path))
    monkeypatch.setenv("REGIMEFLOW_KAFKA_BOOTSTRAP_SERVERS", pipeline_topics)
    publisher = Publisher(KafkaSettings(pipeline_topics), "ingest")
    for timeframe_ms in (MINUTE_MS, HOUR_MS):
        publisher.publish(ready(timeframe_ms))
    publisher.flush()

    def call(*options: str) -> Result:
        return CliRunner().invoke(app, ["train", *options])

    named, strange = call("BTC-USDT", "--json"), call("DOGEUSDT")
    report, wrong_report = call("report"), call("report", "a", "b")
    assert call("--open").exit_code == 2
    base, hour, both = call("--json"), call("--timeframe", "1h", "--json"), call("--all", "--json")
    text, unknown = call("--all"), call("--timeframe", "4h")
    contradicting, wrong = call("--all", "--timeframe", "1h"), call("--timeframe", "7m")
    monkeypatch.setenv("REGIMEFLOW_TIMEFRAMES", "1m,15m")
    left, left_out = call("--all", "--json"), call("--timeframe", "1h")

    assert json.loads(named.stdout)["symbols"] == ["BTCUSDT"]
    assert (strange.exit_code, report.exit_code, wrong_report.exit_code) == (2, 1, 2)
    assert "no history of DOGEUSDT is ready, expected some of BTCUSDT" in strange.stderr
    assert "no model of ensemble is registered" in report.stderr
    one, other = json.loads(base.stdout), json.loads(hour.stdout)
    assert (one["timeframe_ms"], other["timeframe_ms"]) == (MINUTE_MS, HOUR_MS)
    assert json.loads(both.stdout) == [one, other]
    assert [line.split(",")[1] for line in text.stdout.splitlines()] == [
        " bars of 1m",
        " bars of 1h",
    ]
    assert unknown.exit_code == contradicting.exit_code == 2
    assert json.loads(left.stdout) == [one]
    assert (left_out.exit_code, wrong.exit_code) == (2, 2)
    assert "--timeframe '7m' is unknown; expected 1m, 3m" in wrong.stderr
    assert "--timeframe 4h: no such history is there or runs, but those of 1m, 1h" in unknown.stderr
    assert "--all means every timeframe" in contradicting.stderr
