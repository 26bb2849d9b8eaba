"""A training whose child was killed, as for want of memory, is tried again, and refused at last."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from schemas.record import Record
from streams.processor import RecordRejected
from workers.child import ChildFailed

ATTEMPTS = 3

log = structlog.get_logger()


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
