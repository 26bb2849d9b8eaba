"""Reading topics from outside a group: views, archives, tools, restores."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal

import structlog

from schemas.record import Topic
from streams.runtime.client import Source, end_offsets, partition_counts
from streams.runtime.codec import Partition, Received, Unreadable, received
from streams.runtime.settings import KafkaSettings

log = structlog.get_logger()

TO_THE_END_MS = 20  # that a partition has no more is told when a fetch has waited in vain

Start = Literal["beginning", "end"] | Mapping[Partition, int]


class Reader(Source):
    """Reads whole topics, committed records only, without a group.

    Args:
        kafka: The cluster.
        topics: Rows of what is read; changelogs and dead letters have rows too.
        start: Where, or from which offset of each partition (none given: the beginning).
        until: Only these partitions, up to these offsets; by default all, up to their ends now.
        follow: For who reads on for ever. An arrival comes as soon as otherwise, but behind a
            transaction's marker the end is known 250 ms later, and an idle broker is left alone:
            four followers took 7 % of a core when each asked again after 20 ms.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        topics: Sequence[Topic],
        start: Start = "beginning",
        until: Mapping[Partition, int] | None = None,
        *,
        follow: bool = False,
    ) -> None:
        self._topics = {topic.name: topic for topic in topics}
        if until is None:
            counts = partition_counts(kafka, list(self._topics))
            sources = [(name, number) for name, count in counts.items() for number in range(count)]
            until = end_offsets(kafka, sources)
        self.ends = until
        given: Mapping[Partition, int] = start if isinstance(start, Mapping) else {}
        first = self.ends if start == "end" else {source: given.get(source, 0) for source in until}
        self.positions: dict[Partition, int] = dict(first)
        hurry = {} if follow else {"fetch.wait.max.ms": TO_THE_END_MS}
        super().__init__({**kafka.reading("unused"), **hurry})
        self.assign(first)

    @property
    def caught_up(self) -> bool:
        """Whether everything that was there at the start has been read.

        The ends are those of uncommitted reading: a commit that was under way at the start is
        waited for, not missed.
        """
        return all(self.positions[source] >= end for source, end in self.ends.items())

    def take(self, limit: int = 500, timeout_s: float = 0.2) -> list[Received | Unreadable]:
        """Return what has arrived, waiting up to ``timeout_s`` for the first record."""
        stored, ends = self.poll(limit, timeout_s)
        for message in stored:
            self.positions[message.source] = message.offset + 1
        for source, offset in ends.items():
            self.positions[source] = max(self.positions[source], offset)
        return [received(self._topics[message.topic], message) for message in stored]


def tail(
    kafka: KafkaSettings,
    topics: Sequence[Topic],
    *,
    stop: threading.Event,
    start: Start = "beginning",
    until_end: bool = False,
    caught_up: Callable[[], None] | None = None,
) -> Iterator[Received]:
    """Yield committed records as they come; what cannot be decoded is logged and passed over.

    Ends when ``stop`` is set, or with ``until_end`` when all that was there at the start is read.
    Each partition keeps its order; topics come as they arrive. ``caught_up`` is called once that
    has been handed out.
    """
    reader = Reader(kafka, topics, start, follow=not until_end)
    try:
        while not (stop.is_set() or (until_end and reader.caught_up)):
            for message in reader.take():
                if isinstance(message, Received):
                    yield message
                else:
                    log.warning("record.unreadable", cause=message.cause)
            if caught_up is not None and reader.caught_up:
                caught_up()
                caught_up = None
    finally:
        reader.close()
