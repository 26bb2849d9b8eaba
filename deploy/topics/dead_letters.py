"""Dead letters as an operator works through them: open ones, replayed ones, dropped ones.

Kafka keeps every record, so nothing is deleted here: what became of a letter stands in
``operators.audit.v1``, and a letter without an entry there is open.
"""

from __future__ import annotations

import base64
import binascii
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from schemas.dead_letter import DeadLetter
from schemas.record import Topic
from schemas.status import OperatorAction
from schemas.telemetry import HEADER_TRACE_ID
from schemas.topics import (
    HISTORY,
    MODELS_REGISTERED,
    OPERATOR_AUDIT,
    PREDICTION_REQUESTS,
    TOPICS,
    TRAINING_REQUESTS,
    topic_named,
)
from streams.processor import Processor
from streams.runtime.client import Transactions
from streams.runtime.codec import Headers, Outgoing, Stored, dead_letter_topic, record_message
from streams.runtime.reader import Reader
from streams.runtime.settings import KafkaSettings
from streams.topology import PROCESSORS, WORKERS, Worker

State = Literal["open", "replayed", "dropped"]
ACTIONS: dict[str, State] = {"dlq.replay": "replayed", "dlq.drop": "dropped"}

# Commands, requests and what promotion decides on: taking one in again changes nothing else. The
# other topics are symbol chains, whose records count in their order.
REPLAYABLE = frozenset({PREDICTION_REQUESTS, TRAINING_REQUESTS, MODELS_REGISTERED, HISTORY})


class LettersRefused(ValueError):
    """The letters cannot be dealt with as asked; the message says which and why."""


@dataclass(frozen=True)
class StoredLetter:
    """One dead letter, where it lies, and what became of it."""

    id: str
    letter: DeadLetter
    seen_ms: int
    state: State = "open"


@dataclass(frozen=True)
class LetterGroup:
    """Letters with one cause."""

    topic: str
    consumer: str
    kind: str
    cause: str
    count: int
    first_seen_ms: int
    last_seen_ms: int
    ids: tuple[str, ...]


@dataclass(frozen=True)
class LetterFilter:
    """Which letters are meant; all fields given must fit.

    Raises:
        LettersRefused: It names a topic without dead letters.
    """

    ids: Collection[str] = ()
    topic: str | None = None
    consumer: str | None = None
    kind: str | None = None
    cause: str | None = None

    def __post_init__(self) -> None:
        known = [topic.name for topic in consumed_topics()]
        if self.topic is not None and self.topic not in known:
            raise LettersRefused(
                f"topic {self.topic!r} has no dead letters; expected one of {', '.join(known)}"
            )

    @property
    def empty(self) -> bool:
        """Whether it lets everything through."""
        return not (self.ids or self.topic or self.consumer or self.kind or self.cause)

    def fits(self, letter: StoredLetter) -> bool:
        """Whether a letter is meant; ``cause`` may be a part of it."""
        inside = letter.letter
        return (
            (not self.ids or letter.id in self.ids)
            and self.topic in (None, inside.topic)
            and self.consumer in (None, inside.consumer)
            and self.kind in (None, inside.kind)
            and (self.cause is None or self.cause in inside.cause)
        )


def consumed_topics() -> tuple[Topic, ...]:
    """Return every topic that has dead letters, in flow order."""
    rows: tuple[Processor | Worker, ...] = (*PROCESSORS, *WORKERS)
    read = {topic for row in rows for topic in row.reads}
    return tuple(topic for topic in TOPICS if topic in read)


def read_letters(kafka: KafkaSettings, wanted: LetterFilter) -> list[StoredLetter]:
    """Return the letters that fit, by topic and offset, with what became of each.

    Raises:
        Fatal: The cluster does not answer, or a topic is missing.
    """
    topics = [t for t in consumed_topics() if wanted.topic in (None, t.name)]
    read = [dead_letter_topic(topic) for topic in topics]
    states = _read_states(kafka)
    letters = []
    with Reader(kafka, read) as reader:
        for message in reader.read_to_end():
            if isinstance(message.record, DeadLetter):
                name = letter_id(message.stored)
                seen_ms = message.stored.append_time_ms
                letter = StoredLetter(name, message.record, seen_ms, states.get(name, "open"))
                letters.append(letter)
    order = {row.name: number for number, row in enumerate(read)}
    letters.sort(key=lambda letter: (order[letter.id.rpartition("/")[0]], letter.seen_ms))
    return [letter for letter in letters if wanted.fits(letter)]


def letter_id(stored: Stored) -> str:
    """Return the name under which a letter is listed, replayed and dropped."""
    return f"{stored.topic}/{stored.partition}@{stored.offset}"


def _read_states(kafka: KafkaSettings) -> dict[str, State]:
    with Reader(kafka, (OPERATOR_AUDIT,)) as reader:
        records = [message.record for message in reader.read_to_end()]
    actions = [record for record in records if isinstance(record, OperatorAction)]
    return {each.subject: ACTIONS[each.action] for each in actions if each.action in ACTIONS}


def group_letters(found: Iterable[StoredLetter]) -> list[LetterGroup]:
    """Return letters by topic, consumer, kind and cause, in the order of their first."""
    groups: dict[tuple[str, str, str, str], list[StoredLetter]] = defaultdict(list)
    for each in found:
        inside = each.letter
        groups[inside.topic, inside.consumer, inside.kind, inside.cause].append(each)
    return [
        LetterGroup(
            *key,
            count=len(members),
            first_seen_ms=min(letter.seen_ms for letter in members),
            last_seen_ms=max(letter.seen_ms for letter in members),
            ids=tuple(letter.id for letter in members),
        )
        for key, members in groups.items()
    ]


@dataclass(frozen=True)
class AuditStamp:
    """Who deals with letters, when (wall clock) and why."""

    by: str
    at_ms: int
    reason: str = ""


def replay_letters(kafka: KafkaSettings, chosen: Sequence[StoredLetter], order: AuditStamp) -> None:
    """Publish the original bytes again under their key, and say so, in one transaction.

    Raises:
        LettersRefused: One of them is not open, or its topic is mended in another way.
        Aborted, Fatal: The cluster did not take them.
    """
    _require_open(chosen)
    originals = [original_message(each) for each in chosen]
    _commit(kafka, originals, chosen, "dlq.replay", order)


def drop_letters(kafka: KafkaSettings, chosen: Sequence[StoredLetter], order: AuditStamp) -> None:
    """Say that letters need nothing more; they stay on their topic.

    Raises:
        LettersRefused: One of them is not open, or no reason is given.
        Aborted, Fatal: The cluster did not take it.
    """
    _require_open(chosen)
    if not order.reason.strip():
        raise LettersRefused("dropping needs a reason (--reason TEXT); it is kept for ever")
    _commit(kafka, [], chosen, "dlq.drop", order)


def original_message(each: StoredLetter) -> Outgoing:
    """Return the message that a letter holds, for the topic it came from.

    Without the schema header, which was not kept: the record is judged by its body.

    Raises:
        LettersRefused: Its topic is part of a symbol chain, or it holds no bytes.
    """
    inside = each.letter
    topic = topic_named(inside.topic)
    if topic not in REPLAYABLE:
        commands = ", ".join(sorted(row.name for row in REPLAYABLE))
        raise LettersRefused(
            f"{each.id} came from {topic.name}, a symbol chain: its records count in their order, "
            "so ingest's gap repair mends it from the exchange. Drop the letter once it is "
            f"understood; only {commands} can be replayed"
        )
    try:
        payload = base64.b64decode(inside.payload_base64, validate=True)
    except binascii.Error:
        raise LettersRefused(f"{each.id} does not hold base64; drop it") from None
    if not payload:
        raise LettersRefused(f"{each.id} holds no bytes to replay; drop it")
    headers: Headers = [(HEADER_TRACE_ID, inside.trace_id.encode())] if inside.trace_id else []
    key = None if inside.key is None else inside.key.encode()
    return Outgoing(topic.name, key, payload, headers)


def _require_open(chosen: Sequence[StoredLetter]) -> None:
    done = next((each for each in chosen if each.state != "open"), None)
    if done is not None:
        raise LettersRefused(f"{done.id} was {done.state} before; expected an open letter")


def _commit(
    kafka: KafkaSettings,
    messages: Sequence[Outgoing],
    chosen: Sequence[StoredLetter],
    action: str,
    order: AuditStamp,
) -> None:
    entries = [
        OperatorAction(
            action=action,
            event_time_ms=order.at_ms,
            by=order.by,
            subject=each.id,
            reason=order.reason,
        )
        for each in chosen
    ]
    audit = [record_message(entry, None, kafka.git_commit) for entry in entries]
    Transactions(kafka, "operator").commit([*messages, *audit], {}, None)
