"""States made anew from a chain's inputs, up to its committed offsets; writes no output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from schemas.record import Record
from streams.processor import Processor, StateRef
from streams.runtime.batch import Batch, BatchContext, Merge, external_topics, process_batch
from streams.runtime.client import Transactions, partition_counts
from streams.runtime.codec import (
    Outgoing,
    Partition,
    Received,
    changelog_entry,
    misplaced,
)
from streams.runtime.consumer import IdleGroup
from streams.runtime.reader import Reader
from streams.runtime.restore import changelog_ends, ends_note
from streams.runtime.settings import KafkaSettings

BATCH = 500
States = dict[StateRef, Record]


def rebuild_states(name: str, chain: Sequence[Processor], kafka: KafkaSettings) -> int:
    """Write the states of a stopped chain anew; return how many keys they have.

    What an input topic no longer holds, such as an expired request, is not in the states.

    Args:
        name: Of the chain and its group.
        chain: Processors in flow order.
        kafka: The cluster.

    Raises:
        Aborted, Fatal: The group has a live member, or the cluster failed; nothing was written.
    """
    topics = external_topics(chain)
    counts = partition_counts(kafka, [topic.name for topic in topics])
    sources = [(topic, number) for topic, count in counts.items() for number in range(count)]
    with IdleGroup(kafka, name) as group:
        offsets = {source: at for source, at in group.committed(sources).items() if at > 0}
        states = _folded(name, chain, kafka, offsets) if offsets else {}
        processors = {processor.name: processor for processor in chain}
        entries: list[Outgoing] = [
            changelog_entry(processors[reference[0]], reference[1], state, number, kafka.git_commit)
            for number, each in states.items()
            for reference, state in each.items()
        ]
        ends = changelog_ends(kafka, chain, {number for _, number in offsets})
        notes = {number: ends_note(ends, number) for _, number in offsets}
        if offsets:
            transactions = Transactions(kafka, f"{name}-rebuild")
            transactions.commit(entries, offsets, group.metadata, notes)
    return len(entries)


def _folded(
    name: str, chain: Sequence[Processor], kafka: KafkaSettings, offsets: Mapping[Partition, int]
) -> dict[int, States]:
    """Return by partition the states after all inputs below the offsets."""
    topics = external_topics(chain)
    by_name = {topic.name: topic for topic in topics}
    states: dict[int, States] = {number: {} for _, number in offsets}
    context = BatchContext(chain, name, states, kafka.git_commit)
    merge = Merge(topics)
    for source in offsets:
        merge.open(source)
    with Reader(kafka, topics, until=offsets) as reader:
        while not reader.caught_up or len(merge):
            for message in reader.take(BATCH, 0.0 if len(merge) else 0.2):
                if message.stored.offset >= offsets[message.stored.source]:
                    continue
                topic = by_name[message.stored.topic]
                bad = misplaced(topic, message) if isinstance(message, Received) else None
                merge.add(bad or message)
            for source, end in offsets.items():
                merge.expect(source, more=reader.positions[source] < end)
            batch = Batch()
            for _ in process_batch(batch, context, merge.take(BATCH)):
                pass
            for number, changed in batch.states.items():
                states[number].update(changed)
    return states
