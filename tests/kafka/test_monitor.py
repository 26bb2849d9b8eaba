"""The monitor on a real broker: rates, a complete canary, no topic made, a quick end."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.topics.admin import list_topics
from schemas.record import Record
from schemas.status import CanaryTrace, MonitorWindow
from schemas.topics import MONITOR_TRACES, MONITOR_WINDOWS, RAW_BARS, SIGNALS
from streams.monitor.windows import STAGES
from streams.runtime.codec import Received
from streams.runtime.publisher import Publisher
from streams.runtime.reader import Reader
from streams.runtime.settings import KafkaSettings
from tests.build import bar, features, prediction, raw_bar, regimes, signal

pytestmark = pytest.mark.kafka

ROOT = Path(__file__).resolve().parents[2]
WITHIN_S = 40.0
LARGEST_MB = 120


@contextmanager
def monitor(bootstrap: str, home: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = os.environ | {
        "REGIMEFLOW_KAFKA_BOOTSTRAP_SERVERS": bootstrap,
        "REGIMEFLOW_HOME": str(home),
    }
    command = [sys.executable, "-m", "deploy.process", "monitor"]
    running = subprocess.Popen(command, cwd=ROOT, env=environment)
    try:
        yield running
    finally:
        running.kill()
        running.wait()


def chain(minute: int) -> tuple[Record, ...]:
    """Return one bar's records on every topic that the monitor reads."""
    return (
        raw_bar(minute),
        bar(minute),
        features(minute),
        regimes(minute),
        prediction(minute),
        signal(minute),
    )


def send_until_traced(kafka: KafkaSettings) -> tuple[CanaryTrace, list[MonitorWindow]]:
    """Publish bars, whole chains of them, until a complete canary and its windows have come."""
    publisher = Publisher(kafka, "test")
    reader = Reader(kafka, (MONITOR_WINDOWS, MONITOR_TRACES), start="end")
    windows: list[MonitorWindow] = []
    traced: CanaryTrace | None = None
    deadline = time.monotonic() + WITHIN_S
    minute = 0
    while traced is None or {window.topic for window in windows} != {RAW_BARS.name, *STAGES}:
        assert time.monotonic() < deadline, "no complete canary came"
        for record in chain(minute):
            publisher.publish(record, f"trace-{minute}")
        publisher.flush()
        minute += 1
        records = [each.record for each in reader.take() if isinstance(each, Received)]
        windows += [each for each in records if isinstance(each, MonitorWindow)]
        found = [each for each in records if isinstance(each, CanaryTrace) and each.complete]
        traced = traced or next(iter(found), None)
    reader.close()
    return traced, windows


def resident_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_bars_on_the_topics_show_as_rates_and_a_complete_canary(pipeline_topics, tmp_path):
    kafka = KafkaSettings(pipeline_topics)
    cluster = {"bootstrap.servers": pipeline_topics}
    before = {topic.name for topic in list_topics(cluster)}

    with monitor(pipeline_topics, tmp_path) as running:
        traced, windows = send_until_traced(kafka)
        size = resident_mb(running.pid)
        began = time.monotonic()
        running.terminate()
        code = running.wait(40)
        took = time.monotonic() - began

    assert traced.symbol == "BTCUSDT"
    assert traced.stages_ms.keys() == set(STAGES)
    assert all(delay is not None and 0 <= delay < 5000 for delay in traced.stages_ms.values())
    last = {window.topic: window for window in windows}
    assert all(window.records > 0 and window.per_second > 0 for window in last.values())
    assert last[RAW_BARS.name].lateness_p50_ms is None
    assert last[SIGNALS.name].lateness_p50_ms is not None
    assert {topic.name for topic in list_topics(cluster)} == before
    assert size < LARGEST_MB
    assert code == 0
    assert took < 5.0
