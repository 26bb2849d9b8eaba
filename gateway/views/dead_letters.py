"""View of dead letters: those that are open, by the topic whose records were refused.

A letter is settled once ``operators.audit.v1`` says that it was replayed or dropped. Its audit
entry may be read before the letter itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from schemas.dead_letter import SETTLED_BY, DeadLetter, letter_name
from schemas.status import OperatorAction

LETTERS = 10_000  # held of a topic; the oldest leave, and `topics dlq list` counts them all


@dataclass(frozen=True)
class DeadLetterCount:
    """How many records of a topic were rejected in the window read and are open, and the newest."""

    count: int
    newest: DeadLetter


@dataclass(frozen=True)
class DeadLetterGroup:
    """How many open letters of a topic have one cause; the name of the newest, and that letter."""

    topic: str
    count: int
    name: str
    newest: DeadLetter


class OpenLetters:
    """The open letters of the window that is read; their bytes stay on their topic."""

    def __init__(self) -> None:
        self._open: dict[str, dict[str, DeadLetter]] = {}  # by topic, then by name, oldest first
        self._settled: set[str] = set()

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
        if action.action not in SETTLED_BY:
            return
        self._settled.add(action.subject)
        topic = action.subject.rpartition("/")[0].removesuffix(".dlq")
        letters = self._open.get(topic, {})
        letters.pop(action.subject, None)
        if not letters:
            self._open.pop(topic, None)

    def by_cause(self) -> Iterator[DeadLetterGroup]:
        """Yield the open letters by topic and cause, the most of a topic first."""
        for topic, letters in self._open.items():
            causes = Counter((each.kind, each.cause) for each in letters.values())
            newest = {(each.kind, each.cause): (name, each) for name, each in letters.items()}
            for cause, count in causes.most_common():
                yield DeadLetterGroup(topic, count, *newest[cause])

    def counts(self) -> dict[str, DeadLetterCount]:
        """Return how many letters are open by topic, without the topics that have none."""
        return {
            topic: DeadLetterCount(len(letters), next(reversed(letters.values())))
            for topic, letters in self._open.items()
        }
