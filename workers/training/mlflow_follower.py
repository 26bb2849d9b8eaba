"""Follows the models' topics: draws reports and mirrors to MLflow, in short child processes."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import structlog

from schemas.models import ModelRegistered
from schemas.topics import MODELS_CHANGES, MODELS_REGISTERED
from streams.runtime.batch import in_one_line
from streams.runtime.codec import Received, Unreadable
from streams.runtime.reader import Reader
from streams.runtime.settings import KafkaSettings
from workers.process import without_secrets
from workers.training.mlflow_mirror import Tracking, mirror
from workers.training.turns import Turns

log = structlog.get_logger()

# A registration and its change come together, and the first bars of the new model need the
# processor more than the mirror does.
SETTLES_AFTER_S = 15.0
AGAIN_AFTER_S = 300.0
POLL_S = 0.2
NICE = 10
MARKER = "mlflow-mirrored.json"  # positions already mirrored: they start no child again

Report = Callable[[str], None]


@dataclass(frozen=True)
class Mirroring:
    """What is mirrored where, and when: between trainings."""

    tracking: Tracking
    kafka: KafkaSettings
    home: Path
    turns: Turns


def follow_models(
    mirroring: Mirroring,
    report: Report,
    draw: Callable[[ModelRegistered], None],
    stop: threading.Event,
) -> None:
    """Draw and mirror until ``stop`` is set.

    Args:
        mirroring: Where MLflow, the cluster and the home are.
        report: Called with the reason why MLflow is behind; empty when it is in step.
        draw: Called with each model that was ever registered, the reports before the mirror.
        stop: Set to return; a running child is killed, and the next start runs it again.

    Raises:
        Fatal: The cluster does not answer.
    """
    marker = mirroring.home / MARKER
    reader = Reader(mirroring.kafka, (MODELS_REGISTERED, MODELS_CHANGES), follow=True)
    due: float | None = None
    try:
        while not stop.is_set():
            messages = reader.take(timeout_s=POLL_S)
            for model in _registered(messages):
                draw(model)
            if messages:
                due = time.monotonic() + SETTLES_AFTER_S
            if due is None or time.monotonic() < due:
                continue
            due = None
            reached = _positions(mirroring.tracking, reader)
            if marker.is_file() and marker.read_text() == reached:
                continue
            failure = _mirror_in_child(mirroring, stop)
            if failure and stop.is_set():
                return  # the child was killed: the next start mirrors
            if failure == "":
                marker.write_text(reached)
                log.info("mlflow.mirrored", positions=json.loads(reached)["positions"])
            else:
                due = time.monotonic() + AGAIN_AFTER_S
            report(failure)
    finally:
        reader.close()


def _registered(messages: Iterable[Received | Unreadable]) -> Iterator[ModelRegistered]:
    for message in messages:
        if isinstance(message, Received) and isinstance(message.record, ModelRegistered):
            yield message.record


def _positions(tracking: Tracking, reader: Reader) -> str:
    positions = {f"{topic}/{number}": at for (topic, number), at in reader.positions.items()}
    return json.dumps(
        {"uri": without_secrets(tracking.uri), "positions": positions}, sort_keys=True
    )


def _mirror_in_child(mirroring: Mirroring, stop: threading.Event) -> str:
    """Return why mirroring failed; empty when it succeeded."""
    what = (mirroring.tracking, mirroring.kafka, mirroring.home)
    try:
        mirroring.turns.call_between(_mirror_at_home, *what, cancelled=stop.is_set, niceness=NICE)
    except Exception as failed:  # noqa: BLE001 - whatever MLflow raises: the status shows it
        return why_behind(failed)
    return ""


def why_behind(failed: Exception) -> str:
    """Return what the status topic says of a failure: MLflow's words may hold its address."""
    return without_secrets(f"MLflow is behind: {in_one_line(failed)}")


def _mirror_at_home(tracking: Tracking, kafka: KafkaSettings, home: Path) -> None:
    # MLflow's own Default experiment puts its files into ./mlruns of the working directory.
    os.chdir(home)
    os.environ["MLFLOW_CONFIGURE_LOGGING"] = "0"  # its records take the way of all others
    mirror(tracking, kafka)
