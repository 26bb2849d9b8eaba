"""Archive: every fact once, by day, whatever is repeated or interrupted."""

from __future__ import annotations

import threading
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from schemas.market import Bar
from schemas.record import Record
from schemas.research import Market
from schemas.timeframes import MINUTE_MS
from schemas.topics import BARS, FEATURE_VECTORS, LEDGER, MODELS_SERVING, PREDICTIONS, RAW_BARS
from streams.market.processor import PROCESSOR as MARKET_PROCESSOR
from streams.runtime.memory_driver import replay
from streams.runtime.publisher import Publisher
from streams.runtime.settings import KafkaSettings
from streams.topology import WORKERS
from tests.build import START_MS, bar, features, prediction, raw_bar
from workers.archive import topic_archive
from workers.archive.columns import arrow_schema
from workers.archive.export import ExportSpan, export_topic
from workers.archive.topic_archive import OFFSETS, ArchivedRecord, TopicArchive, folder_name
from workers.archive.worker import FACTS, archive_topics
from workers.bars.bar_files import read_bars
from workers.bars.sources import archived_bars

DAY_BARS = 1440


def archived(records, first=0, partition=0):
    return [ArchivedRecord(partition, first + i, 0, record) for i, record in enumerate(records)]


def test_a_folder_reads_in_one_line_with_every_value(tmp_path):
    bars = [raw_bar(m, mark_price=99.0 if m % 2 else None) for m in range(DAY_BARS)]

    TopicArchive(tmp_path, RAW_BARS).write(archived(bars))

    table = pd.read_parquet(tmp_path / RAW_BARS.name)
    assert len(table) == DAY_BARS
    rows = table.sort_values("offset").drop(columns=["partition", "offset"])
    assert [type(bars[0])(**_plain(row)) for row in rows.to_dict("records")] == bars
    days = {p.stem for p in (tmp_path / RAW_BARS.name / "BTCUSDT").glob("*.parquet")}
    assert days == set(pd.to_datetime(table.event_time_ms, unit="ms").dt.strftime("%Y-%m-%d"))
    assert len(days) == 2


def _plain(row):
    return {name: _python(value) for name, value in row.items()}


def _python(value):
    if hasattr(value, "tolist") and value.ndim:
        return tuple(value.tolist())
    if pd.isna(value):
        return None
    value = value.item() if hasattr(value, "item") else value
    return int(value) if isinstance(value, float) and value > 1e11 else value


def test_records_with_nested_values_keep_them(tmp_path):
    TopicArchive(tmp_path, FEATURE_VECTORS).write(archived([features(0, rsi_14=50.0, adx_14=None)]))
    TopicArchive(tmp_path, PREDICTIONS).write(archived([prediction(0)]))

    (vector,) = pd.read_parquet(tmp_path / FEATURE_VECTORS.name).to_dict("records")
    assert dict(vector["values"]) == {"rsi_14": 50.0, "adx_14": None}
    (row,) = pd.read_parquet(tmp_path / PREDICTIONS.name).to_dict("records")
    assert row["probabilities"] == {"sell": 0.05, "neutral": 0.05, "buy": 0.9}


def test_writing_again_changes_nothing(tmp_path):
    rows = archived([raw_bar(m) for m in range(10)])
    store = TopicArchive(tmp_path, RAW_BARS)

    store.write(rows)
    store.write(rows[5:])

    assert len(pd.read_parquet(tmp_path / RAW_BARS.name)) == 10
    assert store.next_offsets() == {0: 10}


def test_offsets_are_known_by_partition(tmp_path):
    store = TopicArchive(tmp_path, RAW_BARS)

    store.write(archived([raw_bar(0)], first=7))
    store.write(archived([raw_bar(1)], first=3, partition=2))

    assert TopicArchive(tmp_path, RAW_BARS).next_offsets() == {0: 8, 2: 4}
    assert len(pd.read_parquet(tmp_path / RAW_BARS.name)) == 2


def test_crash_between_two_files_loses_and_doubles_nothing(tmp_path, monkeypatch):
    rows = archived([raw_bar(m, symbol=s) for m in range(5) for s in ("BTCUSDT", "ETHUSDT")])
    replace = topic_archive._replace
    written: list[Path] = []

    def dies_at_the_second(path, content):
        if len(written) == 1:
            raise OSError("killed")
        written.append(path)
        replace(path, content)

    with monkeypatch.context() as patched:
        patched.setattr(topic_archive, "_replace", dies_at_the_second)
        with pytest.raises(OSError, match="killed"):
            TopicArchive(tmp_path, RAW_BARS).write(rows)
    (tmp_path / RAW_BARS.name / "BTCUSDT" / "_2025-06-15.parquet.new").write_bytes(b"half")
    after = TopicArchive(tmp_path, RAW_BARS)
    start = after.next_offsets().get(0, 0)
    after.write(rows[start:])

    table = pd.read_parquet(tmp_path / RAW_BARS.name)
    assert sorted(table.offset) == list(range(10))


def test_key_that_is_no_file_name_is_made_one(tmp_path):
    TopicArchive(tmp_path, RAW_BARS).write(archived([raw_bar(0, symbol="../BTC/USDT")]))

    assert (tmp_path / RAW_BARS.name / "___BTC_USDT").is_dir()
    assert (tmp_path / RAW_BARS.name / OFFSETS).exists()


def test_archived_bars_are_of_one_timeframe_also_from_files_older_than_a_column(tmp_path):
    higher_ms = (5 * MINUTE_MS,)
    minutes = [raw_bar(minute, higher_ms=higher_ms) for minute in range(20)]
    bars = [r for r in replay([MARKET_PROCESSOR], minutes) if isinstance(r, Bar)]
    TopicArchive(tmp_path, RAW_BARS).write(archived(minutes))
    TopicArchive(tmp_path, BARS).write(archived(bars))
    (file,) = (tmp_path / BARS.name / "BTCUSDT").glob("*.parquet")
    old = pq.read_table(pa.BufferReader(file.read_bytes())).drop_columns(["higher_ms"])
    pq.write_table(old, file)
    TopicArchive(tmp_path, BARS).write(archived([bar(20)], first=len(bars)))

    raw = pd.read_parquet(tmp_path / RAW_BARS.name)
    own, made = (
        archived_bars(tmp_path / BARS.name, Market(symbol="BTCUSDT", timeframe=name))
        for name in ("1m", "5m")
    )

    assert {tuple(each) for each in raw.higher_ms} == {higher_ms}
    assert own.open_time_ms.tolist() == [each.open_time_ms for each in (*minutes, bar(20))]
    assert made.open_time_ms.tolist() == [b.open_time_ms for b in bars if b.origin == "aggregated"]


def test_every_fact_topic_has_columns():
    for topic in FACTS:
        names = arrow_schema(topic.record).names
        assert names[: len(topic.record.model_fields)] == list(topic.record.model_fields)


def test_facts_are_the_topics_that_are_kept_for_ever():
    assert {RAW_BARS, BARS, LEDGER, FEATURE_VECTORS, PREDICTIONS} <= set(FACTS)
    assert MODELS_SERVING not in FACTS
    assert next(row for row in WORKERS if row.name == "archive").reads == FACTS


class Strange(Record):
    moment: complex


def test_field_without_a_column_type_is_named():
    with pytest.raises(TypeError, match="complex"):
        arrow_schema(Strange)


@pytest.mark.kafka
def test_span_of_a_topic_is_exported_and_bars_can_be_replayed(pipeline_topics, tmp_path):
    kafka = KafkaSettings(pipeline_topics)
    publisher = Publisher(kafka, "test")
    for minute in range(40):
        publisher.publish(raw_bar(minute))
        publisher.publish(raw_bar(minute, symbol="ETHUSDT"))
    quarter = {"timeframe_ms": 15 * MINUTE_MS, "open_time_ms": START_MS + 8 * MINUTE_MS}
    publisher.publish(raw_bar(22, **quarter))
    publisher.flush()
    until = START_MS + 30 * MINUTE_MS
    parquet, text = tmp_path / "BTCUSDT_1m.parquet", tmp_path / "BTCUSDT_1m.csv"

    for path in (parquet, text):
        span = ExportSpan(START_MS + 11 * MINUTE_MS, until, "BTCUSDT", MINUTE_MS)
        assert export_topic(kafka, RAW_BARS, path, span) == 19

    for path in (parquet, text):
        file = read_bars(str(path))
        assert (file.from_ms, file.to_ms) == (START_MS + 10 * MINUTE_MS, until - MINUTE_MS)
    with pytest.raises(ValueError, match="holds no record"):
        export_topic(kafka, RAW_BARS, parquet, ExportSpan(from_ms=until * 2))
    with pytest.raises(ValueError, match=r"\.parquet or \.csv"):
        export_topic(kafka, RAW_BARS, tmp_path / "bars.xlsx", ExportSpan())


@pytest.mark.kafka
def test_topics_are_archived_once_over_restarts(pipeline_topics, tmp_path):
    kafka = KafkaSettings(pipeline_topics)
    publisher, stop = Publisher(kafka, "test"), threading.Event()

    for part in range(3):
        for minute in range(part * 5, part * 5 + 5):
            publisher.publish(raw_bar(minute))
        publisher.flush()
        assert archive_topics(tmp_path, kafka, FACTS, stop, until_end=True) == 5

    table = pd.read_parquet(tmp_path / RAW_BARS.name).sort_values("event_time_ms")
    assert list(table.event_time_ms) == [START_MS + (m + 1) * MINUTE_MS for m in range(15)]


def test_a_key_in_any_script_is_its_own_folder():
    assert folder_name("币安人生USDT") == "币安人生USDT"
    assert folder_name("हिन्दीUSDT") == "हिन्दीUSDT"
    assert folder_name("../a b.c") == "___a_b_c"
    assert folder_name("") == "_"
