"""One batch of a chain: order its records, fold them, collect the messages to write. Pure.

A step that raises loses one record only. The step is pure, so nothing has to be undone; outputs of
the processors before it stay.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from schemas.dead_letter import DeadLetter
from schemas.record import Record, Topic
from schemas.topics import topic_of
from streams.processor import (
    Changes,
    Outputs,
    Processor,
    RecordRejected,
    Rejection,
    StateKey,
    StateRef,
    States,
    StepFailed,
    fold,
)
from streams.runtime.codec import (
    Outgoing,
    Partition,
    Received,
    Stamp,
    Unreadable,
    changelog_entry,
    dead_letter,
    event_time,
    letter_message,
    outgoing,
    rejected_letter,
)

LONGEST_CAUSE = 500  # characters
NO_STATES: States = {}

Message = Received | Unreadable
StatesByPartition = Mapping[int, States]


def external_topics(chain: Sequence[Processor]) -> tuple[Topic, ...]:
    """Return the topics a chain consumes: what it reads and does not write itself.

    They come in the order in which records of one event time are folded. Where a step reads topic
    A before topic B, A stands before the inputs of B.
    """
    makers = {topic: processor for processor in chain for topic in processor.writes}
    order: dict[Topic, None] = {}

    def visit(processor: Processor) -> None:
        for topic in processor.reads:
            if topic in makers:
                visit(makers[topic])
            else:
                order[topic] = None

    for processor in reversed(chain):
        visit(processor)
    return tuple(order)


class Merge:
    """Records of several topics in event-time order; each partition keeps its own order.

    Ties go to the topic named first. No record is released while a partition is known to hold
    records that have not arrived: a bar must not overtake the parameters before it, and the topic
    with the smaller records, which is fetched faster, must not run ahead of the other. A partition
    read to its end holds nothing back.
    """

    def __init__(self, topics: Sequence[Topic]) -> None:
        self._rank = {topic.name: rank for rank, topic in enumerate(topics)}
        self._waiting: dict[Partition, deque[tuple[int, Message]]] = {}
        self._latest: dict[Partition, int] = {}
        self._behind: set[Partition] = set()

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def open(self, source: Partition) -> None:
        """Expect records of a partition."""
        self._waiting[source] = deque()
        self._latest[source] = 0
        self._behind.add(source)

    def close(self, source: Partition) -> None:
        """Forget a partition and its records."""
        self._waiting.pop(source, None)
        self._behind.discard(source)

    def expect(self, source: Partition, *, more: bool) -> None:
        """Note whether a partition holds more than what has been added."""
        if more:
            self._behind.add(source)
        else:
            self._behind.discard(source)

    def add(self, message: Message) -> None:
        """Take the next record of its partition."""
        source = message.stored.source
        if len(self._rank) > 1 and isinstance(message, Received):
            self._latest[source] = max(self._latest[source], event_time(message.record))
        self._waiting[source].append((self._latest[source], message))

    def waiting(self) -> set[Partition]:
        """Return the partitions whose records have to wait."""
        return {source for source, queue in self._waiting.items() if queue}

    def take(self, limit: int) -> list[Message]:
        """Return up to ``limit`` records that no later arrival can precede."""
        taken: list[Message] = []
        if len(self._rank) == 1:  # nothing to merge: partitions hold different keys
            for queue in self._waiting.values():
                taken += [queue.popleft()[1] for _ in range(min(limit - len(taken), len(queue)))]
            return taken
        while len(taken) < limit:
            source = self._next()
            if source is None:
                break
            taken.append(self._waiting[source].popleft()[1])
        return taken

    def _next(self) -> Partition | None:
        held_up = {number for name, number in self._behind if not self._waiting[name, number]}
        heads = [
            (queue[0][0], self._rank[name], number, (name, number))
            for (name, number), queue in self._waiting.items()
            if queue and number not in held_up
        ]
        return min(heads)[3] if heads else None


def to_hold_back(paused: set[Partition], merge: Merge, limit: int) -> set[Partition]:
    """Return the partitions to pause: in a full merge, those whose records wait.

    A partition without waiting records is always fetched: the others may wait for it.

    Args:
        paused: Partitions paused now.
        merge: The waiting records.
        limit: Records of one batch. A merge is full above four times that, and has room again
            below it.
    """
    if len(merge) > 4 * limit:
        return merge.waiting()
    return set() if len(merge) < limit else paused & merge.waiting()


@dataclass
class Batch:
    """The messages of one transaction, and the states it leads to."""

    messages: list[Outgoing] = field(default_factory=list)
    states: dict[int, dict[StateRef, Record]] = field(default_factory=dict)
    letters: list[DeadLetter] = field(default_factory=list)


def offsets_after(messages: Sequence[Message]) -> dict[Partition, int]:
    """Return the next offset of each partition after these messages."""
    return {message.stored.source: message.stored.offset + 1 for message in messages}


@dataclass(frozen=True)
class BatchContext:
    """What every batch of a chain shares.

    Attributes:
        chain: Processors in flow order; a ``step_batch`` processor stands alone.
        name: Of the chain; the consumer on the dead letter of an undecodable message.
        states: Committed states of each partition; never written to.
        git_commit: Of the running code, for the headers.
    """

    chain: Sequence[Processor]
    name: str
    states: StatesByPartition
    git_commit: str


def process_batch(
    batch: Batch, context: BatchContext, messages: Sequence[Message]
) -> Iterator[Outgoing]:
    """Fold records in order into a batch; yield each message as soon as it is known.

    So the network is busy while later records are folded. Outputs and dead letters come first,
    then one changelog entry for each changed state.
    """
    readable: list[Received] = []
    for message in messages:
        if isinstance(message, Received):
            readable.append(message)
        else:
            letter = dead_letter(
                message.stored, context.name, "undecodable", message.cause, message.trace_id
            )
            _refuse(batch, letter, message, context.git_commit)
    together = context.chain[0].step_batch is not None
    yielded = 0
    for _ in (_process_together if together else _process_one_by_one)(batch, context, readable):
        yield from batch.messages[yielded:]
        yielded = len(batch.messages)
    yield from batch.messages[yielded:]


def _refuse(batch: Batch, letter: DeadLetter, message: Message, git_commit: str) -> None:
    unpublished = letter.partition < 0 and letter.key is not None  # made inside the chain
    key = letter.key.encode() if unpublished and letter.key else message.stored.key
    batch.messages.append(letter_message(letter, key, Stamp(message.trace_id, git_commit)))
    batch.letters.append(letter)


def guarded(processor: Processor) -> Processor:
    """Return the processor with every unexpected exception turned into ``StepFailed``."""
    step = processor.step
    if step is None:
        return processor

    def guard(state: Any, record: Any) -> tuple[Any, Outputs]:
        try:
            return step(state, record)
        except (RecordRejected, MemoryError):
            raise
        except Exception as bug:
            raise StepFailed(in_one_line(bug)) from bug

    return replace(processor, step=guard)


def in_one_line(failed: BaseException) -> str:
    """Return an exception's type and message on one line of bounded length."""
    return " ".join(f"{type(failed).__name__}: {failed}".split())[:LONGEST_CAUSE]


def _process_one_by_one(
    batch: Batch, context: BatchContext, messages: Iterable[Received]
) -> Iterator[None]:
    chain = [guarded(processor) for processor in context.chain]
    by_partition: dict[int, Changes] = {}
    for message in messages:
        partition = message.stored.partition
        changes = by_partition.get(partition)
        if changes is None:
            changes = by_partition[partition] = Changes()
        fold(chain, context.states.get(partition, NO_STATES), message.record, changes)
        _collect(batch, changes, message, context.git_commit)
        yield
    for partition, changes in by_partition.items():
        keep_states(batch, context, partition, changes.states)


def _collect(batch: Batch, changes: Changes, message: Received, git_commit: str) -> None:
    stamp = Stamp(message.trace_id, git_commit)
    for record in changes.outputs:
        batch.messages.append(outgoing(topic_of(record), record, stamp))
    changes.outputs.clear()
    if changes.rejections:
        for rejection in changes.rejections:
            _refuse(batch, rejected_letter(rejection, message), message, git_commit)
        changes.rejections.clear()


def keep_states(
    batch: Batch, context: BatchContext, partition: int, states: Mapping[StateRef, Record | None]
) -> None:
    """Add states to a batch, with their changelog entries; None takes a key off its changelog."""
    processors = {processor.name: processor for processor in context.chain}
    kept = batch.states.setdefault(partition, {})
    for reference, state in states.items():
        name, key = reference
        entry = changelog_entry(processors[name], key, state, partition, context.git_commit)
        batch.messages.append(entry)
        if state is not None:
            kept[reference] = state


def _process_together(
    batch: Batch, context: BatchContext, messages: Sequence[Received]
) -> Iterator[None]:
    """Give a batch step all records at once; when it raises, one by one to find the bad one."""
    (processor,) = context.chain
    changed: dict[int, dict[StateRef, Record]] = {}
    groups = [messages] if messages else []
    while groups:
        group = groups.pop(0)
        try:
            effects = _step_batch(processor, context.states, changed, group)
        except MemoryError:
            raise
        except Exception as failed:  # noqa: BLE001 - the driver: it costs one record
            if len(group) > 1:
                groups = [[message] for message in group]
                continue
            effects = [Changes(rejections=[_rejection(processor, group[0], failed)])]
        for message, changes in zip(group, effects, strict=True):
            for reference, state in changes.states.items():
                changed.setdefault(message.stored.partition, {})[reference] = state
            _collect(batch, changes, message, context.git_commit)
        yield
    for partition, new in changed.items():
        keep_states(batch, context, partition, new)


def _step_batch(
    processor: Processor,
    states: StatesByPartition,
    changed: Mapping[int, Mapping[StateRef, Record]],
    group: Sequence[Received],
) -> list[Changes]:
    """Run one batch step; a changed state is filed under the last record of its key."""
    assert processor.step_batch is not None  # noqa: S101 - the caller checks
    before: dict[StateKey, Record] = {}
    last: dict[StateKey, int] = {}
    for number, message in enumerate(group):
        key, partition = processor.key_of(message.record), message.stored.partition
        reference = (processor.name, key)
        committed = states.get(partition, {}).get(reference, processor.initial)
        before[key] = changed.get(partition, {}).get(reference, committed)
        last[key] = number
    after, outputs = processor.step_batch(before, [message.record for message in group])
    if len(outputs) != len(group):
        raise ValueError(f"{len(outputs)} groups of outputs for {len(group)} records")
    effects = [Changes(outputs=list(records)) for records in outputs]
    for key, state in after.items():
        if state is not before[key]:
            effects[last[key]].states[processor.name, key] = state
    return effects


def _rejection(processor: Processor, message: Received, failed: Exception) -> Rejection:
    if isinstance(failed, RecordRejected):
        return Rejection(processor, message.record, failed.kind, str(failed))
    return Rejection(processor, message.record, "bug", in_one_line(failed))
