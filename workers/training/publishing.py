"""Stores the bundle of a trained model before the model is announced, however long that takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path

import structlog

from schemas.models import ModelRegistered
from schemas.record import Record
from workers.child import ChildFailed, call_in_child
from workers.models.artifact import registered_folder, trim_cache
from workers.models.bundle_store import StoreError, is_remote, mark_used, publish

log = structlog.get_logger()

RETRY_EVERY_S = 10.0
LOOK_EVERY_S = 0.2


def publish_bundles(
    records: Iterable[Record], report: Callable[[str], None], cancelled: Callable[[], bool]
) -> None:
    """Store the bundles of the models among some records, where they go to an object store.

    A store that cannot be reached is tried again until it can: the bundle lies on this machine
    meanwhile, and its request is open, so nothing is lost. A child does it, whose libraries are
    gone afterwards.

    Args:
        records: Of a training, before they are published.
        report: Gets what is wrong with the store; an empty text: nothing any more.
        cancelled: Asked five times a second.

    Raises:
        ChildFailed: It was cancelled.
    """
    for model in records:
        if isinstance(model, ModelRegistered) and is_remote(model.uri):
            folder = registered_folder(model)
            try:
                while failure := _publish_once(model, folder, cancelled):
                    report(failure)
                    _pause(cancelled)
            finally:
                report("")
            trim_cache(spare=folder)
            log.info("bundle.published", model_version=model.model_version, uri=model.uri)


def _publish_once(model: ModelRegistered, folder: Path, cancelled: Callable[[], bool]) -> str:
    """Return why a bundle could not be stored; empty when it was."""
    mark_used(folder)  # the cache of this machine keeps what nobody else has
    try:
        call_in_child(publish, folder, model.uri, cancelled=cancelled)
    except (StoreError, ChildFailed) as failed:
        if cancelled():
            raise
        log.error(
            "bundle.waiting",
            model_version=model.model_version,
            cause=str(failed),
            remedy=f"it is tried again every {RETRY_EVERY_S:.0f} s; look at REGIMEFLOW_MODEL_DIR, "
            "REGIMEFLOW_S3_ENDPOINT and the credentials",
        )
        return f"model {model.model_version} waits for its store: {failed}"
    return ""


def _pause(cancelled: Callable[[], bool]) -> None:
    until_s = time.monotonic() + RETRY_EVERY_S
    while time.monotonic() < until_s:
        if cancelled():
            raise ChildFailed("the bundle of a training was not stored before it was cancelled")
        time.sleep(LOOK_EVERY_S)
