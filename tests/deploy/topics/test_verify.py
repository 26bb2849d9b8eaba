"""Replay against a real broker: what the chains wrote is the same, what was altered is found."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from typer.testing import CliRunner

from deploy.cli.app import app
from deploy.topics.admin import apply_topics, delete_topics, list_topics
from deploy.topics.verify import ReplayReport, replay_log
from schemas.record import Topic
from schemas.signals import Signal
from schemas.timeframes import MINUTE_MS
from schemas.topics import (
    BARS,
    LEDGER,
    MODELS_CHANGES,
    PREDICTIONS,
    RAW_BARS,
    SCORED_SIGNALS,
    SIGNALS,
)
from streams.runtime.client import flush, produce, producer_of
from streams.runtime.codec import Outgoing
from streams.runtime.publisher import Publisher
from streams.runtime.settings import KafkaSettings
from tests.build import close_time, raw_bar
from tests.conftest import project_topics
from tests.fakes.running_chains import chains_running, publish_model, read_records, wait_for
from tests.fakes.scripted_inference import inference
from workers.research.replay import recompute
from workers.research.replay.recompute import MADE, Span

pytestmark = pytest.mark.kafka

BARS_PLAYED = 40
WRITTEN = (RAW_BARS, MODELS_CHANGES, *MADE)
M5 = 5 * MINUTE_MS
SOL_MINUTES = (0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13)  # whole five minutes from 3 and from 8


@pytest.fixture(scope="module")
def recorded(broker: str) -> Iterator[KafkaSettings]:
    """A log as the real chains wrote it. A test that writes to it takes ``rewritable``.

    40 bars of one symbol, one of them twice; 13 of another with a hole, which make two higher ones.
    """
    with project_topics(broker) as kafka:
        publisher = Publisher(kafka, "test")
        publish_model(publisher)
        for minute in SOL_MINUTES:
            publisher.publish(raw_bar(minute, symbol="SOLUSDT", higher_ms=(M5,)))
        for minute in (*range(BARS_PLAYED), BARS_PLAYED - 1):
            publisher.publish(raw_bar(minute, close=100.0 + minute / 100, trades=minute))
        publisher.flush()
        with chains_running(kafka):
            wait_for(lambda: len(read_records(kafka, SCORED_SIGNALS)) == BARS_PLAYED - 15, 120.0)
        yield kafka


@pytest.fixture
def rewritable(recorded: KafkaSettings) -> Iterator[KafkaSettings]:
    """That log, put back as it was after the test."""
    before = [message.stored for message in read_records(recorded, *WRITTEN)]
    yield recorded
    make_anew(recorded, *WRITTEN)
    producer = producer_of(recorded, "test")
    for m in before:
        produce(producer, Outgoing(m.topic, m.key, m.value or b"", list(m.headers)))  # type: ignore[arg-type]  # every header has a value
    flush(producer)


def make_anew(kafka: KafkaSettings, *topics: Topic) -> None:
    """Delete topics and create them, empty."""
    cluster, names = {"bootstrap.servers": kafka.bootstrap_servers}, {t.name for t in topics}
    delete_topics(cluster, list(names))
    wait_for(lambda: not names & {topic.name for topic in list_topics(cluster)})
    apply_topics(cluster)


def verified(kafka: KafkaSettings, span: Span | None = None) -> ReplayReport:
    return replay_log(kafka, span or Span(), inference(), verify=MADE)


def rewrite(kafka: KafkaSettings, topic: Topic, alter: Callable[[Signal], Signal | None]) -> None:
    """Put altered records in the place of a topic's."""
    signals = [m.record for m in read_records(kafka, topic) if isinstance(m.record, Signal)]
    make_anew(kafka, topic)
    publisher = Publisher(kafka, "tamper")
    for signal in signals:
        altered = alter(signal)
        if altered is not None:
            publisher.publish(altered)
    publisher.flush()


def test_what_the_chains_wrote_is_the_same_byte_for_byte(recorded):
    report = verified(recorded)

    assert report.differences == []
    assert report.differing == 0
    assert (report.raw_bars, report.rejected) == (BARS_PLAYED + 1 + len(SOL_MINUTES), 0)
    equal = {name: count.equal for name, count in report.topics.items()}
    bars = BARS_PLAYED + len(SOL_MINUTES) + 2
    assert equal[BARS.name] == equal[PREDICTIONS.name] == equal[SIGNALS.name] == bars
    assert equal[LEDGER.name] == 3  # the duplicate, the hole, and the higher bar that lacks it
    assert equal[SCORED_SIGNALS.name] == BARS_PLAYED - 15
    assert report.timeframes[M5].equal == 5 * 2 + 1 + 2  # the last two: steps of an idea
    assert sum(count.equal for count in report.timeframes.values()) == report.compared


def test_a_verification_of_one_timeframe_compares_that_one_alone(recorded):
    report = verified(recorded, Span(timeframe_ms=M5))

    assert (report.raw_bars, report.differing) == (len(SOL_MINUTES), 0)
    assert report.compared == report.timeframes[M5].equal == 5 * 2 + 1 + 2


def test_a_span_counts_only_what_closes_in_it_and_states_begin_before_it(recorded):
    report = verified(recorded, Span(close_time(30), close_time(34), "BTCUSDT"))

    assert report.differing == 0
    assert report.topics[SIGNALS.name].equal == 5
    assert report.topics[SCORED_SIGNALS.name].equal == 5


def test_altered_missing_and_added_records_are_found_and_described(rewritable):
    publisher = Publisher(rewritable, "stray")
    stray = read_records(rewritable, BARS)[0].record
    publisher.publish(stray)
    publisher.flush()

    def alter(signal: Signal) -> Signal | None:
        if signal.symbol != "BTCUSDT":
            return signal
        if signal.event_time_ms == close_time(7):
            return signal.model_copy(update={"confidence": 0.95, "grade": "B"})
        return None if signal.event_time_ms == close_time(9) else signal

    rewrite(rewritable, SIGNALS, alter)

    report = verified(rewritable)

    details = {(d.kind, d.topic, d.event_time_ms): d.detail for d in report.differences}
    assert report.differing == len(details) == 3
    altered = details["differs", SIGNALS.name, close_time(7)]
    assert "confidence is 0.95, recomputed 0.9" in altered
    assert "grade is 'B'" in altered
    assert ("missing", SIGNALS.name, close_time(9)) in details
    assert "no raw bar leads to it" in details["unexpected", BARS.name, close_time(0)]


def test_what_is_not_written_yet_is_no_difference(rewritable):
    publisher = Publisher(rewritable, "ahead")
    publisher.publish(raw_bar(BARS_PLAYED))
    publisher.flush()

    report = verified(rewritable)

    assert report.differing == 0
    assert report.topics[BARS.name].behind == 1


def test_the_command_exits_with_1_when_a_record_differs(rewritable, monkeypatch, tmp_path):
    monkeypatch.setenv("REGIMEFLOW_HOME", str(tmp_path))
    monkeypatch.setenv("REGIMEFLOW_KAFKA_BOOTSTRAP_SERVERS", rewritable.bootstrap_servers)
    monkeypatch.setattr(recompute, "model_inference", inference)

    same = CliRunner().invoke(app, ["replay", "--verify"])
    publisher = Publisher(rewritable, "stray")
    publisher.publish(read_records(rewritable, SIGNALS)[0].record)
    publisher.flush()
    other = CliRunner().invoke(app, ["replay", "--verify", "--json"])
    plain = CliRunner().invoke(app, ["replay", "--to", str(close_time(4))])

    assert (same.exit_code, other.exit_code, plain.exit_code) == (0, 1, 0), same.output
    assert "the same: " in same.stdout
    (row,) = (line for line in same.stdout.splitlines() if line.startswith("5m "))
    assert row.split() == ["5m", "13", "13", "0", "0"]
    assert json.loads(other.stdout)["differences"][0]["kind"] == "unexpected"
    assert "sha256" in plain.stdout


def test_the_signals_of_the_base_bar_are_reported_unless_a_timeframe_is_chosen(
    recorded, monkeypatch, tmp_path
):
    monkeypatch.setenv("REGIMEFLOW_HOME", str(tmp_path))
    monkeypatch.setenv("REGIMEFLOW_KAFKA_BOOTSTRAP_SERVERS", recorded.bootstrap_servers)
    monkeypatch.setattr(recompute, "model_inference", inference)
    command = ["backtest", "signals", "--verify", "--json"]

    base, five = (
        json.loads(CliRunner().invoke(app, [*command, *chosen]).stdout)
        for chosen in ((), ("--timeframe", "5m"))
    )
    wrong = CliRunner().invoke(app, ["backtest", "signals", "--timeframe", "quarter"])

    bars = BARS_PLAYED + len(SOL_MINUTES)
    assert (base["timeframe"], base["signals"]) == ("1m", bars)
    assert (five["timeframe"], five["signals"], five["symbols"]) == ("5m", 2, ["SOLUSDT"])
    assert [each["verified"]["topics"][SIGNALS.name]["equal"] for each in (base, five)] == [bars, 2]
    assert (wrong.exit_code, "'quarter' is unknown; expected 1m" in wrong.stderr) == (2, True)


def test_a_timeframe_that_the_topics_lack_is_refused_with_those_they_have(
    recorded, monkeypatch, tmp_path
):
    monkeypatch.setenv("REGIMEFLOW_HOME", str(tmp_path))
    monkeypatch.setenv("REGIMEFLOW_KAFKA_BOOTSTRAP_SERVERS", recorded.bootstrap_servers)

    for command in ("replay", "replay --verify", "backtest signals"):
        refused = CliRunner().invoke(app, [*command.split(), "--timeframe", "15m"])

        assert (refused.exit_code, refused.stdout) == (2, ""), refused.output
        assert "--timeframe 15m: the topics hold no such bars, expected one of 1m, 5m" in (
            refused.stderr
        )


@pytest.mark.parametrize("command", ["replay", "backtest signals"])
@pytest.mark.parametrize(
    "span",
    [("--from", "2031-04-01"), ("--to", "2001-01-01"), ("--symbol", "ETHUSDT")],
)
def test_a_verification_of_nothing_is_a_failure(recorded, monkeypatch, tmp_path, command, span):
    monkeypatch.setenv("REGIMEFLOW_HOME", str(tmp_path))
    monkeypatch.setenv("REGIMEFLOW_KAFKA_BOOTSTRAP_SERVERS", recorded.bootstrap_servers)
    monkeypatch.setattr(recompute, "model_inference", inference)

    words = CliRunner().invoke(app, [*command.split(), "--verify", *span])
    document = CliRunner().invoke(app, [*command.split(), "--verify", *span, "--json"])

    assert (words.exit_code, document.exit_code) == (1, 1), words.output
    assert "NOTHING COMPARED: that span has no record" in words.stdout
    assert "the same" not in words.stdout
    report = json.loads(document.stdout)
    assert (report if command == "replay" else report["verified"])["compared"] == 0
