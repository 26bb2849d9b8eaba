"""How far the gateway and the consumer groups are behind the ends of their topics, in records.

Works on a started aiokafka consumer and admin client.
"""

from __future__ import annotations

from typing import Any

from schemas.topics import (
    BACKTEST_REQUESTS,
    CONFIG_COMMANDS,
    HISTORY,
    JOURNAL_COMMANDS,
    LETTER_COMMANDS,
    PREDICTION_REQUESTS,
    RAW_BARS,
    TUNING_REQUESTS,
)

# Topics that are written without transactions. Every other topic ends with the marker of its last
# transaction, which takes an offset and is nothing to be read. After a replay of a dead letter one
# of these does too: its lag is one too many until its next record.
WITHOUT_TRANSACTIONS = frozenset(
    topic.name
    for topic in (
        RAW_BARS,
        HISTORY,
        CONFIG_COMMANDS,
        JOURNAL_COMMANDS,
        LETTER_COMMANDS,
        PREDICTION_REQUESTS,
        BACKTEST_REQUESTS,
        TUNING_REQUESTS,
    )
)


async def topic_lag(consumer: Any) -> dict[str, int]:
    """Return by topic what the consumer has not read yet."""
    partitions = sorted(consumer.assignment())
    ends = await consumer.end_offsets(partitions)
    lag: dict[str, int] = {}
    for partition in partitions:
        behind = max(0, ends[partition] - await consumer.position(partition))
        lag[partition.topic] = lag.get(partition.topic, 0) + behind
    return lag


async def group_lag(admin: Any, consumer: Any) -> dict[str, int]:
    """Return by consumer group what it has not consumed yet."""
    groups = [name for name, _ in await admin.list_consumer_groups()]
    return {name: await _one_group(admin, consumer, name) for name in groups}


async def _one_group(admin: Any, consumer: Any, group: str) -> int:
    """Return the lag of a group; 0 when only a marker lies ahead of it."""
    committed = await admin.list_consumer_group_offsets(group)
    ends = await consumer.end_offsets(list(committed))
    return sum(
        records_behind(partition.topic, at.offset, ends[partition])
        for partition, at in committed.items()
        if at.offset >= 0
    )


def records_behind(topic: str, committed: int, end: int) -> int:
    """Return how many records of a partition a group has not consumed, 0 or more.

    Args:
        topic: Name of the partition's topic.
        committed: The offset that the group reads next.
        end: The offset after the last record or marker.
    """
    last_marker = 0 if topic in WITHOUT_TRANSACTIONS else 1
    return max(0, end - last_marker - committed)
