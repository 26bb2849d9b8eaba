"""What a processor is, and the one fold that every driver runs.

Errors::

    RecordRejected    the record is wrong: dead letter, carry on
    StepFailed        a bug in the step: deterministic, so a dead letter of kind "bug"
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, ClassVar

from schemas.dead_letter import DeadLetterKind
from schemas.record import Record, Topic

Outputs = tuple[Record, ...]
StateKey = tuple[object, ...]
Step = Callable[[Any, Any], tuple[Any, Outputs]]
BatchStep = Callable[
    [Mapping[StateKey, Any], Sequence[Any]], tuple[Mapping[StateKey, Any], Sequence[Outputs]]
]
Refill = Callable[[Any, Sequence[Any]], Any]


class RecordRejected(Exception):
    """The record cannot be folded; its reason goes to the dead letters."""

    kind: ClassVar[DeadLetterKind] = "rejected"


class StepFailed(RecordRejected):
    """Any other exception of a step, as a driver raises it: a dead letter of kind "bug"."""

    kind = "bug"


@dataclass(frozen=True)
class Processor:
    """A pure step over the records of some topics, with one state per state key.

    Attributes:
        name: Of the processor and of its changelog, ``<name>.state.v1``.
        reads: Input topics.
        writes: Every topic it may write to.
        initial: State of a key never seen.
        step: ``(state, record) -> (state, outputs)``; mutates nothing.
        state_key: Fields of the record that select the state.
        step_batch: In place of ``step``, for all records of a poll at once:
            ``(states, records) -> (changed states, outputs of each record)``.
        window: Past inputs of a key that ``refill`` needs at restore, of each topic.
        refill: ``(state, last inputs in order) -> state``: rebuilds windows that are too long for
            the changelog.
        prepare: Loads compiled code, so that the first record does not wait for it.
        is_current: Whether this code can go on with a restored state; where one is of other code,
            the states of the chain are folded anew from its inputs.
        takes: The record types of ``reads``.
    """

    name: str
    reads: tuple[Topic, ...]
    writes: tuple[Topic, ...]
    initial: Record
    state_key: tuple[str, ...]
    step: Step | None = None
    step_batch: BatchStep | None = None
    window: int = 0
    refill: Refill | None = None
    prepare: Callable[[], None] | None = None
    is_current: Callable[[Any], bool] | None = None
    takes: frozenset[type[Record]] = field(init=False, repr=False)
    _key_fields: Callable[[Record], Any] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_key_fields", attrgetter(*self.state_key))
        object.__setattr__(self, "takes", frozenset(topic.record for topic in self.reads))
        if (self.step is None) == (self.step_batch is None):
            raise ValueError(f"processor {self.name} needs exactly one of step and step_batch")

    @property
    def changelog(self) -> str:
        """Name of the compacted topic that keeps its states."""
        return f"{self.name}.state.v1"

    def key_of(self, record: Record) -> StateKey:
        """Return the state key of one record."""
        key = self._key_fields(record)
        return key if len(self.state_key) > 1 else (key,)


StateRef = tuple[str, StateKey]  # processor name, state key
States = Mapping[StateRef, Record]


@dataclass(frozen=True)
class Rejection:
    """One record that a processor refused, and why."""

    processor: Processor
    record: Record
    kind: DeadLetterKind
    cause: str


@dataclass
class Changes:
    """The effect of some records: changed states by reference, outputs in order, rejections."""

    states: MutableMapping[StateRef, Record] = field(default_factory=dict)
    outputs: list[Record] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)


def fold(chain: Sequence[Processor], states: States, record: Record, into: Changes) -> None:
    """Run one record through a chain; each output is an input of the steps after it.

    Args:
        chain: Processors in flow order; they share the symbol as Kafka key.
        states: Committed states; never written to.
        record: One input of the chain.
        into: Collects the changes; its states supersede ``states``.

    Raises:
        Exception: Whatever a step raises beside ``RecordRejected``.
    """
    waiting: deque[Record] = deque((record,))
    while waiting:
        current = waiting.popleft()
        for processor in chain:
            if type(current) in processor.takes:
                waiting.extend(_advance(processor, states, current, into))


def _advance(processor: Processor, states: States, record: Record, into: Changes) -> Outputs:
    key = processor.key_of(record)
    reference = (processor.name, key)
    before = into.states.get(reference) or states.get(reference, processor.initial)
    try:
        if processor.step is not None:
            after, outputs = processor.step(before, record)
        else:
            assert processor.step_batch is not None  # noqa: S101 - __post_init__ promises it
            changed, batched = processor.step_batch({key: before}, [record])
            after, outputs = changed.get(key, before), batched[0]
    except RecordRejected as rejected:
        into.rejections.append(Rejection(processor, record, rejected.kind, str(rejected)))
        return ()
    if after is not before:
        into.states[reference] = after
    into.outputs.extend(outputs)
    return outputs
