"""Replay: recompute a span of the log and hold every byte against what the topics have.

States begin at the start of the log, so everything before the span is recomputed too; only what
closes inside it is counted and compared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from deploy.topics.topic_log import TopicLog, value_digest, writer_series
from schemas.market import RawBar
from schemas.models import ModelChanged
from schemas.record import Record, Topic
from schemas.topics import MODELS_CHANGES, RAW_BARS, topic_of
from streams.runtime.codec import Received, Stored, Unreadable, misplaced
from streams.runtime.reader import OnProgress, Reader
from streams.runtime.settings import KafkaSettings
from workers.research.replay.recompute import MADE, Inference, Recomputation, Span

SHOWN_FIELDS = 3


@dataclass(frozen=True)
class RecordDifference:
    """One record that is not as it must be."""

    topic: str
    symbol: str
    event_time_ms: int
    kind: str  # differs, missing, unexpected, unreadable
    detail: str


@dataclass
class TopicCount:
    """What became of one topic; ``behind``: recomputed, but not written yet."""

    recomputed: int = 0
    equal: int = 0
    differing: int = 0
    behind: int = 0
    sha256: str = ""


@dataclass
class ReplayReport:
    """The outcome of one replay; ``differences`` holds the first ones only."""

    topics: dict[str, TopicCount]
    raw_bars: int = 0
    rejected: int = 0
    refused_models: list[str] = field(default_factory=list)
    differences: list[RecordDifference] = field(default_factory=list)

    @property
    def differing(self) -> int:
        """All records that are not as they must be."""
        return sum(count.differing for count in self.topics.values())


def replay_log(
    kafka: KafkaSettings,
    span: Span,
    inference: Inference,
    *,
    verify: Sequence[Topic] = (),
    shown: int = 20,
    progress: OnProgress | None = None,
    each: Callable[[Record], None] = lambda _record: None,
) -> ReplayReport:
    """Recompute a span from the raw bars; with ``verify`` compare it with those topics.

    Args:
        kafka: The cluster.
        span: What is counted and compared.
        inference: Loads the models that ``models.changes.v1`` names.
        verify: Hold every record of these topics against its topic, byte for byte.
        shown: How many differences are described.
        progress: Told how far the raw bars have been read.
        each: Given every record that is recomputed in the span.

    Raises:
        Fatal: The cluster does not answer, or a topic is missing.
    """
    log = TopicLog(kafka, span, verify) if verify else None
    replay = _Comparison(span, log, shown, each)
    # Opened after the log was read: every record there comes of a bar that is read here.
    with Reader(kafka, (RAW_BARS,)) as raw_bars, Reader(kafka, (MODELS_CHANGES,)) as changes:
        records = [message.record for message in changes.read_to_end()]
        models = [record for record in records if isinstance(record, ModelChanged)]
        work = Recomputation(models, inference, span.to_ms)
        for message in raw_bars.read_to_end(unreadable=replay.reject, progress=progress):
            replay.take(message, work)
    report = replay.finish()
    report.refused_models = work.refused
    return report


class _Comparison:
    """Counts and compares what the recomputation makes."""

    def __init__(
        self, span: Span, log: TopicLog | None, shown: int, each: Callable[[Record], None]
    ) -> None:
        self._span, self._log, self._shown, self._each = span, log, shown, each
        self._digests = {topic.name: hashlib.sha256() for topic in MADE}
        self.report = ReplayReport({topic.name: TopicCount() for topic in MADE})

    def reject(self, _: Unreadable) -> None:
        """Count a raw message that is no raw bar."""
        self.report.rejected += 1

    def take(self, message: Received, work: Recomputation) -> None:
        """Fold one raw message as the market chain did."""
        if misplaced(RAW_BARS, message) is not None:
            self.report.rejected += 1
            return
        assert isinstance(message.record, RawBar)  # noqa: S101 - the topic holds nothing else
        if self._span.symbol not in (None, message.record.symbol):
            return
        self.report.raw_bars += self._span.holds(message.record)
        for record in work.feed(message.record):
            if type(record) not in {topic.record for topic in MADE}:
                self.report.rejected += 1
            elif self._span.holds(record):
                self._compare(record)
                self._each(record)

    def finish(self) -> ReplayReport:
        """Book what the topics hold and no bar led to."""
        for name, digest in self._digests.items():
            self.report.topics[name].sha256 = digest.hexdigest()
        if self._log is None:
            return self.report
        for message in self._log.unreadable:
            stored = message.stored
            self._book(
                stored.topic, _key(stored), stored.append_time_ms, "unreadable", message.cause
            )
        for (topic, symbol, _, time_ms, _), places in self._log.held.items():
            for place in places:
                detail = f"offset {place.offset}: no raw bar leads to it"
                self._book(topic, symbol, time_ms, "unexpected", detail)
        return self.report

    def _compare(self, record: Any) -> None:
        topic, value = topic_of(record).name, record.encode()
        count = self.report.topics[topic]
        count.recomputed += 1
        self._digests[topic].update(value + b"\n")
        if self._log is None or topic_of(record) not in self._log.topics:
            return
        found = self._log.take(record)
        if found is not None and found.digest == value_digest(value):
            count.equal += 1
        elif found is not None:
            detail = f"offset {found.offset}"
            if len(self.report.differences) < self._shown:
                detail += f": {_fields(record, self._log.value_at(found))}"
            self._book(topic, record.symbol, record.event_time_ms, "differs", detail)
        elif record.event_time_ms > self._log.newest[writer_series(record)]:
            count.behind += 1
        else:
            self._book(topic, record.symbol, record.event_time_ms, "missing", "not on the topic")

    def _book(self, topic: str, symbol: str, time_ms: int, kind: str, detail: str) -> None:
        self.report.topics[topic].differing += 1
        if len(self.report.differences) < self._shown:
            self.report.differences.append(RecordDifference(topic, symbol, time_ms, kind, detail))


def _key(stored: Stored) -> str:
    return (stored.key or b"").decode(errors="replace")


def _fields(record: Record, recorded: bytes) -> str:
    """Return which fields differ, in words."""
    topic: Topic = topic_of(record)
    ours, theirs = flat(record.model_dump()), flat(topic.record.decode(recorded).model_dump())
    names = [name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)]
    if not names:
        return "the bytes differ, the fields are equal"
    told = [
        f"{name} is {theirs.get(name)!r}, recomputed {ours.get(name)!r}"
        for name in names[:SHOWN_FIELDS]
    ]
    more = len(names) - SHOWN_FIELDS
    return "; ".join(told) + (f"; and {more} more fields" if more > 0 else "")


def flat(value: Any, name: str = "") -> dict[str, Any]:
    """Return a nested document as one level, names joined by dots."""
    if not isinstance(value, dict):
        return {name: value}
    parts = {f"{name}.{key}" if name else str(key): each for key, each in value.items()}
    return {k: v for key, each in parts.items() for k, v in flat(each, key).items()}
