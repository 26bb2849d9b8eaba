"""Ingest as the process that the pipeline runs: resumes after a kill, plays, refuses clearly."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from schemas.clock import ClockTick
from schemas.market import HistoryReady, LedgerEntry, RawBar
from schemas.status import LoadedModel, WorkerStatus
from schemas.timeframes import HOUR_MS, MINUTE_MS
from schemas.topics import CLOCK_TICKS, HISTORY, LEDGER, RAW_BARS, WORKER_STATUS
from streams.runtime.publisher import Publisher
from streams.runtime.reader import Reader
from streams.runtime.settings import KafkaSettings
from tests.build import close_time, raw_bar, serving, status
from tests.fakes.ingest_run import venue
from workers.ingest.resume import LOOK_BACK, newest_closes

pytestmark = pytest.mark.kafka

ROOT = Path(__file__).resolve().parents[3]
WAIT_S = 90.0
REFUSED = 78


class Process:
    """Ingest, started as the supervisor starts it."""

    def __init__(self, home, **settings):
        names = {f"REGIMEFLOW_{name.upper()}": str(value) for name, value in settings.items()}
        known = {k: v for k, v in os.environ.items() if not k.startswith("REGIMEFLOW_")}
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "deploy.process", "ingest"],
            cwd=ROOT,
            env={**known, "REGIMEFLOW_HOME": str(home), **names},
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.communicate()

    def end(self, number=signal.SIGTERM):
        self.popen.send_signal(number)
        return self.popen.wait(30)


def records(bootstrap, *topics):
    """Everything that the topics hold now."""
    with Reader(KafkaSettings(bootstrap), topics) as reader:
        return [message.record for message in reader.read_to_end()]


def until(reached, process):
    deadline = time.monotonic() + WAIT_S
    while not reached():
        assert process.popen.poll() is None, process.popen.communicate()[1]
        assert time.monotonic() < deadline, "not reached in time"
        time.sleep(0.3)


def opened(bootstrap, symbol):
    return [
        r.open_time_ms
        for r in records(bootstrap, RAW_BARS)
        if isinstance(r, RawBar) and r.symbol == symbol
    ]


def test_restarted_ingest_neither_loses_nor_doubles_a_bar(pipeline_topics, tmp_path):
    with venue(speed=240.0, paused=False) as running:
        settings = {
            "kafka_bootstrap_servers": pipeline_topics,
            "simulator_url": running.rest_url,
            "universe": "BTCUSDT,ETHUSDT",
            "speed": 240.0,
            "history_bars": 1_000,
        }
        for number in (signal.SIGKILL, signal.SIGTERM):
            held = max(1_000, len(opened(pipeline_topics, "BTCUSDT")))
            with Process(tmp_path, **settings) as process:
                until(lambda: len(opened(pipeline_topics, "BTCUSDT")) > held + 5, process)  # noqa: B023 - called in this turn
                code = process.end(number)
            assert code == (0 if number == signal.SIGTERM else -number)

    for symbol in ("BTCUSDT", "ETHUSDT"):
        times = opened(pipeline_topics, symbol)
        assert times == list(range(times[0], times[-1] + MINUTE_MS, MINUTE_MS))
    assert len([r for r in records(pipeline_topics, HISTORY) if isinstance(r, HistoryReady)]) == 1
    ticks = [r.event_time_ms for r in records(pipeline_topics, CLOCK_TICKS)]
    assert ticks == sorted(ticks)
    statuses = [r for r in records(pipeline_topics, WORKER_STATUS) if isinstance(r, WorkerStatus)]
    assert statuses[-1].state == "stopping"
    assert [r for r in records(pipeline_topics, LEDGER) if isinstance(r, LedgerEntry)] == []


def minutes(path, rows):
    table = pd.DataFrame({"date": pd.date_range("2025-01-01", periods=rows, freq="1min", tz="UTC")})
    prices = {"open": 100.0, "high": 101.0, "low": 99.0, "close": 100.5, "volume": 5.0}
    table.assign(**prices).to_parquet(path)
    return path


def test_replay_holds_at_the_cut_until_a_model_is_served_and_loaded(pipeline_topics, tmp_path):
    file = minutes(tmp_path / "BTCUSDT_perp_1m.parquet", 100)
    settings = {
        "kafka_bootstrap_servers": pipeline_topics,
        "exchange": "replay",
        "replay_files": file,
        "timeframes": "1m",
    }
    publisher = Publisher(KafkaSettings(pipeline_topics), "test")
    served = serving()
    version = served.model.model_version
    hours = served.model.model_copy(update={"model_version": "hours", "timeframe_ms": HOUR_MS})
    of_hours = serving(model=hours)  # published last: it must not pass for the minutes' model
    loaded = LoadedModel(
        name="ensemble", version=version, loaded_at_ms=1, device="cpu", parameters=1, qualified=True
    )

    with Process(tmp_path / "home", **settings) as process:
        until(lambda: records(pipeline_topics, HISTORY), process)
        publisher.publish(served)
        publisher.publish(of_hours)
        publisher.flush()
        assert len(opened(pipeline_topics, "BTCUSDT")) == 60
        publisher.publish(status("inference", models=(loaded,)))
        publisher.flush()
        until(lambda: len(opened(pipeline_topics, "BTCUSDT")) == 100, process)
        until(lambda: "done" in last_status(pipeline_topics).detail, process)
        assert process.end() == 0
    with Process(tmp_path / "home", **settings) as again:
        until(lambda: last_status(pipeline_topics).detail.startswith("done"), again)
        assert again.end() == 0

    assert len(opened(pipeline_topics, "BTCUSDT")) == 100
    ticks = [r for r in records(pipeline_topics, CLOCK_TICKS) if isinstance(r, ClockTick)]
    assert ticks[-1].event_time_ms == int(pd.Timestamp("2025-01-01 01:40").value / 1e6)


def last_status(bootstrap):
    found = [
        r
        for r in records(bootstrap, WORKER_STATUS)
        if isinstance(r, WorkerStatus) and r.process == "ingest"
    ]
    return found[-1]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"exchange": "replay", "replay_files": "nothing.parquet"}, "the name tells no symbol"),
        ({"exchange": "replay", "replay_files": "BTCUSDT_1m.csv"}, "no such file"),
        ({"exchange": "simulated"}, "REGIMEFLOW_SIMULATOR_URL"),
    ],
)
def test_what_cannot_work_is_refused_in_one_line(pipeline_topics, tmp_path, settings, said):
    with Process(tmp_path, kafka_bootstrap_servers=pipeline_topics, **settings) as process:
        _, error = process.popen.communicate(timeout=WAIT_S)

    assert process.popen.returncode == REFUSED
    assert said in error
    assert "Traceback" not in error


def test_home_of_another_market_is_refused_with_the_way_out(pipeline_topics, tmp_path):
    (tmp_path / "source.json").write_text('{"exchange": "binanceusdm", "timeframe": "1m"}')

    with Process(tmp_path, kafka_bootstrap_servers=pipeline_topics) as process:
        _, error = process.popen.communicate(timeout=WAIT_S)

    assert process.popen.returncode == REFUSED
    assert "REGIMEFLOW_HOME" in error


def test_unknown_symbol_is_refused(pipeline_topics, tmp_path):
    with (
        venue() as running,
        Process(
            tmp_path,
            kafka_bootstrap_servers=pipeline_topics,
            simulator_url=running.rest_url,
            universe="BTCUSDT,NOPEUSDT",
        ) as process,
    ):
        _, error = process.popen.communicate(timeout=60)

    assert process.popen.returncode == REFUSED
    assert "NOPEUSDT is not traded" in error


def test_newest_close_is_found_behind_a_long_tail_of_other_symbols(pipeline_topics):
    kafka = KafkaSettings(pipeline_topics)
    publisher = Publisher(kafka, "test")
    publisher.publish(raw_bar(3, symbol="ETHUSDT"))
    for minute in range(LOOK_BACK + 10):
        publisher.publish(raw_bar(minute))
    publisher.publish(raw_bar(0, timeframe_ms=HOUR_MS))
    publisher.flush()

    closes = newest_closes(kafka, ("BTCUSDT", "ETHUSDT", "SOLUSDT"), MINUTE_MS)

    assert closes == {"BTCUSDT": close_time(LOOK_BACK + 9), "ETHUSDT": close_time(3)}
