"""Messages on Kafka: records with headers, changelog entries, dead letters. Pure."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import re
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from pydantic import ValidationError

from schemas.dead_letter import DeadLetter, DeadLetterKind
from schemas.record import Record, Topic
from schemas.telemetry import HEADER_GIT_COMMIT, HEADER_SCHEMA, HEADER_TRACE_ID
from schemas.topics import topic_of
from streams.processor import Processor, Rejection, StateKey

Headers = list[tuple[str, bytes]]
Partition = tuple[str, int]  # topic name, partition number

TIMEFRAME = "timeframe_ms"  # field of every record of a bar
SHOWN_ERRORS = 3  # of one undecodable record; the first ones name the fault


class Stored(NamedTuple):
    """A message as it lies on a partition."""

    topic: str
    partition: int
    offset: int
    append_time_ms: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]

    @property
    def source(self) -> Partition:
        """Topic and partition it was read from."""
        return self.topic, self.partition


class Received(NamedTuple):
    """A decoded record and where it was read."""

    stored: Stored
    record: Record
    trace_id: str


class Unreadable(NamedTuple):
    """A message that is no record of its topic, with the cause."""

    stored: Stored
    cause: str
    trace_id: str


class Outgoing(NamedTuple):
    """A message to write; partition -1 means by key."""

    topic: str
    key: bytes | None
    value: bytes | None  # None: what the key had is taken off a compacted topic
    headers: Headers
    partition: int = -1


class Stamp(NamedTuple):
    """Trace id and commit of an outgoing message."""

    trace_id: str
    git_commit: str

    def headers(self, record_type: type[Record]) -> Headers:
        """Return the three headers of a record."""
        return [
            (HEADER_TRACE_ID, self.trace_id.encode()),
            *steady_headers(record_type, self.git_commit),
        ]


def record_message(record: Record, trace_id: str | None, git_commit: str) -> Outgoing:
    """Return the message of a record; it carries on a trace, or starts one without an id."""
    topic = topic_of(record)
    derived = trace_id or derive_trace_id(topic.name, topic.key_of(record), event_time(record))
    return outgoing(topic, record, Stamp(derived, git_commit))


@functools.cache
def steady_headers(record_type: type[Record], git_commit: str) -> tuple[tuple[str, bytes], ...]:
    """Return the headers that are the same for all records of a type."""
    return (HEADER_SCHEMA, schema_header(record_type)), (HEADER_GIT_COMMIT, git_commit.encode())


@functools.cache
def schema_header(record_type: type[Record]) -> bytes:
    """Return the value of the ``schema`` header, e.g. ``Bar.v1``."""
    return record_type.schema_name().encode()


def event_time(record: Record) -> int:
    """Return the time that orders a record: its event time, else its effective time, else 0."""
    time_ms = getattr(record, "event_time_ms", None)
    return int(getattr(record, "effective_from_ms", 0) if time_ms is None else time_ms)


def derive_trace_id(topic: str, key: str, event_time_ms: int) -> str:
    """Return the trace id of a record without one: the same after every redelivery."""
    return hashlib.sha256(f"{topic}|{key}|{event_time_ms}".encode()).hexdigest()[:32]


def received(topic: Topic, stored: Stored) -> Received | Unreadable:
    """Decode a message as the record of its topic.

    A ``schema`` header must name that record; a message without one is judged by its body.
    """
    trace_id, schema = "", None
    for name, value in stored.headers:
        if name == HEADER_TRACE_ID:
            trace_id = (value or b"").decode(errors="replace")
        elif name == HEADER_SCHEMA:
            schema = value
    if schema is not None and schema != schema_header(topic.record):
        name = schema.decode(errors="replace")
        return Unreadable(
            stored, f"schema {name!r}, expected {topic.record.schema_name()!r}", trace_id
        )
    if stored.value is None:
        return Unreadable(stored, f"no value, expected {topic.record.schema_name()}", trace_id)
    try:
        record = topic.record.decode(stored.value)
    except ValidationError as invalid:
        return Unreadable(stored, _cause(invalid), trace_id)
    key = topic.key_of(record) if topic.key else ""
    return Received(
        stored, record, trace_id or derive_trace_id(topic.name, key, event_time(record))
    )


def written_timeframe(timeframes_ms: Collection[object]) -> Callable[[Stored], bool]:
    """Return whether a message can be of one of some timeframes, told without decoding it."""
    any_of = "|".join(map(str, timeframes_ms))
    written = re.compile(rf'"{TIMEFRAME}"\s*:\s*(?:{any_of})\b'.encode())
    return lambda stored: stored.value is None or written.search(stored.value) is not None


def misplaced(topic: Topic, message: Received) -> Unreadable | None:
    """Return the fault of a record whose Kafka key is not its own key, else None.

    Such a record may lie on a partition that does not hold its state.
    """
    expected = topic.key_of(message.record)
    if message.stored.key == expected.encode():
        return None
    key = (message.stored.key or b"").decode(errors="replace")
    return Unreadable(message.stored, f"key {key!r}, expected {expected!r}", message.trace_id)


def _cause(invalid: ValidationError) -> str:
    errors = invalid.errors(include_url=False, include_input=False)
    shown = [
        f"{'.'.join(map(str, error['loc'])) or 'record'}: {error['msg']}"
        for error in errors[:SHOWN_ERRORS]
    ]
    if len(errors) > SHOWN_ERRORS:
        shown.append(f"and {len(errors) - SHOWN_ERRORS} more")
    return "; ".join(shown)


def outgoing(topic: Topic, record: Record, stamp: Stamp) -> Outgoing:
    """Return the message of a record for its topic, keyed as the topic table says."""
    return Outgoing(
        topic.name, topic.key_of(record).encode(), record.encode(), stamp.headers(type(record))
    )


def changelog_topic(processor: Processor) -> Topic:
    """Return the row of a processor's changelog; its Kafka key is the state key as JSON."""
    return Topic(processor.changelog, type(processor.initial), "", "States", compact=True)


def changelog_entry(
    processor: Processor, key: StateKey, state: Record | None, partition: int, git_commit: str
) -> Outgoing:
    """Return the message that keeps a state; it lies on the partition of the state's inputs.

    It carries no trace: many records make one state. Without a state it takes the key off.
    """
    name = json.dumps(key, separators=(",", ":")).encode()
    headers = list(steady_headers(type(processor.initial), git_commit))
    value = None if state is None else state.encode()
    return Outgoing(processor.changelog, name, value, headers, partition)


def state_key(raw: bytes | None) -> StateKey:
    """Return the state key of a changelog message."""
    return tuple(json.loads(raw or b"[]"))


def dead_letter_topic(topic: Topic) -> Topic:
    """Return the row of a topic's dead letters."""
    return Topic(topic.dead_letters, DeadLetter, "key", f"What was refused from {topic.name}")


def dead_letter(
    stored: Stored, consumer: str, kind: DeadLetterKind, cause: str, trace_id: str = ""
) -> DeadLetter:
    """Return the dead letter of a message.

    Args:
        stored: The message, see ``never_stored`` for one that did not get to a topic.
        consumer: The processor or worker that refused it.
        kind: Whether it could not be decoded, was refused, or met a bug.
        cause: For people, in one line.
        trace_id: Of the message.
    """
    return DeadLetter(
        topic=stored.topic,
        partition=stored.partition,
        offset=stored.offset,
        key=None if stored.key is None else stored.key.decode(errors="replace"),
        consumer=consumer,
        kind=kind,
        cause=cause,
        payload_base64=base64.b64encode(stored.value or b"").decode(),
        event_time_ms=max(stored.append_time_ms, 0),
        trace_id=trace_id,
    )


def never_stored(topic: str, key: bytes | None, value: bytes, time_ms: int) -> Stored:
    """Return a message that did not get to its topic: partition and offset are -1."""
    return Stored(topic, -1, -1, time_ms, key, value, ())


def rejected_letter(rejection: Rejection, origin: Received) -> DeadLetter:
    """Return the dead letter of a record that a processor refused.

    ``origin`` is the consumed record. A record that a chain made from it has no partition and
    offset of its own yet.
    """
    if rejection.record is origin.record:
        stored = origin.stored
    else:
        stored = _unwritten(rejection.record, origin.stored.append_time_ms)
    name = rejection.processor.name
    return dead_letter(stored, name, rejection.kind, rejection.cause, origin.trace_id)


def replayed_letter(rejection: Rejection) -> DeadLetter:
    """Return the dead letter of a record that was never on Kafka; its time is its event time."""
    record = rejection.record
    stored = _unwritten(record, getattr(record, "event_time_ms", 0))
    return dead_letter(stored, rejection.processor.name, rejection.kind, rejection.cause)


def _unwritten(record: Record, time_ms: int) -> Stored:
    topic = topic_of(record)
    return never_stored(topic.name, topic.key_of(record).encode(), record.encode(), time_ms)


def letter_message(letter: DeadLetter, key: bytes | None, stamp: Stamp) -> Outgoing:
    """Return the message of a dead letter, keyed as the record it holds was."""
    headers = stamp.headers(DeadLetter)
    return Outgoing(f"{letter.topic}.dlq", key, letter.encode(), headers)
