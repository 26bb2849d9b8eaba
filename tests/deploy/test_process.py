"""One process: it serves its metrics where it is told to, and nowhere else."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deploy import process
from deploy.local.supervisor import HEARTBEAT
from deploy.topics.admin import apply_topics, delete_topics
from deploy.topics.plan import COMPACTED, TopicPlan
from schemas.status import WorkerStatus
from schemas.topics import WORKER_STATUS
from streams.runtime.codec import Received
from streams.runtime.heartbeat import heartbeat
from streams.runtime.reader import Reader
from streams.runtime.settings import EXIT_REFUSED, KafkaSettings
from streams.runtime.status import StatusPublisher
from workers import process as worker_process
from workers.process import SettingsRefused
from workers.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
ASK = """
import sys, urllib.request
from deploy.process import serve_metrics
serve_metrics(sys.argv[1])
try:
    answer = urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[2]}/metrics", timeout=5)
    print(answer.status, "process_resident_memory_bytes" in answer.read().decode())
except OSError:
    print("nobody")
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.skipif(sys.platform != "linux", reason="the client reads memory from /proc")
@pytest.mark.parametrize(
    ("name", "told", "expected"),
    [("market", True, "200 True"), ("market", False, "nobody"), ("gateway", True, "nobody")],
)
def test_metrics_are_served_where_the_setting_says(name, told, expected):
    port = str(free_port())
    environment = {k: v for k, v in os.environ.items() if not k.startswith("REGIMEFLOW_")}
    setting = {"REGIMEFLOW_METRICS_PORT": port} if told else {}

    done = subprocess.run(
        [sys.executable, "-c", ASK, name, port],
        cwd=ROOT,
        env=environment | setting,
        check=True,
        capture_output=True,
        text=True,
    )

    assert done.stdout.strip() == expected


@pytest.mark.parametrize("told", ["taken", "no-port", "70000"])
def test_a_metrics_port_that_cannot_be_used_is_refused_with_its_name(told, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1]) if told == "taken" else told
        monkeypatch.setenv("REGIMEFLOW_METRICS_PORT", port)

        with pytest.raises(SettingsRefused, match=f"REGIMEFLOW_METRICS_PORT={port} on 127.0.0.1"):
            process.serve_metrics("market")


def test_a_gateway_that_its_environment_does_not_allow_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("REGIMEFLOW_ENV", "staging")
    settings = Settings(home=tmp_path, kafka_bootstrap_servers="kafka:9092")

    with pytest.raises(SettingsRefused, match="staging expects somebody has to sign in: set REG"):
        process.run("gateway", settings)


def test_a_process_gives_its_first_beat_after_what_it_says_before_it_loads(monkeypatch, tmp_path):
    beats = tmp_path / "beats"
    monkeypatch.setenv(HEARTBEAT, str(beats))
    monkeypatch.setenv("REGIMEFLOW_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["process", "ingest"])
    monkeypatch.setattr(process, "ONE_THREAD", {})
    monkeypatch.setattr(heartbeat, "_file", None)
    monkeypatch.setattr(heartbeat, "_due_s", 0.0)
    for name in (
        "configure_logging",
        "say_versions",
        "drain_with_supervisor",
        "interrupt_on_signals",
    ):
        owner = worker_process if name == "configure_logging" else process
        monkeypatch.setattr(owner, name, lambda *_: None)
    monkeypatch.setattr(process, "say_starting", lambda *_: heartbeat.beat())
    loading: list[bool] = []

    def load(*_: object) -> int:
        loading.append(beats.exists())
        return 0

    monkeypatch.setattr(process, "run", load)

    assert process.main() == 0
    assert loading == [False]


STOPPED_WHILE_LOADING = """
import signal, sys
from deploy import process
sys.argv = ["process", "market"]
process.say_starting = lambda *_: None
process.run = lambda *_: signal.raise_signal(signal.SIGTERM)
sys.exit(process.main())
"""


def test_a_process_that_is_stopped_while_it_loads_says_that_it_drained(tmp_path):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("REGIMEFLOW_")}

    done = subprocess.run(
        [sys.executable, "-c", STOPPED_WHILE_LOADING],
        cwd=ROOT,
        env=environment | {"REGIMEFLOW_HOME": str(tmp_path)},
        check=False,
        capture_output=True,
        text=True,
    )

    events = [json.loads(line)["event"] for line in done.stderr.splitlines()]
    assert (done.returncode, events) == (0, ["process.started", "process.drained"])


PRIORITY = """
import os, sys
from deploy import process
sys.argv = ["process", sys.argv[1]]
process.interrupt_on_signals = lambda: sys.exit(print(os.nice(0)))
process.main()
"""


@pytest.mark.parametrize(("name", "lower"), [("signals", 0), ("gateway", 0), ("archive", 10)])
def test_a_process_that_no_signal_waits_for_gives_way_before_it_loads(name, lower):
    done = subprocess.run(
        [sys.executable, "-c", PRIORITY, name], cwd=ROOT, check=True, capture_output=True, text=True
    )

    assert int(done.stdout) == min(os.nice(0) + lower, 19)


@pytest.mark.kafka
def test_the_first_thing_a_process_says_takes_back_what_it_said_in_its_last_life(
    pipeline_topics, tmp_path
):
    kafka = KafkaSettings(pipeline_topics)
    before = StatusPublisher(kafka, "archive")
    before.report("stopping")
    before.close()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("REGIMEFLOW_")}
    environment |= {
        "REGIMEFLOW_HOME": str(tmp_path),
        "REGIMEFLOW_KAFKA_BOOTSTRAP_SERVERS": pipeline_topics,
    }

    command = [sys.executable, "-m", "deploy.process", "archive"]
    with subprocess.Popen(command, cwd=ROOT, env=environment) as started:
        try:
            said = states_until(kafka, "running")
        finally:
            started.terminate()

    assert said == ["stopping", "starting", "running"]


@pytest.mark.kafka
def test_a_process_that_is_not_started_again_says_why(broker, tmp_path):
    kafka, cluster = KafkaSettings(broker), {"bootstrap.servers": broker}
    apply_topics(cluster, 1, [TopicPlan(WORKER_STATUS.name, COMPACTED)])
    environment = {k: v for k, v in os.environ.items() if not k.startswith("REGIMEFLOW_")}
    environment |= {
        "REGIMEFLOW_HOME": str(tmp_path),
        "REGIMEFLOW_KAFKA_BOOTSTRAP_SERVERS": broker,
        "REGIMEFLOW_NOTIFY_RULES": "gap=loudly",
    }

    command = [sys.executable, "-m", "deploy.process", "notify"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False)

    assert done.returncode == EXIT_REFUSED
    with Reader(kafka, (WORKER_STATUS,)) as reader:
        said = [m.record for m in reader.read_to_end() if isinstance(m.record, WorkerStatus)]
    delete_topics(cluster, [WORKER_STATUS.name])
    assert [each.state for each in said] == ["starting", "failed"]
    assert "REGIMEFLOW_NOTIFY_RULES" in said[-1].detail


def states_until(kafka, last):
    reader, deadline = Reader(kafka, (WORKER_STATUS,)), time.monotonic() + 30
    said: list[str] = []
    while last not in said:
        assert time.monotonic() < deadline, said
        for message in reader.take():
            assert isinstance(message, Received)
            assert isinstance(message.record, WorkerStatus)
            said.append(message.record.state)
    reader.close()
    return said
