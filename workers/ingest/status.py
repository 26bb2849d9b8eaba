"""What ingest says of itself."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from schemas.record import Record
from schemas.status import WorkerStatus
from streams.runtime.publisher import Publisher
from streams.runtime.settings import KafkaSettings
from streams.runtime.status import RepeatedStatus, State
from streams.runtime.wall_clock import wall_ms
from workers.ingest.outbox import Outbox
from workers.venue.reach import Reach

LOOK_EVERY_S = 1.0


def ingest_status(
    state: State,
    detail: str = "",
    done: float | None = None,
    ended: Mapping[str, int] | None = None,
) -> WorkerStatus:
    """Return a status of ingest, stamped with the wall clock; ``done`` is a share in [0, 1].

    ``ended`` has by symbol that gets no more bars its last close.
    """
    return WorkerStatus(
        process="ingest",
        event_time_ms=wall_ms(),
        state=state,
        detail=detail,
        done=done,
        ended=dict(ended or {}),
    )


class IngestPublisher(Publisher):
    """Publishes what ingest makes; its last status is said again while its main loop goes round."""

    def __init__(self, kafka: KafkaSettings) -> None:
        super().__init__(kafka, f"ingest-{kafka.instance}")
        self._repeated = RepeatedStatus(self.publish)

    def publish(self, record: Record, trace_id: str | None = None) -> None:
        """Queue a record for its topic; raises ``Fatal`` when an earlier one was not delivered."""
        if isinstance(record, WorkerStatus):
            self._repeated.note(record)
        super().publish(record, trace_id)

    def close(self) -> None:
        """Say nothing again, and send what is queued."""
        self._repeated.close()
        self.flush()


class VenueStatus:
    """The status of ingest on a venue: what it does, or that the venue does not answer."""

    def __init__(self, outbox: Outbox, reach: Reach) -> None:
        self.reach = reach
        self._outbox = outbox
        self._last = ingest_status("starting")
        self._told = ""

    def say(self, state: State, detail: str = "", done: float | None = None) -> None:
        """Say what ingest does now; ``done`` is a share in [0, 1]."""
        self._last = ingest_status(state, detail, done)
        self._publish()

    async def follow(self) -> None:
        """Say when the venue stops to answer, when it is asked again, and when it answers."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if self.reach.outage() != self._told:
                self._publish()

    def _publish(self) -> None:
        self._told = self.reach.outage()
        if self._told:
            self._outbox.put(ingest_status("degraded", self._told, self._last.done))
        else:
            self._outbox.put(self._last.model_copy(update={"event_time_ms": wall_ms()}))
