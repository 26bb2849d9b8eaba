"""Draws the report of a registered model between trainings."""

from __future__ import annotations

import threading

import structlog

from schemas.models import ModelRegistered
from streams.runtime.batch import in_one_line
from workers.models.artifact import registered_folder
from workers.models.bundle_store import is_remote, publish
from workers.training.report import PAGE, ROWS, write_report
from workers.training.turns import Turns

log = structlog.get_logger()

LOW_PRIORITY = 15


def draw_report(model: ModelRegistered, turns: Turns, stop: threading.Event) -> None:
    """Draw the report of a registered model in a child of low priority, unless it has one.

    Of a model in an object store it is stored beside the model.
    """
    try:
        folder = registered_folder(model)
        if (folder / PAGE).is_file() or not (folder / ROWS).is_file():
            return
        page = turns.call_between(
            write_report, folder, cancelled=stop.is_set, niceness=LOW_PRIORITY
        )
        if is_remote(model.uri):
            turns.call_between(publish, folder, model.uri, cancelled=stop.is_set)
    except Exception as failed:  # noqa: BLE001 - the model serves without its report
        if stop.is_set():
            return  # the next start draws it
        log.warning(
            "report.failed",
            model_version=model.model_version,
            cause=in_one_line(failed),
            remedy="none is needed: the model serves; its report.json has the numbers",
        )
    else:
        log.info("report.written", model_version=model.model_version, page=str(page))
