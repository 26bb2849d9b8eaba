"""States made anew from a chain's inputs, up to its committed offsets; writes no output."""

from __future__ import annotations

from collections.abc import Sequence

from streams.processor import Processor
from streams.runtime.batch import external_topics
from streams.runtime.client import Transactions, partition_counts
from streams.runtime.codec import Outgoing, changelog_entry
from streams.runtime.consumer import IdleGroup
from streams.runtime.restore import changelog_ends, ends_note, fold_inputs
from streams.runtime.settings import KafkaSettings


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
        states = fold_inputs(name, chain, kafka, offsets)
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
