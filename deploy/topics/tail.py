"""The newest records of a topic as JSON lines."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from deploy.topics.dead_letters import consumed_topics
from schemas.market import RawBar
from schemas.record import Topic
from schemas.timeframes import timeframe_name
from schemas.topics import RAW_BARS, TOPICS
from streams.runtime.codec import Partition, Received, Unreadable, dead_letter_topic, event_time
from streams.runtime.reader import BeforeEnd, Reader, Start
from streams.runtime.settings import KafkaSettings

BACK_PER_RECORD = 8  # offsets read for each record that is wanted: transaction markers lie between
NEAR_END = 200  # offsets: some bars of every symbol, and the markers of their transactions
OPEN_WITHIN_S = 2.0
SEEN_WITHIN_S = 10.0


def topic_row(name: str) -> Topic:
    """Return a topic of the table, or the topic of its dead letters.

    Raises:
        ValueError: No such topic; the message lists them.
    """
    rows = {topic.name: topic for topic in TOPICS}
    rows |= {t.dead_letters: dead_letter_topic(t) for t in consumed_topics()}
    if name not in rows:
        raise ValueError(f"unknown topic {name!r}; expected one of {', '.join(sorted(rows))}")
    return rows[name]


@dataclass(frozen=True)
class TailFilter:
    """Which records; a record that has no such field always fits."""

    symbol: str | None = None
    timeframe_ms: int | None = None

    def fits(self, message: Received | Unreadable) -> bool:
        """Whether to show a message; an unreadable one always."""
        if isinstance(message, Unreadable):
            return True
        return all(
            value is None or getattr(message.record, name, value) == value
            for name, value in self.__dict__.items()
        )


def newest_records(
    kafka: KafkaSettings, topic: Topic, wanted: TailFilter, *, count: int, follow: bool
) -> Iterator[str]:
    """Yield the newest records as JSON, oldest first; with ``follow`` wait for more without end."""
    # What is wanted may be rare, so the search for it reads the whole topic.
    start: Start = BeforeEnd(count * BACK_PER_RECORD) if wanted == TailFilter() else "beginning"
    last: deque[str] = deque(maxlen=count)
    with Reader(kafka, (topic,), start) as reader:
        for message in reader.read_to_end(unreadable=lambda bad: last.append(_json(bad))):
            if wanted.fits(message):
                last.append(_json(message))
        yield from last
        while follow:
            yield from (_json(row) for row in reader.take() if wanted.fits(row))


def newest_close_ms(kafka: KafkaSettings, topic: Topic) -> int | None:
    """Return the newest event time near the end of a topic; None when it holds nothing.

    It does not wait for the last records when a killed process left a transaction open there.
    """
    newest_ms = -1
    deadline = time.monotonic() + OPEN_WITHIN_S
    with Reader(kafka, (topic,), BeforeEnd(NEAR_END)) as reader:
        while not reader.caught_up and time.monotonic() < deadline:
            for message in reader.take():
                if isinstance(message, Received):
                    newest_ms = max(newest_ms, event_time(message.record))
    return newest_ms if newest_ms >= 0 else None


def base_timeframe_ms(kafka: KafkaSettings) -> int | None:
    """Return the length of the first raw bar: base bars are written first; None without any."""
    with Reader(kafka, (RAW_BARS,)) as reader:
        for message in reader.read_to_end():
            if isinstance(message.record, RawBar):
                return message.record.timeframe_ms
    return None


def require_timeframe(kafka: KafkaSettings, timeframe_ms: int) -> None:
    """Raise ValueError, with the timeframes of the raw bars, unless this is one of them."""
    lengths: set[int] = set()
    with Reader(kafka, (RAW_BARS,)) as reader:
        for message in reader.read_to_end():
            if isinstance(message.record, RawBar):
                lengths.update((message.record.timeframe_ms, *message.record.higher_ms))
            if timeframe_ms in lengths:
                return
    known = ", ".join(map(timeframe_name, sorted(lengths))) or "none"
    raise ValueError(
        f"--timeframe {timeframe_name(timeframe_ms)}: the topics hold no such bars, expected one "
        f"of {known}"
    )


def has_record(kafka: KafkaSettings, source: Partition, start: int, end: int) -> bool:
    """Return whether a partition holds a committed record from one offset to before another."""
    deadline = time.monotonic() + SEEN_WITHIN_S
    with Reader(kafka, (topic_row(source[0]),), {source: start}, {source: end}) as reader:
        while not reader.caught_up and time.monotonic() < deadline:
            if reader.take():
                return True
    return False


def _json(message: Received | Unreadable) -> str:
    if isinstance(message, Unreadable):
        return json.dumps({"unreadable": message.cause, "offset": message.stored.offset})
    return message.record.model_dump_json()
