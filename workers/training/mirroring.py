"""Keeps MLflow in step: watches the models' topics, starts a short child where they moved on."""

from __future__ import annotations

import json
import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import structlog

from schemas.topics import MODELS_CHANGES, MODELS_REGISTERED
from streams.runtime.batch import in_one_line
from streams.runtime.reader import Reader
from streams.runtime.settings import KafkaSettings
from workers.settings import Settings
from workers.training.registry import Tracking, mirror

log = structlog.get_logger()

# A registration and the change it leads to come together, and then the first bars of the new
# model want the processor more.
SETTLES_AFTER_S = 15.0
AGAIN_AFTER_S = 300.0
POLL_S = 0.2
NICE = 10
MARKER = "mlflow-mirrored.json"  # how far MLflow is: what has not moved starts no child

Report = Callable[[str], None]


def follow(settings: Settings, kafka: KafkaSettings, report: Report, stop: threading.Event) -> None:
    """Mirror until told to stop.

    Args:
        settings: Where MLflow and the home are.
        kafka: The cluster.
        report: Told what keeps MLflow behind; empty when it is in step.
        stop: Set to return; a child under way is ended, the next start runs it again.

    Raises:
        Fatal: The cluster does not answer.
    """
    tracking, marker = Tracking.of(settings), settings.home / MARKER
    reader = Reader(kafka, (MODELS_REGISTERED, MODELS_CHANGES), follow=True)
    due: float | None = None
    try:
        while not stop.is_set():
            if reader.take(timeout_s=POLL_S):
                due = time.monotonic() + SETTLES_AFTER_S
            if due is None or time.monotonic() < due:
                continue
            due = None
            reached = _reached(tracking, reader)
            if marker.is_file() and marker.read_text() == reached:
                continue
            failure = _in_child(tracking, kafka, settings.home, stop)
            if failure == "":
                marker.write_text(reached)
                log.info("mlflow.mirrored", positions=json.loads(reached)["positions"])
            else:
                due = time.monotonic() + AGAIN_AFTER_S
            report(failure)
    finally:
        reader.close()


def _reached(tracking: Tracking, reader: Reader) -> str:
    positions = {f"{topic}/{number}": at for (topic, number), at in reader.positions.items()}
    return json.dumps({"uri": tracking.uri, "positions": positions}, sort_keys=True)


def _in_child(tracking: Tracking, kafka: KafkaSettings, home: Path, stop: threading.Event) -> str:
    """Return why mirroring failed; empty when it did not."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, initializer=_settle, initargs=(home,)) as pool:
        mirrored = pool.submit(mirror, tracking, kafka)
        while not mirrored.done():
            if stop.wait(POLL_S):
                for child in multiprocessing.active_children():
                    child.kill()
                return "stopped"
        failed = mirrored.exception()
    return "" if failed is None else f"MLflow is behind: {in_one_line(failed)}"


def _settle(home: Path) -> None:
    # MLflow's own Default experiment keeps its files in ./mlruns of wherever it was created.
    os.chdir(home)
    os.nice(NICE)
