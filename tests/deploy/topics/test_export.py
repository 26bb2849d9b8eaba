"""Exported bars are what the topics hold, and can be replayed."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from confluent_kafka import Producer
from typer.testing import CliRunner

from deploy.cli.app import app
from deploy.topics.export import write_bars
from deploy.topics.tail import newest_close_ms
from schemas.topics import BARS, SIGNALS
from streams.runtime.publisher import Publisher
from streams.runtime.settings import KafkaSettings
from tests.build import START_MS, bar, signal
from workers.bars.recording import read_recording


def test_exported_bars_can_be_replayed(tmp_path):
    bars = [bar(minute, symbol=symbol) for symbol in ("BTCUSDT", "ETHUSDT") for minute in range(9)]

    written = write_bars(bars, tmp_path)

    recording = read_recording([str(file.path) for file in written])
    assert [file.symbol for file in recording.files] == ["BTCUSDT", "ETHUSDT"]
    assert recording.bars == 18
    assert recording.files[0].columns["close"].tolist() == [100.5] * 9


def test_a_hole_is_kept_as_a_hole(tmp_path):
    (written,) = write_bars([bar(0), bar(5)], tmp_path)

    table = pd.read_parquet(str(written.path))
    assert written.bars == len(table) == 2
    assert (table.date.iloc[1] - table.date.iloc[0]).total_seconds() == 300


@pytest.mark.kafka
def test_the_topics_are_exported_tailed_and_listed(pipeline_topics, monkeypatch, tmp_path):
    monkeypatch.setenv("REGIMEFLOW_KAFKA_BOOTSTRAP_SERVERS", pipeline_topics)
    publisher = Publisher(KafkaSettings(pipeline_topics), "test")
    for minute in range(5):
        for symbol in ("BTCUSDT", "ETHUSDT"):
            publisher.publish(bar(minute, symbol=symbol))
    publisher.publish(signal(2))
    publisher.flush()

    def output(*arguments: str) -> str:
        done = CliRunner().invoke(app, list(arguments))
        assert done.exit_code == 0, done.output
        return done.stdout

    files = json.loads(
        output("data", "export", "--output", str(tmp_path), "--symbol", "ETH-USD", "--json")
    )
    whole = json.loads(
        output("data", "export", "--output", str(tmp_path), "--topic", BARS.name, "--json")
    )
    newest = output("topics", "tail", BARS.name, "--symbol", "BTC-USD", "-n", "2", "--json")
    nothing = CliRunner().invoke(app, ["topics", "tail", BARS.name, "--symbol", "SOL-USD"])
    listed = json.loads(output("topics", "list", "--json"))
    ledger = json.loads(output("data", "ledger", "--json"))

    assert [(f["symbol"], f["bars"], f["from_ms"]) for f in files] == [("ETHUSDT", 5, START_MS)]
    assert whole["records"] == 10
    assert len(pd.read_parquet(tmp_path / BARS.name)) == 10
    assert [json.loads(line)["symbol"] for line in newest.splitlines()] == ["BTCUSDT", "BTCUSDT"]
    assert json.loads(newest.splitlines()[-1])["event_time_ms"] == bar(4).event_time_ms
    assert nothing.stderr == f"{BARS.name} holds no record of SOLUSDT\n"
    assert {t["name"]: t["end"] for t in listed["topics"]}[BARS.name] == 10
    assert [holding["bars"] for holding in ledger["held"]] == [5, 5]


@pytest.mark.kafka
def test_the_newest_signal_is_known_although_a_killed_process_left_a_transaction_open(
    pipeline_topics,
):
    kafka = KafkaSettings(pipeline_topics)
    before = newest_close_ms(kafka, SIGNALS)
    publisher = Publisher(kafka, "test")
    for minute in (3, 1):
        publisher.publish(signal(minute))
    publisher.flush()
    killed = Producer({"bootstrap.servers": pipeline_topics, "transactional.id": "killed"})
    killed.init_transactions()
    killed.begin_transaction()
    killed.produce(SIGNALS.name, signal(9).encode(), b"BTCUSDT")
    killed.flush()

    close_ms = newest_close_ms(kafka, SIGNALS)

    killed.abort_transaction()
    assert (before, close_ms) == (None, signal(3).event_time_ms)
