"""What a process says of itself on ``workers.status.v1``."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

from schemas.status import WorkerStatus
from streams.kafka import Fatal, KafkaSettings
from streams.publisher import Publisher

State = Literal["starting", "restoring", "running", "degraded", "holding", "stopping", "failed"]
Report = Callable[[State, str], None]


class StatusPublisher:
    """Publishes each change of a process's state; never the reason that the process ends."""

    def __init__(self, kafka: KafkaSettings, process: str) -> None:
        self._process = process
        self._publisher = Publisher(kafka, f"{process}-{kafka.instance}-status")

    def report(self, state: State, detail: str = "") -> None:
        """Say what the process does now; wall clock."""
        now_ms = int(time.time() * 1000)
        self._publisher.publish(
            WorkerStatus(process=self._process, event_time_ms=now_ms, state=state, detail=detail)
        )

    def close(self) -> None:
        """Send what is queued."""
        try:
            self._publisher.flush()
        except Fatal:
            return  # nobody is left to be told
