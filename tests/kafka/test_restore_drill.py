"""The restore drill: a home is backed up, restored elsewhere, verified, and goes on from there."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.cli.app import app
from deploy.local.broker import BrokerSettings, LocalBroker
from deploy.topics.admin import apply_topics, group_positions
from deploy.topics.verify import ReplayReport, replay_log
from schemas.topics import MODELS_CHANGES, RAW_BARS, REGIME_PARAMETERS, SCORED_SIGNALS, SIGNALS
from streams.runtime.publisher import Publisher
from streams.runtime.settings import KafkaSettings
from tests.build import raw_bar
from tests.fakes.running_chains import (
    NAMES,
    chains_running,
    publish_model,
    read_records,
    wait_for,
)
from tests.fakes.scripted_inference import inference
from workers.research.replay.recompute import MADE, Span

pytestmark = pytest.mark.kafka

BEFORE, AFTER = 20, 26  # bars before the backup, and after the restored home has gone on


def broker_of(home: Path) -> LocalBroker:
    return LocalBroker(BrokerSettings(home=home / "kafka", min_free_mb=100))


def publish_bars(kafka: KafkaSettings, minutes: range) -> None:
    publisher = Publisher(kafka, "test")
    if minutes.start == 0:
        publish_model(publisher)
    for minute in minutes:
        publisher.publish(raw_bar(minute, close=100.0 + minute / 100))
    publisher.flush()


def run_chains(kafka: KafkaSettings, bars: int) -> None:
    """Run the chains until each bar has its signal, and each signal that has expired its score."""
    with chains_running(kafka):
        wait_for(lambda: len(read_records(kafka, SIGNALS)) == bars)
        wait_for(lambda: len(read_records(kafka, SCORED_SIGNALS)) == bars - 15)


def log_digest(kafka: KafkaSettings) -> str:
    """Return the SHA-256 of every message: its place, time, key, value and headers."""
    digest = hashlib.sha256()
    topics = (RAW_BARS, MODELS_CHANGES, REGIME_PARAMETERS, *MADE)
    for stored in sorted(message.stored for message in read_records(kafka, *topics)):
        digest.update(repr(stored).encode())
    return digest.hexdigest()


def verified(kafka: KafkaSettings) -> ReplayReport:
    return replay_log(kafka, Span(), inference(), verify=MADE)


def test_a_restored_home_holds_equal_records_and_goes_on_where_it_was(tmp_path, monkeypatch):
    home, other, file = tmp_path / "home", tmp_path / "other", tmp_path / "home.tar"
    with broker_of(home) as broker:
        kafka, cluster = KafkaSettings(broker.bootstrap), {"bootstrap.servers": broker.bootstrap}
        apply_topics(cluster)
        publish_bars(kafka, range(BEFORE))
        run_chains(kafka, BEFORE)
        recorded, digest = verified(kafka), log_digest(kafka)
        positions = group_positions(cluster, NAMES)

    for words, of in (("create", home), ("verify", home), ("restore", other)):
        monkeypatch.setenv("REGIMEFLOW_HOME", str(of))
        done = CliRunner().invoke(app, ["backup", words, str(file)])
        assert done.exit_code == 0, done.output

    with broker_of(other) as broker:
        kafka, cluster = KafkaSettings(broker.bootstrap), {"bootstrap.servers": broker.bootstrap}
        restored = verified(kafka)
        assert restored.differing == 0
        assert restored.compared == recorded.compared > BEFORE * 4
        assert restored.topics == recorded.topics  # with the SHA-256 of what was recomputed
        assert log_digest(kafka) == digest
        assert group_positions(cluster, NAMES) == positions
        assert all(positions[name] for name in NAMES)

        publish_bars(kafka, range(BEFORE, AFTER))
        run_chains(kafka, AFTER)
        gone_on = verified(kafka)

    assert gone_on.differing == 0
    assert gone_on.topics[SIGNALS.name].equal == AFTER
    assert gone_on.compared > restored.compared
