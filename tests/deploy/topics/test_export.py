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
from schemas.market import RawBar
from schemas.timeframes import MINUTE_MS
from schemas.topics import BARS, SIGNALS
from streams.market.processor import PROCESSOR as MARKET_PROCESSOR
from streams.runtime.memory_driver import replay
from streams.runtime.publisher import Publisher
from streams.runtime.settings import KafkaSettings
from tests.build import START_MS, bar, raw_bar, signal
from workers.bars.ledger import ledger_of_files
from workers.bars.recording import read_recording

M5 = 5 * MINUTE_MS
HIGHER = bar(
    0,
    symbol="ETHUSDT",
    timeframe_ms=M5,
    open_time_ms=START_MS + 3 * MINUTE_MS,
    event_time_ms=START_MS + 8 * MINUTE_MS,
    origin="aggregated",
)


def test_exported_bars_can_be_replayed(tmp_path):
    bars = [bar(minute, symbol=symbol) for symbol in ("BTCUSDT", "ETHUSDT") for minute in range(9)]

    written = write_bars(bars, tmp_path)

    recording = read_recording([str(file.path) for file in written])
    assert [file.symbol for file in recording.files] == ["BTCUSDT", "ETHUSDT"]
    assert recording.bars == 18
    assert recording.files[0].columns["close"].tolist() == [100.5] * 9


def test_each_timeframe_of_a_symbol_has_a_file_whose_name_says_it(tmp_path):
    minutes = [raw_bar(minute, higher_ms=(M5, 15 * MINUTE_MS)) for minute in range(60)]
    bars = [r for r in replay([MARKET_PROCESSOR], minutes) if isinstance(r, RawBar)]

    written = write_bars(bars, tmp_path)

    names = ["BTCUSDT_perp_1m.parquet", "BTCUSDT_perp_5m.parquet", "BTCUSDT_perp_15m.parquet"]
    assert [file.path.name for file in written] == names
    for file in written:
        (played,) = read_recording([str(file.path)]).files
        own = [bar for bar in bars if bar.timeframe_ms == played.timeframe_ms]
        assert played.open_time_ms.tolist() == [bar.open_time_ms for bar in own]
        assert played.columns["volume"].tolist() == [bar.volume for bar in own]
    assert ledger_of_files([str(tmp_path)]).findings == []  # they do not disagree


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
    publisher.publish(HIGHER)
    publisher.publish(signal(2))
    publisher.flush()

    def output(*arguments: str) -> str:
        done = CliRunner().invoke(app, list(arguments))
        assert done.exit_code == 0, done.output
        return done.stdout

    chosen = ("--symbol", "ETH-USD", "--json")
    files = json.loads(output("data", "export", "--output", str(tmp_path), *chosen))
    one = json.loads(
        output("data", "export", "--output", str(tmp_path), *chosen, "--timeframe", "5m")
    )
    whole = json.loads(
        output("data", "export", "--output", str(tmp_path), "--topic", BARS.name, "--json")
    )
    newest = output("topics", "tail", BARS.name, "--symbol", "BTC-USD", "-n", "2", "--json")
    higher = output("topics", "tail", BARS.name, "--timeframe", "5m", "--json")
    nothing = CliRunner().invoke(app, ["topics", "tail", BARS.name, "--symbol", "SOL-USD"])
    listed = json.loads(output("topics", "list", "--json"))
    ledger = json.loads(output("data", "ledger", "--json"))

    assert [(f["symbol"], f["timeframe"], f["bars"], f["from_ms"]) for f in files] == [
        ("ETHUSDT", "1m", 5, START_MS),
        ("ETHUSDT", "5m", 1, HIGHER.open_time_ms),
    ]
    assert one == files[1:]
    assert [json.loads(line)["timeframe_ms"] for line in higher.splitlines()] == [M5]
    assert whole["records"] == 11
    archived = pd.read_parquet(tmp_path / BARS.name)
    assert len(archived) == 11
    assert len(pd.read_parquet(tmp_path / BARS.name, filters=[("timeframe_ms", "==", M5)])) == 1
    assert [json.loads(line)["symbol"] for line in newest.splitlines()] == ["BTCUSDT", "BTCUSDT"]
    assert json.loads(newest.splitlines()[-1])["event_time_ms"] == bar(4).event_time_ms
    assert nothing.stderr == f"{BARS.name} holds no record of SOLUSDT\n"
    assert {t["name"]: t["end"] for t in listed["topics"]}[BARS.name] == 11
    held = {holding["name"]: holding["bars"] for holding in ledger["held"]}
    assert held == {"BTCUSDT 1m": 5, "ETHUSDT 1m": 5, "ETHUSDT 5m": 1}


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
