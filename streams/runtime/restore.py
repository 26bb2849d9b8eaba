"""States of a chain as its changelogs and inputs give them back after a restart.

A changelog whose keys have another shape than ``state_key`` is of an older processor, and one that
no note of the offsets names is of a processor that has joined the chain since. The states of those
are then folded anew from the chain's inputs, up to the committed offsets.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import structlog

from schemas.record import Record, Topic
from streams.processor import Processor, StateKey, StateRef
from streams.runtime.batch import Batch, BatchContext, Merge, external_topics, process_batch
from streams.runtime.client import end_offsets
from streams.runtime.codec import (
    TIMEFRAME,
    Partition,
    Received,
    Stored,
    Unreadable,
    changelog_topic,
    event_time,
    misplaced,
    state_key,
    written_timeframe,
)
from streams.runtime.reader import Reader
from streams.runtime.settings import Fatal, KafkaSettings, StateLost

States = dict[StateRef, Record]
Refolded = dict[StateRef, Record | None]  # None: the new code has no such key

log = structlog.get_logger()

# Offsets looked at first for each input asked for: records and their transaction markers.
OFFSETS_PER_INPUT = 3
WIDER = 4  # each further look is that much longer
BATCH = 500  # inputs folded anew at a time


def changelog_ends(
    kafka: KafkaSettings, chain: Sequence[Processor], partitions: Collection[int]
) -> dict[Partition, int]:
    """Return the end of each changelog partition; raises ``Fatal`` without an answer."""
    return end_offsets(kafka, [(row.changelog, number) for row in chain for number in partitions])


def ends_note(ends: Mapping[Partition, int], number: int) -> str:
    """Return how far the changelogs of a partition reach, as it is kept with its offsets."""
    return json.dumps({name: end for (name, each), end in ends.items() if each == number})


def require_states(
    name: str,
    ends: Mapping[Partition, int],
    offsets: Mapping[Partition, int],
    notes: Mapping[Partition, str],
) -> None:
    """Refuse changelogs that hold less than they did when the offsets were committed.

    Args:
        name: Of the chain.
        ends: Of the changelogs, now.
        offsets: Committed ones of the consumed topics.
        notes: Kept with them, by ``ends_note``; empty from before there were notes.

    Raises:
        StateLost: With the command that makes the states anew.
    """
    for (topic, number), offset in offsets.items():
        present = {log: end for (log, each), end in ends.items() if each == number}
        note = notes.get((topic, number), "")
        # Without a note the offsets alone speak: who has read something has kept some state.
        expected = json.loads(note) if note else {}
        lost = [log for log, end in expected.items() if present.get(log, end) < end]
        if not note and offset > 0 and present and not any(present.values()):
            lost = list(present)
        if lost:
            raise StateLost(
                f"{name} has read {topic}/{number} up to offset {offset}, but its state on "
                f"{', '.join(lost)} is gone or cut off: going on would make wrong records. Stop "
                f"{name}, run `regimeflow topics rebuild {name}`, which makes the state anew from "
                "the chain's inputs, and start it again"
            )


def restore(
    name: str,
    kafka: KafkaSettings,
    chain: Sequence[Processor],
    ends: Mapping[Partition, int],
    offsets: Mapping[Partition, int],
    *,
    notes: Mapping[Partition, str],
) -> tuple[dict[int, States], dict[int, Refolded]]:
    """Read back the states of some partitions.

    Args:
        name: Of the chain.
        kafka: The cluster.
        chain: Processors in flow order.
        ends: Ends of the changelogs to restore from.
        offsets: Committed offsets of the consumed topics, read before this call.
        notes: Kept with them, by ``ends_note``.

    Returns: states by partition number, windows refilled; and those of them that were folded anew,
    which are to be written, or each start would fold those of a symbol that has ended, and of a key
    of an older shape, again.

    Raises:
        Fatal: A state cannot be decoded, or the cluster does not answer.
    """
    states: dict[int, States] = {partition: {} for _, partition in ends}
    owners = {processor.changelog: processor for processor in chain}
    changelogs = [changelog_topic(processor) for processor in chain]

    def take_off(entry: Unreadable) -> None:
        if entry.stored.value is not None:
            _cannot_restore(entry)
        owner, key = owners[entry.stored.topic], state_key(entry.stored.key)
        states[entry.stored.partition].pop((owner.name, key), None)

    with Reader(kafka, changelogs, until=ends) as reader:
        for entry in reader.read_to_end(unreadable=take_off):
            owner, key = owners[entry.stored.topic], state_key(entry.stored.key)
            states[entry.stored.partition][owner.name, key] = entry.record
    older = outdated(chain, states.values()) | joined(chain, offsets, notes)
    before: dict[int, States] = {}
    if older:
        log.info("state.refolded", consumer=name, processors=sorted(older))
        consumed = {source: at for source, at in offsets.items() if source[1] in states}
        folded = fold_inputs(name, chain, kafka, consumed)
        before = {number: states[number] for number in folded}
        states |= folded
    for processor in chain:
        if processor.refill is not None:
            for partition, known in states.items():
                _refill(kafka, processor, partition, known, offsets)
    anew = {number: refolded(older, old, states[number]) for number, old in before.items()}
    return states, anew


def refolded(processors: Collection[str], before: States, after: States) -> Refolded:
    """Return what the changelogs of some processors are to hold in place of older states."""
    references = (reference for reference in before | after if reference[0] in processors)
    return {reference: after.get(reference) for reference in references}


def outdated(chain: Sequence[Processor], partitions: Iterable[States]) -> set[str]:
    """Return the processors that have states of other code: keyed or laid out in another way."""
    by_name = {processor.name: processor for processor in chain}
    older = set()
    for states in partitions:
        for (name, key), state in states.items():
            processor = by_name[name]
            is_current = processor.is_current or (lambda _: True)
            if len(key) != len(processor.state_key) or not is_current(state):
                older.add(name)
    return older


def joined(
    chain: Sequence[Processor], offsets: Mapping[Partition, int], notes: Mapping[Partition, str]
) -> set[str]:
    """Return the processors that were not in the chain when it committed its offsets.

    They have missed what came before, such as the policy that their first command goes by.
    """
    known: dict[int, set[str]] = defaultdict(set)
    for (topic, number), offset in offsets.items():
        if offset > 0 and (note := notes.get((topic, number))):
            known[number].update(json.loads(note))
    return {row.name for row in chain for logs in known.values() if row.changelog not in logs}


def fold_inputs(
    name: str, chain: Sequence[Processor], kafka: KafkaSettings, offsets: Mapping[Partition, int]
) -> dict[int, States]:
    """Return by partition the states after all inputs below the offsets; writes no output."""
    topics = external_topics(chain)
    by_name = {topic.name: topic for topic in topics}
    until = {source: at for source, at in offsets.items() if at > 0}
    states: dict[int, States] = {number: {} for _, number in offsets}
    if not until:
        return states
    context = BatchContext(chain, name, states, kafka.git_commit)
    merge = Merge(topics)
    for source in until:
        merge.open(source)
    with Reader(kafka, topics, until=until) as reader:
        while not reader.caught_up or len(merge):
            for message in reader.take(BATCH, 0.0 if len(merge) else 0.2):
                if message.stored.offset >= until[message.stored.source]:
                    continue
                topic = by_name[message.stored.topic]
                bad = misplaced(topic, message) if isinstance(message, Received) else None
                merge.add(bad or message)
            for source, end in until.items():
                merge.expect(source, more=reader.positions[source] < end)
            batch = Batch()
            for _ in process_batch(batch, context, merge.take(BATCH)):
                pass
            for number, changed in batch.states.items():
                states[number].update(changed)
    return states


def _cannot_restore(message: Unreadable) -> None:
    topic, partition = message.stored.source
    raise Fatal(f"{topic}/{partition}@{message.stored.offset} cannot be restored: {message.cause}")


def _pass_over(_letter: Unreadable) -> None:
    """Ignore an input that became a dead letter when it came: it is in no window."""


def _refill(
    kafka: KafkaSettings,
    processor: Processor,
    partition: int,
    states: States,
    offsets: Mapping[Partition, int],
) -> None:
    assert processor.refill is not None  # noqa: S101 - the caller asked
    keys = {key for name, key in states if name == processor.name}
    if not keys:
        return
    inputs: dict[StateKey, list[Record]] = defaultdict(list)
    for topic in processor.reads:
        # What the chain makes itself is complete up to its last commit: its end is our position.
        source = (topic.name, partition)
        end = offsets[source] if source in offsets else end_offsets(kafka, [source])[source]
        for key, last in _last_inputs(kafka, processor, topic, (source, end), keys).items():
            inputs[key] += last
    for key in keys:
        # Each topic's last ``window`` records: a busy one must not crowd out a quiet one.
        ordered = sorted(inputs[key], key=event_time)
        reference = (processor.name, key)
        states[reference] = processor.refill(states[reference], ordered)


def _last_inputs(
    kafka: KafkaSettings,
    processor: Processor,
    topic: Topic,
    until: tuple[Partition, int],
    keys: Collection[StateKey],
) -> Mapping[StateKey, Sequence[Record]]:
    """Return the last ``window`` records of each key below an offset, oldest first.

    Looks further and further back, at nothing twice, and to the beginning if a key has too few.
    Records that were refused as unreadable or misplaced, repeat or run backwards are left out: they
    changed nothing when they came.
    """
    source, end = until
    last: dict[StateKey, list[Record]] = {key: [] for key in keys}
    lacking = set(keys)
    span = processor.window * len(keys) * OFFSETS_PER_INPUT
    while lacking and end > 0:
        start = max(end - span, 0)
        older: dict[StateKey, list[Record]] = {key: [] for key in lacking}
        only = _may_be_of(processor, lacking)
        with Reader(kafka, [topic], {source: start}, {source: end}, only=only) as reader:
            for message in reader.read_to_end(unreadable=_pass_over):
                records = older.get(processor.key_of(message.record))
                if records is None or message.stored.offset >= end or misplaced(topic, message):
                    continue
                records.append(message.record)
        for key, records in older.items():
            last[key] = _forward([*records, *last[key]])[-processor.window :]
        lacking = {key for key in lacking if len(last[key]) < processor.window}
        end, span = start, span * WIDER
    return last


def _may_be_of(processor: Processor, keys: Collection[StateKey]) -> Callable[[Stored], bool]:
    """Return whether a message can be of some keys, told without decoding it.

    Between two hours lie hundreds of minutes: to decode those too would make a restart slow.
    """
    if TIMEFRAME not in processor.state_key:
        return lambda _stored: True
    place = processor.state_key.index(TIMEFRAME)
    return written_timeframe({key[place] for key in keys})


def _forward(records: Sequence[Record]) -> list[Record]:
    """Return the records without those that repeat or run backwards."""
    forward: list[Record] = []
    for record in records:
        if not forward or event_time(record) > event_time(forward[-1]):
            forward.append(record)
    return forward
