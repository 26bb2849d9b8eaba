"""The newest records of a topic, for people and pipes."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Iterator

from deploy.topics.dead_letters import consumed_topics
from schemas.record import Topic
from schemas.topics import TOPICS
from streams.runtime.codec import Received, dead_letter_topic, event_time
from streams.runtime.reader import Reader
from streams.runtime.settings import KafkaSettings

BACK_PER_RECORD = 8  # offsets looked at for each one wanted: markers and other symbols
NEAR_END = 200  # offsets: some bars of every symbol, and the markers of their transactions
OPEN_WITHIN_S = 2.0


def topic_row(name: str) -> Topic:
    """Return the table's row of a topic, or one for its dead letters.

    Raises:
        ValueError: No such topic; the message lists them.
    """
    rows = {topic.name: topic for topic in TOPICS}
    rows |= {t.dead_letters: dead_letter_topic(t) for t in consumed_topics()}
    if name not in rows:
        raise ValueError(f"unknown topic {name!r}; expected one of {', '.join(sorted(rows))}")
    return rows[name]


def newest_records(
    kafka: KafkaSettings, topic: Topic, *, symbol: str | None, count: int, follow: bool
) -> Iterator[str]:
    """Yield the newest records as JSON, oldest first; with ``follow`` wait for more, for ever."""
    reader = Reader(kafka, (topic,))
    try:
        starts = {s: max(end - count * BACK_PER_RECORD, 0) for s, end in reader.ends.items()}
        if symbol is None:  # a symbol may be rare: then the whole topic is read
            reader.assign(starts)
            reader.positions.update(starts)
        yield from _held(reader, symbol, count)
        while follow:
            yield from _shown(reader, symbol)
    finally:
        reader.close()


def newest_close_ms(kafka: KafkaSettings, topic: Topic) -> int | None:
    """Return the newest event time near the end of a topic; None when it holds nothing.

    A transaction that a killed process left open hides the very end: it is not waited for.
    """
    reader = Reader(kafka, (topic,))
    found = [-1]
    try:
        starts = {source: max(end - NEAR_END, 0) for source, end in reader.ends.items()}
        reader.assign(starts)
        reader.positions.update(starts)
        deadline = time.monotonic() + OPEN_WITHIN_S
        while not reader.caught_up and time.monotonic() < deadline:
            messages = reader.take()
            found += [event_time(m.record) for m in messages if isinstance(m, Received)]
    finally:
        reader.close()
    return max(found) if max(found) >= 0 else None


def _held(reader: Reader, symbol: str | None, count: int) -> Iterator[str]:
    held: deque[str] = deque(maxlen=count)
    while not reader.caught_up:
        held.extend(_shown(reader, symbol))
    yield from held


def _shown(reader: Reader, symbol: str | None) -> Iterator[str]:
    for message in reader.take():
        if not isinstance(message, Received):
            yield json.dumps({"unreadable": message.cause, "offset": message.stored.offset})
        elif symbol is None or getattr(message.record, "symbol", symbol) == symbol:
            yield message.record.model_dump_json()
