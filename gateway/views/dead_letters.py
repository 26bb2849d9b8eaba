"""View of dead letters: those that are open, by the topic whose records were refused.

A letter is settled once ``operators.audit.v1`` says that it was replayed or dropped. Its audit
entry may be read before the letter itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from schemas.dead_letter import DeadLetter, LetterState, letter_name, settled_state
from schemas.status import OperatorAction

LETTERS = 10_000  # held of a topic; the oldest leave, and `topics dlq list` counts them all
NAMES = 100  # of a cause; `topics dlq list --each` names them all


@dataclass(frozen=True)
class DeadLetterCount:
    """How many records of a topic were rejected in the window read and are open, and the newest."""

    count: int
    newest: DeadLetter


@dataclass(frozen=True)
class DeadLetterGroup:
    """Open letters of a topic that have one cause.

    Attributes:
        topic: Whose records were refused.
        names: Of up to ``NAMES`` letters, oldest first.
        count: Of all of them.
        name: Of the newest.
        newest: That letter.
    """

    topic: str
    names: tuple[str, ...]
    count: int
    name: str
    newest: DeadLetter


class OpenLetters:
    """The open letters of the window that is read; their bytes stay on their topic."""

    def __init__(self) -> None:
        self._open: dict[str, dict[str, DeadLetter]] = {}  # by topic, then by name, oldest first
        self._settled: dict[str, LetterState] = {}

    def put(self, letter: DeadLetter, partition: int, offset: int) -> None:
        """Take a letter from its place; one that is settled changes nothing."""
        name = letter_name(f"{letter.topic}.dlq", partition, offset)
        if name not in self._settled:
            without_bytes = letter.model_copy(update={"payload_base64": ""})
            letters = self._open.setdefault(letter.topic, {})
            letters[name] = without_bytes
            if len(letters) > LETTERS:
                del letters[next(iter(letters))]

    def settle(self, action: OperatorAction) -> None:
        """Take what an operator did; only a letter that was replayed or dropped is settled."""
        state = settled_state(action)
        if state is None:
            return
        self._settled[action.subject] = state
        topic = action.subject.rpartition("/")[0].removesuffix(".dlq")
        letters = self._open.get(topic, {})
        letters.pop(action.subject, None)
        if not letters:
            self._open.pop(topic, None)

    def state(self, name: str) -> LetterState | None:
        """Return the state of a letter; None for one that is not known here."""
        topic = name.rpartition("/")[0].removesuffix(".dlq")
        if name in self._open.get(topic, ()):
            return "open"
        return self._settled.get(name)

    def by_cause(self) -> Iterator[DeadLetterGroup]:
        """Yield the open letters by topic and cause, the most of a topic first."""
        for topic, letters in self._open.items():
            causes: dict[tuple[str, str], list[str]] = {}
            for name, each in letters.items():
                causes.setdefault((each.kind, each.cause), []).append(name)
            for names in sorted(causes.values(), key=len, reverse=True):
                newest = letters[names[-1]]
                yield DeadLetterGroup(topic, tuple(names[:NAMES]), len(names), names[-1], newest)

    def counts(self) -> dict[str, DeadLetterCount]:
        """Return how many letters are open by topic, without the topics that have none."""
        return {
            topic: DeadLetterCount(len(letters), next(reversed(letters.values())))
            for topic, letters in self._open.items()
        }
