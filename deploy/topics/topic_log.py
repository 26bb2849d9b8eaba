"""What the topics hold of a span: where every record lies, and the digest of its bytes."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from schemas.market import LedgerEntry, LedgerKind
from schemas.record import Record, Topic
from schemas.topics import (
    BARS,
    FEATURE_VECTORS,
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

# Ingest writes to the ledger too; these kinds are found by the market processor alone.
RECOMPUTED_KINDS: frozenset[LedgerKind] = frozenset(
    {"gap", "repaired", "duplicate", "late", "correction", "zero_volume"}
)

# One transaction writes what a bar leads to: the topic that has a record for every bar says how far
# its writer has come, so that only what is newer counts as not written yet.
PROGRESS_TOPICS = {
    BARS: BARS,
    LEDGER: BARS,
    FEATURE_VECTORS: BARS,
    REGIME_PROBABILITIES: BARS,
    PREDICTIONS: PREDICTIONS,
    SIGNALS: SIGNALS,
    SCORED_SIGNALS: SIGNALS,
}

Identity = tuple[str, str, int, int, str]  # topic, symbol, timeframe, event time, kind
Progress = Callable[[int, int], None]  # offsets read, offsets in all


@dataclass(frozen=True)
class LogEntry:
    """Where a record lies and the digest of its bytes."""

    source: Partition
    offset: int
    digest: bytes


class TopicLog:
    """What the topics hold of a span, by identity, taken out as it is found to be right."""

    def __init__(self, kafka: KafkaSettings, span: Span, topics: Sequence[Topic] = MADE) -> None:
        self._kafka, self.topics = kafka, tuple(topics)
        self.held: dict[Identity, list[LogEntry]] = defaultdict(list)
        self.newest: dict[Identity, int] = defaultdict(lambda: -1)
        self.unreadable: list[Unreadable] = []
        read = dict.fromkeys((*self.topics, *(PROGRESS_TOPICS[topic] for topic in self.topics)))
        for message in read_to_end(Reader(kafka, tuple(read))):
            wanted = topic_named(message.stored.topic) in self.topics
            if isinstance(message, Unreadable):
                self.unreadable += [message] if wanted else []
                continue
            if wanted and span.holds(message.record) and _is_recomputed(message.record):
                identity = record_identity(message.record)
                stored = message.stored
                digest = value_digest(stored.value or b"")
                self.held[identity].append(LogEntry(stored.source, stored.offset, digest))
            if topic_of(message.record) in PROGRESS_TOPICS.values():
                series = writer_series(message.record)
                self.newest[series] = max(self.newest[series], event_time(message.record))

    def take(self, record: Record) -> LogEntry | None:
        """Return what the topics hold in a record's place."""
        found = self.held.get(record_identity(record))
        if not found:
            return None
        taken = found.pop(0)
        if not found:
            del self.held[record_identity(record)]
        return taken

    def value_at(self, place: LogEntry) -> bytes:
        """Read one value again."""
        reader = Reader(
            self._kafka,
            (topic_named(place.source[0]),),
            {place.source: place.offset},
            {place.source: place.offset + 1},
        )
        for message in read_to_end(reader):
            if message.stored.offset == place.offset:
                return message.stored.value or b""
        raise ValueError(f"{place.source} offset {place.offset} can no longer be read")


def read_to_end(
    reader: Reader, progress: Progress = lambda _done, _all: None
) -> Iterator[Received | Unreadable]:
    """Yield what a reader finds up to the ends it was opened with, then close it."""
    total = sum(reader.ends.values())
    try:
        while not reader.caught_up:
            yield from reader.take(5_000)
            progress(min(sum(reader.positions.values()), total), total)
    finally:
        reader.close()


def record_identity(record: Any) -> Identity:
    """Return what tells a record from all others of its topic, but for its content."""
    kind = record.kind if isinstance(record, LedgerEntry) else ""
    topic = topic_of(record).name
    return (topic, record.symbol, record.timeframe_ms, record.event_time_ms, kind)


def writer_series(record: Any) -> Identity:
    """Return the series whose newest record says how far the writer of this one has come."""
    return (PROGRESS_TOPICS[topic_of(record)].name, record.symbol, record.timeframe_ms, 0, "")


def _is_recomputed(record: Record) -> bool:
    return not isinstance(record, LedgerEntry) or record.kind in RECOMPUTED_KINDS


def value_digest(value: bytes) -> bytes:
    """Return 16 bytes that stand for a value."""
    return hashlib.blake2b(value, digest_size=16).digest()
