"""The one line that each dead letter leaves in the log of who wrote it."""

from __future__ import annotations

import structlog

from schemas.dead_letter import DeadLetter

log = structlog.get_logger()


def log_dead_letter(letter: DeadLetter) -> None:
    """Say what was refused, where it lies and what to do; a bug is an error, the rest warnings."""
    say = log.error if letter.kind == "bug" else log.warning
    say(
        "record.rejected",
        topic=letter.topic,
        place=f"{letter.partition}@{letter.offset}" if letter.partition >= 0 else "never a record",
        consumer=letter.consumer,
        kind=letter.kind,
        cause=letter.cause,
        trace_id=letter.trace_id,
        remedy=f"`regimeflow topics dlq list --topic {letter.topic} --each` shows it; the rest of "
        "the topic went on",
    )
