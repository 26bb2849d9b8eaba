"""``regimeflow train``: a command of every timeframe, decided by promotion within its limits."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner, Result

from deploy.cli.app import app
from schemas.features import FeatureVector
from schemas.market import HistoryReady
from schemas.timeframes import HOUR_MS, MINUTE_MS
from schemas.topics import TRAINING_REQUESTS
from schemas.training import TrainingRequest
from streams.features.processor import PROCESSOR as FEATURES
from streams.runtime.chain import run_chain
from streams.runtime.memory_driver import replay
from streams.runtime.publisher import Publisher
from streams.runtime.reader import Reader
from streams.runtime.settings import KafkaSettings
from streams.topology import CHAINS
from tests.build import bar, close_time, registered
from tests.fakes.running_chains import wait_for
from tests.narrow import all_are

pytestmark = pytest.mark.kafka

BARS = 30


@pytest.fixture
def vectors() -> list[FeatureVector]:
    """The vectors of some bars, as the live kernel makes them."""
    bars = [bar(minute, close=100.0 + minute % 7 / 10) for minute in range(BARS)]
    return [v for v in replay([FEATURES], bars) if isinstance(v, FeatureVector)]


@pytest.fixture
def home(pipeline_topics, monkeypatch, tmp_path) -> Iterator[KafkaSettings]:
    """A home whose promotion runs."""
    monkeypatch.setenv("REGIMEFLOW_HOME", str(tmp_path))
    monkeypatch.setenv("REGIMEFLOW_KAFKA_BOOTSTRAP_SERVERS", pipeline_topics)
    kafka, stop = KafkaSettings(pipeline_topics), threading.Event()
    [chain] = [chain for chain in CHAINS if chain.name == "promotion"]
    running = threading.Event()

    def report(state: str, _: str) -> None:
        if state == "running":
            running.set()

    thread = threading.Thread(
        target=run_chain,
        args=(chain.name, chain.processors, kafka),
        kwargs={"stop": stop, "report": report},
    )
    thread.start()
    assert running.wait(120.0)  # its first lines of log are no part of a command's output
    yield kafka
    stop.set()
    thread.join()


def requests(kafka: KafkaSettings) -> list[TrainingRequest]:
    with Reader(kafka, (TRAINING_REQUESTS,)) as reader:
        return all_are(TrainingRequest, [message.record for message in reader.read_to_end()])


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


def call(*options: str) -> Result:
    return CliRunner().invoke(app, ["train", *options])


def test_the_command_asks_for_a_training_up_to_the_newest_bar_unless_one_is_under_way(
    home, vectors
):
    early = call()
    publisher = Publisher(home, "ingest")
    publisher.publish(ready(MINUTE_MS))
    publisher.flush()
    wait_for(lambda: bool(requests(home)))  # a model in service needs no first training
    for record in (*vectors, registered(event_time_ms=close_time(10))):
        publisher.publish(record)
    publisher.flush()
    done, again = call("--json", "BTC-USDT"), call("--force", "--reason", "once more")

    assert (early.exit_code, done.exit_code, again.exit_code) == (1, 0, 1), done.output
    assert "no history of ensemble is ready yet" in early.stderr
    bootstrap, request = requests(home)
    assert (bootstrap.reason, request.reason) == ("bootstrap", "manual")
    assert f"training {request.request_id} of ensemble/1m" in json.loads(done.stdout)["detail"]
    assert (request.to_ms, request.symbols) == (close_time(BARS - 1), ("BTCUSDT",))
    assert f"{request.request_id} (manual) is under way" in again.stderr


def test_a_timeframe_or_all_of_them_are_asked_for_and_others_refused(home, monkeypatch):
    publisher = Publisher(home, "ingest")
    for timeframe_ms in (MINUTE_MS, HOUR_MS):
        publisher.publish(ready(timeframe_ms))
        publisher.publish(registered(event_time_ms=close_time(10), timeframe_ms=timeframe_ms))
    publisher.flush()

    both, hour = call("--all", "--search", "20", "--json"), call("--timeframe", "1h")
    boundless = call("--search", "501")
    report, wrong_report = call("report"), call("report", "a", "b")
    assert call("--open").exit_code == 2
    strange, unknown = call("DOGEUSDT"), call("--timeframe", "4h")
    contradicting, wrong = call("--all", "--timeframe", "1h"), call("--timeframe", "7m")
    long = call("--reason", "x" * 1_001)
    monkeypatch.setenv("REGIMEFLOW_TIMEFRAMES", "1m,15m")
    left, left_out = call("--all", "--json"), call("--timeframe", "1h")

    assert [each["subject"] for each in json.loads(both.stdout)] == ["ensemble/1m", "ensemble/1h"]
    asked = [request for request in requests(home) if request.reason == "manual"]
    assert sorted(request.timeframe_ms for request in asked) == [MINUTE_MS, HOUR_MS]
    assert [request.search_trials for request in asked] == [20, 20]
    assert boundless.exit_code == 2
    assert (both.exit_code, hour.exit_code, long.exit_code) == (0, 1, 2)
    assert "of ensemble/1h" not in hour.stderr
    assert "is under way" in hour.stderr
    assert (strange.exit_code, report.exit_code, wrong_report.exit_code) == (2, 0, 2)
    assert "no history of DOGEUSDT is ready, expected some of BTCUSDT" in strange.stderr
    assert unknown.exit_code == contradicting.exit_code == 2
    assert [each["subject"] for each in json.loads(left.stdout)] == ["ensemble/1m"]
    assert (left.exit_code, left_out.exit_code, wrong.exit_code) == (1, 2, 2)
    assert "--timeframe '7m' is unknown; expected 1m, 3m" in wrong.stderr
    assert "--timeframe 4h: no such history is there or runs, but those of 1m, 1h" in unknown.stderr
    assert "--all means every timeframe" in contradicting.stderr
    assert "--reason: 1001 characters, expected 1000 at most" in long.stderr
