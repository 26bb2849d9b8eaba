"""The records of a span on the topics: the place of each, and the digest of its bytes."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from schemas.ideas import IdeaEvent
from schemas.market import LedgerEntry, LedgerKind
from schemas.record import Record, Topic
from schemas.topics import (
    BARS,
    FEATURE_VECTORS,
    IDEAS,
    LEDGER,
    PREDICTIONS,
    REGIME_PROBABILITIES,
    SCORED_SIGNALS,
    SIGNALS,
    topic_named,
    topic_of,
)
from streams.runtime.codec import Partition, Received, Unreadable, event_time
from streams.runtime.reader import Reader
from streams.runtime.settings import KafkaSettings
from workers.research.replay.recompute import MADE, Span

# Ingest writes to the ledger too; only the market processor writes these kinds.
RECOMPUTED_KINDS: frozenset[LedgerKind] = frozenset(
    {
        "gap",
        "repaired",
        "duplicate",
        "late",
        "correction",
        "partial",
        "zero_volume",
        "rejected",
    }
)

# One transaction writes every record of a bar. The topic with a record for every bar shows how far
# its writer has come: only a newer record counts as not written yet.
PROGRESS_TOPICS = {
    BARS: BARS,
    LEDGER: BARS,
    FEATURE_VECTORS: BARS,
    REGIME_PROBABILITIES: BARS,
    PREDICTIONS: PREDICTIONS,
    SIGNALS: SIGNALS,
    SCORED_SIGNALS: SIGNALS,
    IDEAS: SIGNALS,
}

Identity = tuple[str, str, int, int, str]  # topic, symbol, timeframe, event time, kind


@dataclass(frozen=True)
class LogEntry:
    """The place of a record and the digest of its bytes."""

    source: Partition
    offset: int
    digest: bytes


class TopicLog:
    """The records of a span by identity; a comparison takes out each record that it matches."""

    def __init__(self, kafka: KafkaSettings, span: Span, topics: Sequence[Topic] = MADE) -> None:
        self._kafka, self.topics = kafka, tuple(topics)
        self.entries: dict[Identity, list[LogEntry]] = defaultdict(list)
        self.newest: dict[Identity, int] = defaultdict(lambda: -1)
        self.unreadable: list[Unreadable] = []
        progress = dict.fromkeys(PROGRESS_TOPICS[topic] for topic in self.topics)
        rest = [topic for topic in self.topics if topic not in progress]
        # One after the other: the rest then holds all that was written together with the newest
        # record of the topics that show progress, also while their writers run.
        for read in filter(None, (list(progress), rest)):
            with Reader(kafka, read) as reader:
                for message in reader.read_to_end(unreadable=self._add_unreadable):
                    self._add(message, span)

    def _add(self, message: Received, span: Span) -> None:
        stored, record = message.stored, message.record
        wanted = topic_named(stored.topic) in self.topics
        if wanted and span.holds(record) and _is_recomputed(record):
            entry = LogEntry(stored.source, stored.offset, value_digest(stored.value or b""))
            self.entries[record_identity(record)].append(entry)
        if topic_of(record) in PROGRESS_TOPICS.values():
            series = writer_series(record)
            self.newest[series] = max(self.newest[series], event_time(record))

    def _add_unreadable(self, message: Unreadable) -> None:
        if topic_named(message.stored.topic) in self.topics:
            self.unreadable.append(message)

    def take(self, record: Record) -> LogEntry | None:
        """Take out the first entry with the identity of a record; None when there is none."""
        identity = record_identity(record)
        entries = self.entries.get(identity)
        if not entries:
            return None
        entry = entries.pop(0)
        if not entries:
            del self.entries[identity]
        return entry

    def read_value(self, entry: LogEntry) -> bytes:
        """Read the value of an entry again.

        Raises:
            ValueError: Retention has removed it.
        """
        topic = topic_named(entry.source[0])
        start, until = {entry.source: entry.offset}, {entry.source: entry.offset + 1}
        with Reader(self._kafka, (topic,), start, until) as reader:
            for message in reader.read_to_end():
                if message.stored.offset == entry.offset:
                    return message.stored.value or b""
        raise ValueError(f"{entry.source} offset {entry.offset} can no longer be read")


def record_identity(record: Any) -> Identity:
    """Return the fields that name a record on its topic, whatever its content."""
    kind = ""
    if isinstance(record, LedgerEntry):
        kind = record.kind
    elif isinstance(record, IdeaEvent):  # one may end at the open where another one enters
        kind = f"{record.idea_id} {record.action}"
    topic = topic_of(record).name
    return (topic, record.symbol, record.timeframe_ms, record.event_time_ms, kind)


def writer_series(record: Any) -> Identity:
    """Return the series whose newest record shows how far the writer of this record has come."""
    return (PROGRESS_TOPICS[topic_of(record)].name, record.symbol, record.timeframe_ms, 0, "")


def _is_recomputed(record: Record) -> bool:
    return not isinstance(record, LedgerEntry) or record.kind in RECOMPUTED_KINDS


def value_digest(value: bytes) -> bytes:
    """Return a digest of 16 bytes."""
    return hashlib.blake2b(value, digest_size=16).digest()
