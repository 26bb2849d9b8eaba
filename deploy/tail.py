"""The newest records of a topic, for people and pipes."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Iterator, Mapping

from schemas.dead_letter import DeadLetter
from schemas.record import Topic
from schemas.topics import TOPICS
from streams.cluster import KafkaSettings
from streams.reader import Reader
from streams.wire import Received

BACK_PER_RECORD = 8  # offsets looked at for each one wanted: markers and other symbols


def topic_row(name: str) -> Topic:
    """Return the table's row of a topic, or one for its dead letters.

    Raises:
        ValueError: No such topic; the message lists them.
    """
    rows = {topic.name: topic for topic in TOPICS}
    rows |= {
        t.dead_letters: Topic(t.dead_letters, DeadLetter, "key", f"Rejected from {t.name}")
        for t in TOPICS
    }
    if name not in rows:
        raise ValueError(f"unknown topic {name!r}; expected one of {', '.join(sorted(rows))}")
    return rows[name]


def kafka_of(cluster: Mapping[str, str]) -> KafkaSettings:
    """Return the runtime's settings of a cluster given as client settings."""
    others = {key: value for key, value in cluster.items() if key != "bootstrap.servers"}
    return KafkaSettings(bootstrap_servers=cluster["bootstrap.servers"], client=others)


def newest(
    cluster: Mapping[str, str], name: str, *, symbol: str | None, count: int, follow: bool
) -> Iterator[str]:
    """Yield the newest records as JSON, oldest first; with ``follow`` wait for more."""
    topic = topic_row(name)
    reader = Reader(kafka_of(cluster), (topic,))
    try:
        starts = {s: max(end - count * BACK_PER_RECORD, 0) for s, end in reader.ends.items()}
        if symbol is None:  # a symbol may be rare: then the whole topic is read
            reader.assign(starts)
            reader.positions.update(starts)
        yield from _held(reader, symbol, count)
        stop = threading.Event()
        while follow and not stop.is_set():
            yield from _shown(reader, symbol)
    finally:
        reader.close()


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
