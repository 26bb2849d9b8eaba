"""What a process says of itself on ``workers.status.v1``."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Literal

from schemas.status import WorkerStatus, process_label
from streams.runtime.heartbeat import heartbeat
from streams.runtime.publisher import Publisher
from streams.runtime.settings import Fatal, KafkaSettings
from streams.runtime.wall_clock import wall_ms

CLOSE_WITHIN_S = 2.0
REPEAT_EVERY_S = 5.0  # whoever reads it knows by that that the process lives

State = Literal["starting", "restoring", "running", "degraded", "holding", "stopping", "failed"]
Report = Callable[[State, str], None]


class RepeatedStatus:
    """The last status of a process, said again every few seconds while its main loop goes round."""

    def __init__(self, publish: Callable[[WorkerStatus], object]) -> None:
        self._publish = publish
        self._last: WorkerStatus | None = None
        self._due_s = 0.0
        heartbeat.call(self._repeat)

    def note(self, status: WorkerStatus) -> None:
        """Say this one from now on; it has just been published."""
        self._last, self._due_s = status, time.monotonic() + REPEAT_EVERY_S

    def close(self) -> None:
        """Say nothing again."""
        heartbeat.release(self._repeat)

    def _repeat(self) -> None:
        if self._last is not None and time.monotonic() >= self._due_s:
            self._publish(self._last.model_copy(update={"event_time_ms": wall_ms()}))


class StatusPublisher:
    """Publishes each change of a process's state; never the reason that the process ends."""

    def __init__(self, kafka: KafkaSettings, process: str) -> None:
        self._process = process_label(process, kafka.instance)
        self._publisher = Publisher(kafka, f"{process}-{kafka.instance}-status")
        self._repeated = RepeatedStatus(self.publish)

    def report(self, state: State, detail: str = "") -> None:
        """Say what the process does now; wall clock."""
        now_ms = wall_ms()
        self.publish(
            WorkerStatus(process=self._process, event_time_ms=now_ms, state=state, detail=detail)
        )

    def publish(self, status: WorkerStatus) -> None:
        """Say more than a state."""
        self._repeated.note(status)
        with contextlib.suppress(Fatal):
            self._publisher.publish(status)

    def close(self) -> None:
        """Send what is queued."""
        self._repeated.close()
        with contextlib.suppress(Fatal):  # nobody is left to be told
            self._publisher.flush(CLOSE_WITHIN_S)
