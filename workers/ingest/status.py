"""What ingest says of itself."""

from __future__ import annotations

from collections.abc import Mapping

from schemas.status import WorkerStatus
from streams.runtime.status import State
from streams.runtime.wall_clock import wall_ms


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
