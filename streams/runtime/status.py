"""What a process says of itself on ``workers.status.v1``."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Literal

from schemas.status import WorkerStatus
from streams.runtime.publisher import Publisher
from streams.runtime.settings import Fatal, KafkaSettings
from streams.runtime.wall_clock import wall_ms

CLOSE_WITHIN_S = 2.0

State = Literal["starting", "restoring", "running", "degraded", "holding", "stopping", "failed"]
Report = Callable[[State, str], None]


class StatusPublisher:
    """Publishes each change of a process's state; never the reason that the process ends."""

    def __init__(self, kafka: KafkaSettings, process: str) -> None:
        self._process = process
        self._publisher = Publisher(kafka, f"{process}-{kafka.instance}-status")

    def report(self, state: State, detail: str = "") -> None:
        """Say what the process does now; wall clock."""
        now_ms = wall_ms()
        self.publish(
            WorkerStatus(process=self._process, event_time_ms=now_ms, state=state, detail=detail)
        )

    def publish(self, status: WorkerStatus) -> None:
        """Say more than a state."""
        with contextlib.suppress(Fatal):
            self._publisher.publish(status)

    def close(self) -> None:
        """Send what is queued."""
        with contextlib.suppress(Fatal):  # nobody is left to be told
            self._publisher.flush(CLOSE_WITHIN_S)
