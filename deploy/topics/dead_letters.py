"""Dead letters and what an operator did about them: open, replayed or dropped.

Kafka keeps every letter. Its state follows from ``operators.audit.v1``: a letter without an entry
there is open. The process ``letters`` decides what is commanded here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import uuid4

from deploy.topics.commands import OUTCOME_WITHIN_S, send_commands
from schemas.commands import CommandOutcome
from schemas.dead_letter import DeadLetter, LetterState, letter_name, settled_state
from schemas.letters import LetterCommand
from schemas.record import Topic
from schemas.status import OperatorAction
from schemas.topics import OPERATOR_AUDIT, TOPICS
from streams.processor import Processor
from streams.runtime.codec import Stored, dead_letter_topic
from streams.runtime.reader import Reader
from streams.runtime.settings import KafkaSettings
from streams.topology import PROCESSORS, WORKERS, Worker


class LettersRefused(ValueError):
    """The letters cannot be chosen, replayed or dropped; the message says which one and why."""


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
    return {row.subject: state for row in actions if (state := settled_state(row)) is not None}


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
class LetterOrder:
    """What is to become of letters, who says so, when (wall clock) and why."""

    action: Literal["replay", "drop"]
    by: str
    at_ms: int
    reason: str = ""
    dry_run: bool = False


def settle_letters(
    kafka: KafkaSettings,
    letters: Sequence[StoredLetter],
    order: LetterOrder,
    within_s: float = OUTCOME_WITHIN_S,
) -> list[CommandOutcome]:
    """Command the process ``letters``; return how it decides each letter, in their order.

    Raises:
        LettersRefused: A letter is not open, or the process has not decided all of them in time.
        Fatal: The cluster did not take the commands, or does not answer.
    """
    _require_open(letters)
    commands = [letter_command(stored, order) for stored in letters]
    # What goes back to its topic keeps the trace that it had.
    traced = [(each, each.letter.trace_id if each.letter else None) for each in commands]
    outcomes = send_commands(kafka, traced, within_s)
    late = [each.letter_id for each in commands if each.command_id not in outcomes]
    if late:
        raise LettersRefused(
            f"not decided within {within_s:.0f} s: {', '.join(late)}. The process letters decides "
            "them once it runs; `topics dlq list --all` shows it"
        )
    return [outcomes[each.command_id] for each in commands]


def letter_command(stored: StoredLetter, order: LetterOrder) -> LetterCommand:
    """Return the command about one letter."""
    return LetterCommand(
        command_id=str(uuid4()),
        event_time_ms=order.at_ms,
        by=order.by,
        reason=order.reason,
        dry_run=order.dry_run,
        letter_id=stored.id,
        action=order.action,
        letter=stored.letter if order.action == "replay" else None,
    )


def _require_open(letters: Sequence[StoredLetter]) -> None:
    done = next((stored for stored in letters if stored.state != "open"), None)
    if done is not None:
        raise LettersRefused(f"{done.id} was {done.state} before; expected an open letter")
