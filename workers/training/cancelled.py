"""Which trainings were cancelled."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.record import Record
from schemas.training import TrainingCancelled


class CancelledTrainings:
    """The cancellations by request id; a training looks here while it runs."""

    def __init__(self) -> None:
        self._cancelled: dict[str, TrainingCancelled] = {}

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
