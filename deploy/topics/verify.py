"""Replay: recompute a span of the log and compare every byte with the topics.

States begin at the start of the log, so the records before the span are recomputed too. Only
records that close inside the span are counted and compared.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from deploy.topics.topic_log import TopicLog, value_digest, writer_series
from schemas.configs import ConfigEffective
from schemas.dead_letter import DeadLetter
from schemas.market import RawBar
from schemas.models import ModelChanged
from schemas.record import Record, Topic
from schemas.topics import CONFIG_EFFECTIVE, MODELS_CHANGES, RAW_BARS, topic_of
from streams.runtime.codec import Received, Stored, Unreadable, misplaced
from streams.runtime.reader import OnProgress, Reader
from streams.runtime.settings import KafkaSettings
from workers.research.replay.recompute import MADE, Inference, Recomputation, Span

SHOWN_FIELDS = 3


@dataclass(frozen=True)
class RecordDifference:
    """One record that differs between the recomputation and its topic."""

    topic: str
    symbol: str
    timeframe_ms: int | None  # of what cannot be read it is unknown
    event_time_ms: int
    kind: str  # differs, missing, unexpected, unreadable
    detail: str


@dataclass
class TopicCount:
    """Counts of one topic or timeframe; ``behind`` are recomputed but not written yet."""

    recomputed: int = 0
    equal: int = 0
    differing: int = 0
    behind: int = 0
    sha256: str = ""


@dataclass
class ReplayReport:
    """The result of one replay.

    Attributes:
        topics: Counts by topic, of all timeframes.
        timeframes: Counts by timeframe in ms, of all topics.
        differences: Only the first of them.
    """

    topics: dict[str, TopicCount]
    timeframes: dict[int, TopicCount] = field(default_factory=lambda: defaultdict(TopicCount))
    raw_bars: int = 0
    rejected: int = 0
    refused_models: list[str] = field(default_factory=list)
    differences: list[RecordDifference] = field(default_factory=list)

    @property
    def differing(self) -> int:
        """Number of records that differ, over all topics."""
        return sum(count.differing for count in self.topics.values())

    @property
    def compared(self) -> int:
        """Number of records that were compared, over all topics."""
        return self.differing + sum(count.equal for count in self.topics.values())


def replay_log(
    kafka: KafkaSettings,
    span: Span,
    inference: Inference,
    *,
    verify: Sequence[Topic] = (),
    shown: int = 20,
    progress: OnProgress | None = None,
    on_record: Callable[[Record], None] = lambda _record: None,
) -> ReplayReport:
    """Recompute a span from the raw bars, and compare it with the topics of ``verify``.

    Args:
        kafka: The cluster.
        span: Records to count and compare.
        inference: Loads the models that ``models.changes.v1`` names.
        verify: Topics to compare byte for byte.
        shown: Number of differences to describe.
        progress: Called with the offsets of raw bars that are read, and all.
        on_record: Called with every record that is recomputed in the span.

    Raises:
        Fatal: The cluster does not answer, or a topic is missing.
    """
    log = TopicLog(kafka, span, verify) if verify else None
    replay = _Comparison(span, log, shown, on_record)
    # Opened after the log is read, so that it holds the bar of every record of the log.
    with (
        Reader(kafka, (RAW_BARS,)) as raw_bars,
        Reader(kafka, (MODELS_CHANGES, CONFIG_EFFECTIVE)) as changes,
    ):
        records = [message.record for message in changes.read_to_end()]
        models = [record for record in records if isinstance(record, ModelChanged)]
        configs = [record for record in records if isinstance(record, ConfigEffective)]
        work = Recomputation(models, inference, configs, span.to_ms)
        for message in raw_bars.read_to_end(unreadable=replay.reject, progress=progress):
            replay.take(message, work)
    report = replay.finish()
    report.refused_models = work.refused
    return report


class _Comparison:
    """Counts recomputed records and compares them with the log."""

    def __init__(
        self, span: Span, log: TopicLog | None, shown: int, on_record: Callable[[Record], None]
    ) -> None:
        self._span, self._log = span, log
        self._shown, self._on_record = shown, on_record
        self._digests: dict[str | int, Any] = defaultdict(hashlib.sha256)
        self.report = ReplayReport({topic.name: TopicCount() for topic in MADE})

    def reject(self, _: Unreadable) -> None:
        """Count a raw message that cannot be decoded."""
        self.report.rejected += 1

    def take(self, message: Received, work: Recomputation) -> None:
        """Recompute one raw message as the market chain did."""
        if misplaced(RAW_BARS, message) is not None:
            self.report.rejected += 1
            return
        assert isinstance(message.record, RawBar)  # noqa: S101 - the topic holds nothing else
        if self._span.symbol not in (None, message.record.symbol):
            return
        self.report.raw_bars += self._span.reads(message.record)
        for record in work.feed(message.record):
            if isinstance(record, DeadLetter):
                self.report.rejected += 1
            elif topic_of(record) in MADE and self._span.holds(record):
                self._compare(record)
                self._on_record(record)

    def finish(self) -> ReplayReport:
        """Report entries that no bar led to, and unreadable ones; return the whole report."""
        for count_by in (self.report.topics, self.report.timeframes):
            for name, count in count_by.items():
                count.sha256 = self._digests[name].hexdigest()
        if self._log is None:
            return self.report
        for message in self._log.unreadable:
            stored = message.stored
            place = (stored.topic, _key(stored), None, stored.append_time_ms)
            self._book(RecordDifference(*place, "unreadable", message.cause))
        for (topic, symbol, timeframe_ms, time_ms, _), entries in self._log.entries.items():
            for entry in entries:
                detail = f"offset {entry.offset}: no raw bar leads to it"
                self._book(
                    RecordDifference(topic, symbol, timeframe_ms, time_ms, "unexpected", detail)
                )
        return self.report

    def _compare(self, record: Any) -> None:
        topic, timeframe_ms, value = topic_of(record).name, record.timeframe_ms, record.encode()
        counts = (self.report.topics[topic], self.report.timeframes[timeframe_ms])
        for count in counts:
            count.recomputed += 1
        for name in (topic, timeframe_ms):
            self._digests[name].update(value + b"\n")
        if self._log is None or topic_of(record) not in self._log.topics:
            return
        place = (topic, record.symbol, timeframe_ms, record.event_time_ms)
        entry = self._log.take(record)
        if entry is not None and entry.digest == value_digest(value):
            for count in counts:
                count.equal += 1
        elif entry is not None:
            detail = f"offset {entry.offset}"
            if len(self.report.differences) < self._shown:
                detail += f": {_fields(record, self._log.read_value(entry))}"
            self._book(RecordDifference(*place, "differs", detail))
        elif record.event_time_ms > self._log.newest[writer_series(record)]:
            for count in counts:
                count.behind += 1
        else:
            self._book(RecordDifference(*place, "missing", "not on the topic"))

    def _book(self, difference: RecordDifference) -> None:
        self.report.topics[difference.topic].differing += 1
        if difference.timeframe_ms is not None:
            self.report.timeframes[difference.timeframe_ms].differing += 1
        if len(self.report.differences) < self._shown:
            self.report.differences.append(difference)


def _key(stored: Stored) -> str:
    return (stored.key or b"").decode(errors="replace")


def _fields(record: Record, recorded: bytes) -> str:
    """Return the fields that differ, with both values."""
    topic: Topic = topic_of(record)
    ours, theirs = flat(record.model_dump()), flat(topic.record.decode(recorded).model_dump())
    names = [name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)]
    if not names:
        return "the bytes differ, the fields are equal"
    texts = [
        f"{name} is {theirs.get(name)!r}, recomputed {ours.get(name)!r}"
        for name in names[:SHOWN_FIELDS]
    ]
    more = len(names) - SHOWN_FIELDS
    return "; ".join(texts) + (f"; and {more} more fields" if more > 0 else "")


def flat(value: Any, name: str = "") -> dict[str, Any]:
    """Return a nested document as one level, names joined by dots."""
    if not isinstance(value, dict):
        return {name: value}
    parts = {f"{name}.{key}" if name else str(key): part for key, part in value.items()}
    return {k: v for key, part in parts.items() for k, v in flat(part, key).items()}
