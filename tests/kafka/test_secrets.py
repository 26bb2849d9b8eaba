"""No secret leaves a run: not by a log, a topic, a route, a command, a file or a command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

from deploy.local.home_lock import HomeLock
from deploy.local.pipeline import Run, run_facts
from deploy.local.ports import usable_port
from deploy.local.run_file import RunFile
from deploy.local.supervisor import Supervisor
from deploy.topics.admin import apply_topics
from deploy.topics.refdata import publish_refdata
from streams.runtime.environment import ENV_FILE, PREFIX, SECRETS, SECRETS_DIR
from streams.runtime.publisher import Publisher
from streams.runtime.settings import KafkaSettings
from tests.build import registered
from tests.fakes.hourly_markets import records, trends
from workers.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PROCESSES = ("simulator", "ingest", "archive", "training", "tuning", "account", "gateway")
WITHIN_S = 90.0
MARK = "canary7c1e"  # in every secret, and in nothing else

# Nothing listens at port 1: each address is refused, and its owner says so.
CANARIES = {
    "API_KEY": f"{MARK}-api",
    "BINANCE_API_KEY": f"{MARK}-key",
    "BINANCE_API_SECRET": f"{MARK}-secret",
    "KAFKA_CLIENT": json.dumps({"sasl.username": "desk", "sasl.password": f"{MARK}-kafka"}),
    "MLFLOW_PASSWORD": f"{MARK}-mlflow",
    "MLFLOW_TRACKING_URI": f"http://user:{MARK}-mlflow-url@127.0.0.1:1",
    "NOTIFY_URLS": f"json://user:{MARK}-notify@127.0.0.1:1/hook",
    "REDIS_URL": f"redis://user:{MARK}-redis@127.0.0.1:1/0",
    "RESULTS_URL": f"http://user:{MARK}-results@127.0.0.1:1/results",
    "TUNING_STORAGE": f"postgresql+pg8000://user:{MARK}-storage@127.0.0.1:1/studies",
}
OF_LIBRARIES = {"AWS_SECRET_ACCESS_KEY": f"{MARK}-aws", "MLFLOW_TRACKING_TOKEN": f"{MARK}-token"}
FROM_FILES = ("BINANCE_API_KEY", "TUNING_STORAGE")  # each a file that a variable names
FROM_FOLDER = ("BINANCE_API_SECRET", "MLFLOW_PASSWORD")
FROM_DOTENV = ("MLFLOW_TRACKING_URI",)
SEARCH = {"strategy_name": "ema_cross", "symbol": "BTCUSDT", "n_trials": 2}
COMMANDS = ("status", "status --json", "doctor", "logs --level debug")

Texts = Iterator[tuple[str, bytes]]


def test_every_secret_setting_has_a_canary():
    assert CANARIES.keys() >= SECRETS
    assert all(MARK in value for value in CANARIES.values())


@pytest.mark.kafka
def test_no_secret_leaves_a_run(new_broker, tmp_path):
    home, port = tmp_path / "home", usable_port(0)
    home.mkdir()
    with new_broker() as broker:
        fill(broker.bootstrap)
        environment = surroundings(tmp_path, broker.bootstrap, port)
        seen = dict(shown_by_a_run(home, port, environment))
        seen |= dict(stored(broker.bootstrap))
    seen |= {str(path): path.read_bytes() for path in home.rglob("*") if path.is_file()}

    for name in PROCESSES:
        assert b"process.started" in seen[str(home / "logs" / f"{name}.log")]
    # Both owners of a refused address did say so.
    assert b"mlflow.behind" in seen[str(home / "logs" / "training.log")]
    assert b"user:***@127.0.0.1:1/studies does not answer" in seen["topic jobs.results.v1"]
    assert [where for where, what in seen.items() if MARK.encode() in what] == []


def fill(bootstrap: str) -> None:
    """Write what the processes need: tables, bars to search on, a model to mirror."""
    apply_topics({"bootstrap.servers": bootstrap})
    kafka = KafkaSettings(bootstrap)
    publish_refdata(kafka)
    publisher = Publisher(kafka, "test")
    for record in (*records(trends(days=60)), registered()):
        publisher.publish(record)
    publisher.flush()


def surroundings(folder: Path, bootstrap: str, port: int) -> dict[str, str]:
    """Return the environment of a run whose secrets come from every source there is."""
    secrets, env_file = folder / "secrets", folder / "dotenv"
    secrets.mkdir()
    in_files = {*FROM_FILES, *FROM_FOLDER, *FROM_DOTENV}
    values = {f"{PREFIX}{n}": value for n, value in CANARIES.items() if n not in in_files}
    for name in FROM_FILES:
        path = folder / name.lower()
        path.write_text(f"{CANARIES[name]}\n")
        values[f"{PREFIX}{name}_FILE"] = str(path)
    for name in FROM_FOLDER:
        (secrets / f"{PREFIX}{name}").write_text(CANARIES[name])
    env_file.write_text("".join(f"{name}='{CANARIES[name]}'\n" for name in FROM_DOTENV))
    settings = {
        "HOME": str(folder / "home"),
        "HISTORY_BARS": "1000",
        "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
        "LOG_LEVEL": "DEBUG",
        "MLFLOW_USERNAME": "desk",
        "PORT": str(port),
        "SIMULATOR_URL": f"http://127.0.0.1:{usable_port(0)}",
        "UNIVERSE": "BTCUSDT",
    }
    values |= {f"{PREFIX}{name}": value for name, value in settings.items()}
    return {**values, **OF_LIBRARIES, SECRETS_DIR: str(secrets), ENV_FILE: str(env_file)}


def shown_by_a_run(home: Path, port: int, environment: dict[str, str]) -> Texts:
    """Yield whatever a run of some processes shows while it is on."""
    lock = HomeLock(home / "run.lock")
    lock.take()
    supervisor = Supervisor(PROCESSES, home / "logs", environment)
    try:
        supervisor.start()
        facts = run_facts(Run(Settings(home=home), port, PROCESSES), environment)
        RunFile(home / "run.json", facts).write(supervisor)
        yield "run.json", (home / "run.json").read_bytes()
        yield from answers(f"http://127.0.0.1:{port}")
        training = home / "logs" / "training.log"
        until("the mirror is behind", lambda: "mlflow.behind" in training.read_text())
        yield from command_lines(os.getpid())
        with ThreadPoolExecutor() as pool:
            yield from pool.map(lambda words: output(words, environment), COMMANDS)
        assert all(child.running for child in supervisor.children)
    finally:
        supervisor.stop()
        lock.release()


def answers(url: str) -> Texts:
    """Yield what every GET route answers, and errors; start a search that its storage refuses."""
    with httpx.Client(base_url=url, timeout=30.0) as client:
        until("the gateway is ready", lambda: succeeds(client, "/api/v1/hyperopt"))
        until("bars are known", lambda: succeeds(client, "/api/bars/BTCUSDT"))
        started = client.post("/api/v1/hyperopt", json=SEARCH)
        assert started.status_code == 202, started.text
        job = f"/api/v1/hyperopt/{started.json()['job_id']}"
        until("the search has failed", lambda: client.get(job).json()["status"] == "failed")
        names = {"symbol": "BTCUSDT", "job_id": started.json()["job_id"]}
        routes = client.get("/openapi.json").json()["paths"]
        paths = [path for path, methods in routes.items() if "get" in methods]
        assert {"/metrics", "/health"} <= set(paths)
        paths = [path.format_map(Names(names)) for path in paths]
        with ThreadPoolExecutor(8) as pool:
            yield from pool.map(lambda path: read(client, path), [*paths, "/openapi.json"])
        for status, method, path in (
            (400, "POST", "/api/v1/hyperopt"),
            (404, "GET", "/api/v1/hyperopt/none"),
            (405, "DELETE", "/health"),
        ):
            answer = client.request(method, path, content=b"{")
            assert answer.status_code == status
            yield f"{status}", answer.content + str(answer.headers).encode()


class Names(dict[str, str]):
    """Arguments of a path; one that is not there is called ``x``."""

    def __missing__(self, _name: str) -> str:
        """Return a name that nothing has."""
        return "x"


def succeeds(client: httpx.Client, path: str) -> bool:
    try:
        return client.get(path).is_success
    except httpx.TransportError:
        return False


def read(client: httpx.Client, path: str) -> tuple[str, bytes]:
    """Return headers and body of an answer; of a stream, what comes first."""
    with client.stream("GET", path, timeout=5.0) as answer:
        body = str(answer.headers).encode()
        try:
            for part in answer.iter_bytes():
                body += part
                if "event-stream" in answer.headers.get("content-type", ""):
                    break
        except httpx.ReadTimeout:
            assert "event-stream" in answer.headers["content-type"], path
        return f"GET {path}", body


def output(words: str, environment: dict[str, str]) -> tuple[str, bytes]:
    """Return what a command of ``regimeflow`` says."""
    done = subprocess.run(
        [sys.executable, "-m", "deploy.cli.app", *words.split()],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        check=False,
    )
    assert done.stdout, (words, done.stderr)
    return f"regimeflow {words}", done.stdout + done.stderr


def command_lines(pid: int) -> Texts:
    """Yield the command line of everything that a process started, and that those started."""
    try:
        children = [
            int(child)
            for listed in Path(f"/proc/{pid}/task").glob("*/children")
            for child in listed.read_text().split()
        ]
        yield f"command line of {pid}", Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # it has ended
        return
    for child in children:
        yield from command_lines(child)


def stored(bootstrap: str) -> Texts:
    """Yield every byte of each topic: keys, values, headers; of aborted records too."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "secrets",
            "isolation.level": "read_uncommitted",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
        }
    )
    topics = consumer.list_topics(timeout=WITHIN_S).topics
    partitions = [
        TopicPartition(name, number, OFFSET_BEGINNING)
        for name, topic in topics.items()
        for number in topic.partitions
    ]
    parts: dict[str, list[bytes]] = {partition.topic: [] for partition in partitions}
    consumer.assign(partitions)
    unread, deadline = len(partitions), time.monotonic() + WITHIN_S
    while unread:
        assert time.monotonic() < deadline, f"{unread} partitions are not read to their end"
        for message in consumer.consume(10_000, 0.2):
            error = message.error()
            if error is None:
                headers = [str(header).encode() for header in message.headers() or ()]
                parts[message.topic() or ""] += [
                    message.key() or b"",
                    message.value() or b"",
                    *headers,
                ]
            else:
                assert error.code() == KafkaError._PARTITION_EOF, error
                unread -= 1
    consumer.close()
    assert parts["market.bars.raw.v1"]
    yield from ((f"topic {name}", b"\n".join(part)) for name, part in parts.items())


def until(what: str, reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not reached():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)
