"""How a training ends: with a model, refused, cancelled, or given up because it hangs.

One whose child was killed, as for want of memory, is tried again, and refused at last.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from schemas.policies import RetrainingPolicy
from schemas.record import Record
from schemas.timeframes import HOUR_MS
from schemas.training import TrainingRequest
from streams.processor import RecordRejected
from streams.runtime.batch import in_one_line
from streams.runtime.settings import Aborted, Fatal, KafkaSettings
from workers.child import ChildFailed
from workers.training.active_policy import read_policy
from workers.training.cancelled import CancelledTrainings
from workers.training.kept_files import remove_kept
from workers.training.progress import TrainingProgressPublisher
from workers.training.status import TrainingStatus

ATTEMPTS = 3

log = structlog.get_logger()

Train = Callable[[TrainingRequest, Callable[[], bool]], Sequence[Record]]


def train_with_attempts(
    train: Callable[[], Sequence[Record]], cancelled: Callable[[], bool], request_id: str
) -> Sequence[Record]:
    """Return what ``train`` returns; each attempt goes on with the finished fits of the last.

    Raises:
        ChildFailed: It was cancelled.
        RecordRejected: Its children were killed each time, or whatever ``train`` refuses.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return train()
        except ChildFailed as died:
            if cancelled():
                raise
            cause = str(died)
            log.warning(
                "child.died",
                request_id=request_id,
                cause=cause,
                attempt=attempt,
                remedy=f"none before {ATTEMPTS} attempts: finished fits are kept; free memory",
            )
    raise RecordRejected(
        f"{cause}, {ATTEMPTS} times: something ends it, most likely the want of memory; free some, "
        "then replay this letter: its finished fits are kept"
    )


@dataclass(frozen=True)
class TimeLimit:
    """How long a training may run by the wall clock, so that one that hangs frees the queue.

    Attributes:
        hours: As the config says that counted when it was asked for.
        began_s: Monotonic.
    """

    hours: float
    began_s: float

    def over(self) -> str:
        """Return that the time is over, in words; empty before."""
        if time.monotonic() - self.began_s < self.hours * HOUR_MS / 1_000:
            return ""
        return f"it took longer than {self.hours:g} h, the retraining.deadline_hours of its config"


@dataclass(frozen=True)
class TrainingAttempts:
    """Runs trainings one by one and says how each ends.

    Attributes:
        kafka: The cluster.
        train: Runs the training of a request until its second argument says that nobody wants it.
        cancelled: Who is to stop.
        said: What the process says of itself.
        models: Root folder of all models, which keeps the finished fits of a training.
    """

    kafka: KafkaSettings
    train: Train
    cancelled: CancelledTrainings
    said: TrainingStatus
    models: Path

    def run(self, request: TrainingRequest, stopping: Callable[[], bool]) -> Sequence[Record]:
        """Return what registers the model; nothing of a training that was cancelled.

        Raises:
            RecordRejected: It cannot be trained, its children were killed, or it took too long.
            ChildFailed: This process is stopping.
        """
        policy = read_policy(self.kafka, request)
        hours = (RetrainingPolicy() if policy is None else policy.retraining).deadline_hours
        limit = TimeLimit(hours, time.monotonic())

        def why_not() -> str:
            return self.cancelled.why(request.request_id) or limit.over()

        def unwanted() -> bool:
            return stopping() or bool(why_not())

        try:
            records = train_with_attempts(
                lambda: self.train(request, unwanted), unwanted, request.request_id
            )
        except ChildFailed:
            if stopping():  # the next process runs it again
                raise
            self._publish_failure(request, why_not())
            if self.cancelled.why(request.request_id):
                remove_kept(self.models, request.request_id)
                return ()
            self.said.refused(request, why_not())
            raise RecordRejected(why_not()) from None
        except (Aborted, Fatal):  # the next start trains again
            raise
        except Exception as failed:
            cause = str(failed) if isinstance(failed, RecordRejected) else in_one_line(failed)
            self._publish_failure(request, cause)
            self.said.refused(request, cause)
            raise
        self.said.trained(request)
        return records

    def _publish_failure(self, request: TrainingRequest, cause: str) -> None:
        TrainingProgressPublisher(request, self.kafka).publish("failed", 0.0, cause)
