"""The process on a real broker: a status becomes one message at a webhook, over restarts too."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from schemas.events import SystemEvent
from schemas.status import WorkerStatus
from schemas.topics import SYSTEM_EVENTS, WORKER_STATUS
from streams.runtime.publisher import Publisher
from streams.runtime.reader import Reader
from streams.runtime.settings import KafkaSettings
from tests.build import status
from tests.fakes.webhook import Webhook

pytestmark = pytest.mark.kafka

ROOT = Path(__file__).resolve().parents[3]
WITHIN_S = 40.0


@contextmanager
def notify(bootstrap: str, home: Path, urls: str = "") -> Iterator[subprocess.Popen[bytes]]:
    environment = os.environ | {
        "REGIMEFLOW_KAFKA_BOOTSTRAP_SERVERS": bootstrap,
        "REGIMEFLOW_HOME": str(home),
        "REGIMEFLOW_NOTIFY_URLS": urls,
        "REGIMEFLOW_NOTIFY_RULES": "process_degraded=info,*=off",
    }
    command = [sys.executable, "-m", "deploy.process", "notify"]
    with (home / "notify.log").open("ab") as log:
        running = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=log, stdout=log)
    try:
        yield running
        running.terminate()
        assert running.wait(20) == 0
    finally:
        running.kill()
        running.wait()


def until(true: Callable[[], bool], claim: str) -> None:
    deadline = time.monotonic() + WITHIN_S
    pause = 0.05
    while not true():
        assert time.monotonic() < deadline, claim
        time.sleep(pause)


def said(kafka: KafkaSettings) -> WorkerStatus | None:
    """Return the newest status of notify."""
    with Reader(kafka, (WORKER_STATUS,)) as reader:
        records = [message.record for message in reader.read_to_end()]
    own = [r for r in records if isinstance(r, WorkerStatus) and r.process == "notify"]
    return own[-1] if own else None


def says(kafka: KafkaSettings, state: str, detail: str) -> Callable[[], bool]:
    def look() -> bool:
        newest = said(kafka)
        return newest is not None and newest.state == state and detail in newest.detail

    return look


def events(kafka: KafkaSettings) -> list[SystemEvent]:
    with Reader(kafka, (SYSTEM_EVENTS,)) as reader:
        records = [message.record for message in reader.read_to_end()]
    return [record for record in records if isinstance(record, SystemEvent)]


def publish(kafka: KafkaSettings, *records: WorkerStatus) -> None:
    publisher = Publisher(kafka, "test")
    for record in records:
        publisher.publish(record)
    publisher.flush()


def test_a_degraded_process_is_one_message_at_the_webhook_over_an_outage_and_a_restart(
    pipeline_topics, tmp_path
):
    kafka = KafkaSettings(pipeline_topics)
    degraded = status("training", state="degraded", detail="no MLflow")

    with Webhook() as webhook:
        url = f"{webhook.url}/t0ken-in-path"
        with notify(pipeline_topics, tmp_path, url):
            until(says(kafka, "running", "1 sinks"), "it does not run")
            publish(kafka, status("training"), degraded, degraded)
            until(lambda: len(webhook.bodies) == 1, "no message came")
            webhook.down = True
            publish(kafka, status("explain", state="degraded", detail="behind"))
            until(says(kafka, "degraded", "sinks that do not answer"), "it hides a silent sink")
        webhook.down = False
        with notify(pipeline_topics, tmp_path, url):
            until(lambda: len(webhook.bodies) >= 2, "what came in the outage was lost")
            publish(kafka, status("signals", state="degraded", detail="late"))
            until(lambda: "signals" in webhook.bodies[-1]["message"], "no message came")
        messages = [str(body["message"]) for body in webhook.bodies]

    assert [
        sum(f"{name} is degraded" in text for text in messages)
        for name in ("training", "explain", "signals")
    ] == [1, 1, 1]
    kinds = [event.subject for event in events(kafka) if event.kind == "process_degraded"]
    assert sorted(set(kinds)) == sorted(kinds)
    assert "t0ken-in-path" not in (tmp_path / "notify.log").read_text()


def test_without_a_sink_it_says_so_writes_events_and_leaves_apprise_alone(
    pipeline_topics, tmp_path
):
    kafka = KafkaSettings(pipeline_topics)

    with notify(pipeline_topics, tmp_path) as running:
        until(says(kafka, "running", "no sink is set"), "it does not say so")
        publish(kafka, status("training", state="degraded", detail="no MLflow"))
        until(lambda: len(events(kafka)) == 1, "no event was written")
        maps = Path(f"/proc/{running.pid}/smaps_rollup")
        pss_kb = maps.read_text().partition("Pss:")[2].split()[0] if maps.exists() else "0"

    [event] = events(kafka)
    assert (event.kind, event.subject) == ("process_degraded", "training")
    assert int(pss_kb) < 120_000
