"""Which trainings were cancelled, followed from their topic."""

from __future__ import annotations

import threading
from collections.abc import Iterable

import structlog

from schemas.record import Record
from schemas.topics import TRAINING_CANCELLED
from schemas.training import TrainingCancelled
from streams.runtime.reader import Reader
from streams.runtime.settings import Aborted, Fatal, KafkaSettings

log = structlog.get_logger()


class CancelledTrainings:
    """The cancellations by request id; a training looks here while it runs."""

    def __init__(self) -> None:
        self._cancelled: dict[str, TrainingCancelled] = {}

    def follow(self, kafka: KafkaSettings, stop: threading.Event) -> None:
        """Read until ``stop`` is set."""
        try:
            with Reader(kafka, (TRAINING_CANCELLED,), follow=True) as reader:
                while not stop.is_set():
                    self.take(message.record for message in reader.take_readable())
        except (Aborted, Fatal) as error:
            if not stop.is_set():
                log.error(
                    "read.failed",
                    topic=TRAINING_CANCELLED.name,
                    cause=str(error),
                    remedy="trainings go on, but none is cancelled until the process is restarted",
                )

    def take(self, records: Iterable[Record]) -> None:
        """Take the records of the topic."""
        for record in records:
            if isinstance(record, TrainingCancelled):
                self._cancelled[record.request_id] = record

    def why(self, request_id: str) -> str:
        """Return by whom and why a training was cancelled; empty: it was not."""
        record = self._cancelled.get(request_id)
        if record is None:
            return ""
        return f"cancelled by {record.by}" + (f": {record.reason}" if record.reason else "")
