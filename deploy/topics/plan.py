"""The topics that the project needs and their settings, derived from the tables. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from deploy.environments import LOG_RETENTION_DAYS
from schemas.record import Topic
from schemas.timeframes import DAY_MS
from schemas.topics import LETTER_COMMANDS, TOPICS
from streams.processor import Processor
from streams.topology import PROCESSORS, WORKERS, Worker

# Accelerated and recorded event times lie far from the clock: Kafka would refuse them as "in the
# future" or delete them as old. So a message carries append time, and its body the event time.
APPEND_TIME = {"message.timestamp.type": "LogAppendTime"}
# Compaction skips the newest segment: small segments keep views and restores short.
COMPACTED = {
    **APPEND_TIME,
    "cleanup.policy": "compact",
    "min.cleanable.dirty.ratio": "0.2",
    "segment.bytes": "4194304",
}
# A dead letter holds its original in base64, a third longer than the largest record let in.
DEAD_LETTERS = {
    **APPEND_TIME,
    "cleanup.policy": "delete",
    "retention.ms": "-1",
    "max.message.bytes": "2097152",
}

# A command holds a whole letter, and its own dead letter holds the command.
LETTER_COMMAND_BYTES = "1500000"


@dataclass(frozen=True)
class TopicPlan:
    """A topic that the cluster must have, and its settings."""

    name: str
    config: Mapping[str, str]
    single: bool = False  # of one partition on every cluster


def planned_topics(log_days: int = LOG_RETENTION_DAYS["dev"]) -> tuple[TopicPlan, ...]:
    """Return the topics of the table, the dead letters of consumed topics and the changelogs.

    Args:
        log_days: How long the topics are kept that tell what the system did.
    """
    rows: tuple[Processor | Worker, ...] = (*PROCESSORS, *WORKERS)
    consumed = {topic for row in rows for topic in row.reads}
    changelogs = [row.changelog for row in PROCESSORS]
    changelogs += [f"{row.name}.state.v1" for row in WORKERS if row.stateful]
    return (
        *(TopicPlan(topic.name, _config(topic, log_days), topic.single) for topic in TOPICS),
        *(
            TopicPlan(topic.dead_letters, DEAD_LETTERS, topic.single)
            for topic in TOPICS
            if topic in consumed
        ),
        *(TopicPlan(name, COMPACTED) for name in changelogs),
    )


def _config(topic: Topic, log_days: int) -> Mapping[str, str]:
    if topic.compact:
        return COMPACTED
    sized = {"max.message.bytes": LETTER_COMMAND_BYTES} if topic is LETTER_COMMANDS else {}
    kept_ms = log_days * DAY_MS if topic.kept_as_logs else topic.retention_ms
    return {**APPEND_TIME, "cleanup.policy": "delete", "retention.ms": str(kept_ms), **sized}
