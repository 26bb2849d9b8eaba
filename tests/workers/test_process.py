"""A process's log: lines of JSON in one order, from every source, without a secret."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import structlog

from streams.runtime.settings import EXIT_FATAL, EXIT_REFUSED
from workers.process import (
    LogSettings,
    configure_logging,
    event_on_signals,
    fatal,
    refused,
    secrets_in,
    without_secrets,
)

ROOT = Path(__file__).resolve().parents[2]
CANARIES = {
    "REGIMEFLOW_BINANCE_API_SECRET": "canary-of-the-key",
    "REGIMEFLOW_KAFKA_CLIENT": '{"sasl.username": "desk", "sasl.password": "canary-of-kafka"}',
    "REGIMEFLOW_REDIS_URL": "redis://user:canary-of-redis@cache:6379/0",
    "REGIMEFLOW_TUNING_STORAGE": "postgresql://u:canary-of-storage@db/studies",
}


@pytest.fixture
def lines():
    """What this process logs at DEBUG, as parsed lines."""
    written: list[str] = []
    configure_logging(LogSettings("market", "DEBUG"), written.append)
    return lambda: [json.loads(line) for line in written]


def test_a_line_is_time_level_process_event_and_then_the_facts(lines):
    structlog.get_logger().info("gap.repaired", symbol="BTCUSDT", bars=3)

    [line] = lines()

    assert list(line) == ["time", "level", "process", "event", "symbol", "bars"]
    assert line["time"].endswith("Z")
    assert (line["level"], line["process"], line["event"]) == ("info", "market", "gap.repaired")


def test_a_level_silences_what_is_below_it():
    written: list[str] = []
    configure_logging(LogSettings("market", "WARNING"), written.append)

    structlog.get_logger().info("state.restored")
    structlog.get_logger().warning("transaction.aborted")

    assert [json.loads(line)["event"] for line in written] == ["transaction.aborted"]


def test_what_a_library_says_takes_the_same_way_and_is_not_repeated(lines):
    for number in range(3):
        logging.getLogger("aiohttp.client").warning("connection %d lost", number)

    [line] = lines()

    assert line["event"] == "library.said"
    assert line["library"] == "aiohttp.client"
    assert line["said"] == "connection 0 lost"


def test_an_outage_that_several_parts_of_a_client_tell_is_one_line(lines):
    for part in ("consumer.fetcher", "consumer.group_coordinator", "conn"):
        logging.getLogger(f"aiokafka.{part}").error("%s: the broker is away", part)

    (line,) = lines()
    assert line["library"] == "aiokafka.consumer.fetcher"


def test_a_name_of_a_file_that_is_no_utf_8_is_written_all_the_same(lines):
    structlog.get_logger().info("run.started", home=os.fsdecode(b"/home/\xff"))

    (line,) = lines()
    assert line["event"] == "run.started"
    assert line["home"].encode()


def test_a_warning_of_python_is_a_line(lines):
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("soon gone", stacklevel=1)

    [line] = lines()

    assert "soon gone" in line["said"]


def test_a_caught_exception_is_one_line_with_its_trace(lines):
    try:
        int("no such bar")
    except ValueError:
        structlog.get_logger().exception("record.failed")

    [line] = lines()

    assert line["exception"].endswith(
        "ValueError: invalid literal for int() with base 10: 'no such bar'"
    )


@pytest.mark.parametrize(
    ("end", "code", "event", "level"),
    [
        (refused, EXIT_REFUSED, "process.refused", "error"),
        (fatal, EXIT_FATAL, "process.fatal", "critical"),
    ],
)
def test_an_end_is_one_line_with_cause_and_remedy(lines, end, code, event, level):
    assert end("the topic is gone") == code

    [line] = lines()

    assert (line["event"], line["level"]) == (event, level)
    assert line["cause"] == "the topic is gone"
    assert line["remedy"]


def test_secrets_are_found_by_name_in_json_and_in_urls():
    assert secrets_in(CANARIES | {"REGIMEFLOW_PORT": "8080", "KEY": "abc"}) == {
        "canary-of-the-key",
        "canary-of-kafka",
        "canary-of-redis",
        "canary-of-storage",
    }


def test_no_secret_gets_into_a_line(monkeypatch):
    for name, value in CANARIES.items():
        monkeypatch.setenv(name, value)
    written: list[str] = []
    configure_logging(LogSettings("market", "DEBUG"), written.append)

    structlog.get_logger().error("kafka.error", reason=str(CANARIES), nested=CANARIES)
    logging.getLogger("redis").error("cannot reach %s", CANARIES["REGIMEFLOW_REDIS_URL"])

    assert len(written) == 2
    assert not any("canary" in line for line in written)


def test_what_others_read_holds_no_secret(monkeypatch):
    monkeypatch.setenv("REGIMEFLOW_MLFLOW_TRACKING_URI", "http://user:canary-of-mlflow@host")

    text = without_secrets("MLflow is behind: no answer of http://user:canary-of-mlflow@host")

    assert text == "MLflow is behind: no answer of http://user:***@host"


@pytest.mark.parametrize(
    ("url", "secrets"),
    [
        ("postgresql+pg8000://u:canary@db/studies", {"canary"}),
        ("mysql+pymysql://u:ca%2Fnary@db/studies", {"ca%2Fnary", "ca/nary"}),
        ("redis://:canary@cache:6379/0", {"canary"}),
        ("redis://cache:6379/0?db=1&password=canary", {"canary"}),
        ("http://host:8080/a@b", set()),
    ],
)
def test_a_secret_of_a_url_is_found_as_written_and_as_meant(url, secrets):
    assert secrets_in({"REGIMEFLOW_TUNING_STORAGE": url}) == secrets


def test_secrets_of_files_and_of_dotenv_are_hidden_too(monkeypatch, tmp_path):
    (tmp_path / "storage").write_text("postgresql://u:canary-of-storage@db/studies\n")
    (tmp_path / "regimeflow_mlflow_password").write_text("canary-of-mlflow")
    (tmp_path / "dotenv").write_text("REGIMEFLOW_BINANCE_API_SECRET=canary-of-the-key\n")
    monkeypatch.setenv("REGIMEFLOW_TUNING_STORAGE_FILE", str(tmp_path / "storage"))
    monkeypatch.setenv("REGIMEFLOW_SECRETS_DIR", str(tmp_path))
    monkeypatch.setenv("REGIMEFLOW_ENV_FILE", str(tmp_path / "dotenv"))

    text = without_secrets("canary-of-storage, canary-of-mlflow, canary-of-the-key")

    assert text == "***, ***, ***"


def test_settings_that_are_refused_still_hide_the_secrets_of_the_environment(monkeypatch):
    monkeypatch.setenv("REGIMEFLOW_SECRETS_DIR", "/no/such/folder")
    monkeypatch.setenv("REGIMEFLOW_BINANCE_API_KEY", "canary-of-the-key")

    assert without_secrets("canary-of-the-key") == "***"


def test_hiding_a_secret_leaves_a_line_of_json_whole(monkeypatch):
    for name, value in {
        "A_TOKEN": 'quo"te',
        "B_KEY": "true",
        "C_PASSWORD": "2026",
        "D": "x",
    }.items():
        monkeypatch.setenv(name, value)
    written: list[str] = []
    configure_logging(LogSettings("market", "DEBUG"), written.append)

    structlog.get_logger().info("model.loaded", qualified=True, rows=2026, said='the quo"te', d="x")

    line = json.loads(written[0])
    assert (line["qualified"], line["rows"]) == (True, 2026)
    assert (line["said"], line["d"]) == ("the ***", "x")
    assert "***" not in line["time"]


CRASHES = """
from workers.process import LogSettings, configure_logging
configure_logging(LogSettings("archive"))
import threading
thread = threading.Thread(target=lambda: 1 / 0)
thread.start()
thread.join()
raise KeyError("no such topic")
"""


def test_what_nobody_caught_is_one_line_a_time_also_in_a_thread():
    done = subprocess.run(
        [sys.executable, "-c", CRASHES], cwd=ROOT, capture_output=True, text=True, check=False
    )

    lines = [json.loads(line) for line in done.stderr.splitlines()]

    assert done.returncode == 1
    assert [line["event"] for line in lines] == ["process.crashed"] * 2
    assert [line["cause"] for line in lines] == [
        "ZeroDivisionError: division by zero",
        "KeyError: 'no such topic'",
    ]
    assert all("Traceback" in line["exception"] for line in lines)


def test_a_signal_sets_the_event_that_ends_a_process():
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    try:
        stop = event_on_signals()
        os.kill(os.getpid(), signal.SIGTERM)

        assert stop.wait(5.0)
    finally:
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGINT, before[1])


def test_secrets_from_files_are_hidden_too(tmp_path, monkeypatch):
    path = tmp_path / "key"
    path.write_text("canary-of-a-file\n")
    monkeypatch.setenv("REGIMEFLOW_BINANCE_API_KEY_FILE", str(path))
    written: list[str] = []
    configure_logging(LogSettings("ingest"), written.append)

    structlog.get_logger().info("venue.connected", key="canary-of-a-file", file=str(path))

    assert "canary-of-a-file" not in written[0]
    assert str(path) in written[0]


FREES = """
import sys, time
from pathlib import Path
from workers import process

def resident_mb():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6

before = resident_mb()
kept = [bytes(1_000) for _ in range(100_000)][::100]
freed = resident_mb()
process.GIVE_BACK_EVERY_S = 0.01
process.give_back_memory()
deadline = time.monotonic() + 20.0
while resident_mb() > (before + freed) / 2 and time.monotonic() < deadline:
    time.sleep(0.01)
print(freed - before, resident_mb() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc alone keeps it")
def test_memory_that_was_freed_between_what_is_kept_goes_back_to_the_machine():
    ran = subprocess.run([sys.executable, "-c", FREES], capture_output=True, text=True, check=True)
    freed, kept = map(float, ran.stdout.split())

    assert freed > 80.0
    assert kept < freed / 2
