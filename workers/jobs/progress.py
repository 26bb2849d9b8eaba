"""The progress of a job, published while it runs."""

from __future__ import annotations

from typing import Literal

from schemas.jobs import JobProgress
from streams.runtime.publisher import Publisher
from streams.runtime.wall_clock import wall_ms

Stage = Literal["init", "progress", "partial"]


class JobProgressPublisher:
    """Publishes the progress of one run of a job, and remembers the newest."""

    def __init__(self, job_id: str, publisher: Publisher) -> None:
        self._job_id, self._publisher = job_id, publisher
        self._sequence = -1
        self.trial = 0
        self.total: int | None = None
        self.best: float | None = None

    def progress(self, trial: int, total: int, best: float | None) -> None:
        """Tell that so many are done."""
        self.tell("progress", trial, total, best)

    def tell(
        self, stage: Stage, trial: int, total: int | None, best: float | None, note: str = ""
    ) -> None:
        """Publish; returns before it is acknowledged."""
        self._sequence += 1
        self.trial, self.total, self.best = trial, total, best
        self._publisher.publish(
            JobProgress(
                job_id=self._job_id,
                event_time_ms=wall_ms(),
                sequence=self._sequence,
                stage=stage,
                trial=trial,
                total=total,
                best=best,
                note=note,
            )
        )
