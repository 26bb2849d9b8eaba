"""Follows the models' topics: draws reports and mirrors to MLflow, in short child processes."""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import structlog

from schemas.models import ModelRegistered
from schemas.topics import (
    JOB_RESULTS,
    MODEL_STAGES,
    MODELS_CHANGES,
    MODELS_REGISTERED,
    TRAINING_REQUESTS,
)
from streams.runtime.batch import in_one_line
from streams.runtime.codec import Partition, Received, Stored, Unreadable, dead_letter_topic
from streams.runtime.reader import Reader
from streams.runtime.settings import KafkaSettings
from workers.process import without_secrets
from workers.training.mlflow_local import newest_kept_ns
from workers.training.mlflow_mirror import mirror
from workers.training.mlflow_runs import may_be_logged
from workers.training.mlflow_tracking import Tracking
from workers.training.turns import Turns

log = structlog.get_logger()

# A registration and its change come together, and the first bars of the new model need the
# processor more than the mirror does.
SETTLES_AFTER_S = 15.0
AGAIN_AFTER_S = 300.0  # after a failure; as often the home's database is looked at for changes
SERVER_EVERY_S = 6 * 3600.0  # a server is compared: it does not say whether it was changed
POLL_S = 0.2
NICE = 10
MARKER = "mlflow-mirrored.json"  # what was mirrored: the same starts no child again

MIRRORED = (
    *(MODELS_REGISTERED, MODELS_CHANGES, MODEL_STAGES, JOB_RESULTS),
    dead_letter_topic(TRAINING_REQUESTS),
)

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
    reader = Reader(mirroring.kafka, MIRRORED, follow=True, only=_is_mirrored)
    schedule = MirrorSchedule(mirroring.tracking, mirroring.home / MARKER)
    try:
        while not stop.is_set():
            messages = reader.take(timeout_s=POLL_S)
            for model in _registered(messages):
                draw(model)
            schedule.take([message.stored for message in messages])
            if not schedule.is_due():
                continue
            failure = _mirror_in_child(mirroring, stop)
            if failure and stop.is_set():
                return  # the child was killed: the next start mirrors
            schedule.mirrored(failure)
            report(failure)
    finally:
        reader.close()


def _is_mirrored(stored: Stored) -> bool:
    return stored.topic != JOB_RESULTS.name or may_be_logged(stored)


class MirrorSchedule:
    """When the mirror runs: after a record, after a failure, and when MLflow was changed there.

    Args:
        tracking: Where MLflow is.
        marker: File that says what was mirrored into the home's database, and how that was left.
    """

    def __init__(self, tracking: Tracking, marker: Path) -> None:
        self._tracking, self._marker = tracking, marker
        self._newest: dict[Partition, int] = {}  # offset of the newest record
        self._due_s: float | None = None
        self._left: str | None = None  # how MLflow was left; None: not in step yet
        self._looked_s = self._mirrored_s = time.monotonic()

    def take(self, messages: Iterable[Stored]) -> None:
        """Take what has arrived."""
        for message in messages:
            self._newest[message.source] = message.offset
            self._due_s = time.monotonic() + SETTLES_AFTER_S

    def is_due(self) -> bool:
        """Return whether to mirror now."""
        if self._due_s is None:
            return self._left is not None and self._was_changed()
        if time.monotonic() < self._due_s:
            return False
        self._due_s = None
        now = self._state()
        known = self._tracking.database is not None and self._marker.is_file()
        if known and self._marker.read_bytes() == now.encode():
            self._left = now
            return False
        return True

    def mirrored(self, failure: str) -> None:
        """Take how the mirroring ended; an empty text: well."""
        self._mirrored_s = time.monotonic()
        if failure:
            self._due_s = self._mirrored_s + AGAIN_AFTER_S
            return
        self._left = self._state()
        with contextlib.suppress(OSError):  # of a full disk: the next start compares once more
            self._marker.write_text(self._left)
        log.info("mlflow.mirrored", positions=json.loads(self._left)["positions"])

    def _was_changed(self) -> bool:
        """Return whether somebody may have changed MLflow, asked for now and then."""
        waited_s = time.monotonic() - max(self._looked_s, self._mirrored_s)
        if waited_s < AGAIN_AFTER_S:
            return False
        self._looked_s = time.monotonic()
        at_server = self._tracking.database is None
        old = self._looked_s - self._mirrored_s >= SERVER_EVERY_S
        return (at_server and old) or self._state() != self._left

    def _state(self) -> str:
        positions = {f"{topic}/{number}": at for (topic, number), at in self._newest.items()}
        facts = {
            "uri": without_secrets(self._tracking.uri),
            "positions": positions,
            "database": self._tracking.fingerprint(),
            "kept": newest_kept_ns(self._marker.parent),
        }
        return json.dumps(facts, sort_keys=True)


def _registered(messages: Iterable[Received | Unreadable]) -> Iterator[ModelRegistered]:
    for message in messages:
        if isinstance(message, Received) and isinstance(message.record, ModelRegistered):
            yield message.record


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
