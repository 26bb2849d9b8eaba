"""Dead letters and what an operator did about them: open, replayed or dropped.

Kafka keeps every letter. Its state follows from ``operators.audit.v1``: a letter without an entry
there is open.
"""

from __future__ import annotations

import base64
import binascii
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from schemas.dead_letter import SETTLED_BY, DeadLetter, LetterState, letter_name
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

# Commands, requests and inputs of promotion: a repeated one changes no other record. The other
# topics are symbol chains, whose records depend on their order.
REPLAYABLE = frozenset({PREDICTION_REQUESTS, TRAINING_REQUESTS, MODELS_REGISTERED, HISTORY})


class LettersRefused(ValueError):
    """The letters cannot be replayed or dropped; the message says which one and why."""


@dataclass(frozen=True)
class StoredLetter:
    """One dead letter with its place on the topic and its state."""

    id: str
    letter: DeadLetter
    seen_ms: int
    state: LetterState = "open"


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
    """Chooses letters: every field that is set must fit.

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
        """Whether it chooses every letter."""
        return not (self.ids or self.topic or self.consumer or self.kind or self.cause)

    def fits(self, stored: StoredLetter) -> bool:
        """Whether it chooses a letter; ``cause`` may be a part of the letter's."""
        letter = stored.letter
        return (
            (not self.ids or stored.id in self.ids)
            and self.topic in (None, letter.topic)
            and self.consumer in (None, letter.consumer)
            and self.kind in (None, letter.kind)
            and (self.cause is None or self.cause in letter.cause)
        )


def consumed_topics() -> tuple[Topic, ...]:
    """Return every topic that has dead letters, in flow order."""
    rows: tuple[Processor | Worker, ...] = (*PROCESSORS, *WORKERS)
    read = {topic for row in rows for topic in row.reads}
    return tuple(topic for topic in TOPICS if topic in read)


def read_letters(kafka: KafkaSettings, wanted: LetterFilter) -> list[StoredLetter]:
    """Return the letters that fit with their states, by topic and time.

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
    return letter_name(stored.topic, stored.partition, stored.offset)


def _read_states(kafka: KafkaSettings) -> dict[str, LetterState]:
    with Reader(kafka, (OPERATOR_AUDIT,)) as reader:
        records = [message.record for message in reader.read_to_end()]
    actions = [record for record in records if isinstance(record, OperatorAction)]
    return {row.subject: SETTLED_BY[row.action] for row in actions if row.action in SETTLED_BY}


def group_letters(letters: Iterable[StoredLetter]) -> list[LetterGroup]:
    """Group letters by topic, consumer, kind and cause, in the order of their first letter."""
    groups: dict[tuple[str, str, str, str], list[StoredLetter]] = defaultdict(list)
    for stored in letters:
        letter = stored.letter
        groups[letter.topic, letter.consumer, letter.kind, letter.cause].append(stored)
    return [
        LetterGroup(
            *key,
            count=len(members),
            first_seen_ms=min(stored.seen_ms for stored in members),
            last_seen_ms=max(stored.seen_ms for stored in members),
            ids=tuple(stored.id for stored in members),
        )
        for key, members in groups.items()
    ]


@dataclass(frozen=True)
class AuditStamp:
    """Who replays or drops letters, when (wall clock) and why."""

    by: str
    at_ms: int
    reason: str = ""


def replay_letters(
    kafka: KafkaSettings, letters: Sequence[StoredLetter], stamp: AuditStamp
) -> None:
    """Publish the original bytes under their key, and audit entries, in one transaction.

    Raises:
        LettersRefused: A letter is not open, or records of its topic cannot be repeated.
        Aborted, Fatal: The cluster did not commit.
    """
    _require_open(letters)
    originals = [original_message(stored) for stored in letters]
    _commit(kafka, originals, letters, "dlq.replay", stamp)


def drop_letters(kafka: KafkaSettings, letters: Sequence[StoredLetter], stamp: AuditStamp) -> None:
    """Close letters by an audit entry; they stay on their topic.

    Raises:
        LettersRefused: A letter is not open, or the reason is empty.
        Aborted, Fatal: The cluster did not commit.
    """
    _require_open(letters)
    if not stamp.reason.strip():
        raise LettersRefused("dropping needs a reason (--reason TEXT); it is kept for ever")
    _commit(kafka, [], letters, "dlq.drop", stamp)


def original_message(stored: StoredLetter) -> Outgoing:
    """Return the rejected message, addressed to its topic.

    It lacks the schema header, which a letter does not keep; its reader checks the body alone.

    Raises:
        LettersRefused: Its topic is part of a symbol chain, or the letter holds no bytes.
    """
    letter = stored.letter
    topic = topic_named(letter.topic)
    if topic not in REPLAYABLE:
        commands = ", ".join(sorted(row.name for row in REPLAYABLE))
        raise LettersRefused(
            f"{stored.id} came from {topic.name}, a symbol chain: its records count in their "
            "order, so ingest's gap repair mends it from the exchange. Drop the letter once it is "
            f"understood; only {commands} can be replayed"
        )
    try:
        payload = base64.b64decode(letter.payload_base64, validate=True)
    except binascii.Error:
        raise LettersRefused(f"{stored.id} does not hold base64; drop it") from None
    if not payload:
        raise LettersRefused(f"{stored.id} holds no bytes to replay; drop it")
    headers: Headers = [(HEADER_TRACE_ID, letter.trace_id.encode())] if letter.trace_id else []
    key = None if letter.key is None else letter.key.encode()
    return Outgoing(topic.name, key, payload, headers)


def _require_open(letters: Sequence[StoredLetter]) -> None:
    done = next((stored for stored in letters if stored.state != "open"), None)
    if done is not None:
        raise LettersRefused(f"{done.id} was {done.state} before; expected an open letter")


def _commit(
    kafka: KafkaSettings,
    messages: Sequence[Outgoing],
    letters: Sequence[StoredLetter],
    action: str,
    stamp: AuditStamp,
) -> None:
    entries = [
        OperatorAction(
            action=action,
            event_time_ms=stamp.at_ms,
            by=stamp.by,
            subject=stored.id,
            reason=stamp.reason,
        )
        for stored in letters
    ]
    audit = [record_message(entry, None, kafka.git_commit) for entry in entries]
    Transactions(kafka, "operator").commit([*messages, *audit], {}, None)
