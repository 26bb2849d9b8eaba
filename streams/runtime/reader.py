"""Reading topics from outside a group: views, archives, tools, restores."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple, Self

import structlog

from schemas.record import Topic
from streams.runtime.client import end_offsets, partition_counts
from streams.runtime.codec import Partition, Received, Stored, Unreadable, received
from streams.runtime.consumer import PartitionSource
from streams.runtime.settings import KafkaSettings

log = structlog.get_logger()

# A partition's end is known only when a fetch has waited this long for more records.
TO_THE_END_MS = 20


class BeforeEnd(NamedTuple):
    """A start so many offsets before the end of each partition; markers count too."""

    offsets: int


Start = Literal["beginning", "end"] | BeforeEnd | Mapping[Partition, int]
OnUnreadable = Callable[[Unreadable], None]
OnProgress = Callable[[int, int], None]  # offsets read, offsets in all


def log_unreadable(message: Unreadable) -> None:
    """Log a message that is passed over."""
    stored = message.stored
    log.warning(
        "record.unreadable",
        topic=stored.topic,
        place=f"{stored.partition}@{stored.offset}",
        cause=message.cause,
        remedy="none: it is passed over, and the topic keeps it; look for who wrote it",
    )


class Reader(PartitionSource):
    """Reads whole topics, committed records only, without a group; closed as a context manager.

    Args:
        kafka: The cluster.
        topics: Rows of what is read; changelogs and dead letters have rows too.
        start: Where to begin. A partition that a mapping does not name is read from its beginning.
        until: Only these partitions, up to these offsets; by default all, up to their ends now.
        follow: For a reader that never stops. Records come as soon as otherwise, but the end
            behind a transaction's marker is known 250 ms later. In return an idle broker is left
            alone: four followers that asked again after 20 ms took 7 % of a core.
        only: Whether a message is decoded and handed out; by default every one is.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        topics: Sequence[Topic],
        start: Start = "beginning",
        until: Mapping[Partition, int] | None = None,
        *,
        follow: bool = False,
        only: Callable[[Stored], bool] = lambda _stored: True,
    ) -> None:
        self._only = only
        self._topics = {topic.name: topic for topic in topics}
        if until is None:
            counts = partition_counts(kafka, list(self._topics))
            sources = [(name, number) for name, count in counts.items() for number in range(count)]
            until = end_offsets(kafka, sources)
        self.ends = until
        self.positions = _first_offsets(start, until)
        hurry = {} if follow else {"fetch.wait.max.ms": TO_THE_END_MS}
        super().__init__({**kafka.reading("unused"), **hurry})
        self.assign(self.positions)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

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
        wanted = filter(self._only, stored)
        return [received(self._topics[message.topic], message) for message in wanted]

    def take_readable(self) -> list[Received]:
        """Return the records that have arrived; what cannot be decoded is logged."""
        return list(_readable(self.take(), log_unreadable))

    def read_to_end(
        self, *, unreadable: OnUnreadable = log_unreadable, progress: OnProgress | None = None
    ) -> Iterator[Received]:
        """Yield the records up to the ends that were there at the start; reading may go on after.

        Each partition keeps its order; topics come as they arrive.

        Args:
            unreadable: Called, in its place, with each message that cannot be decoded.
            progress: Called after each fetch.
        """
        total = sum(self.ends.values())
        while not self.caught_up:
            yield from _readable(self.take(), unreadable)
            if progress is not None:
                progress(min(sum(self.positions.values()), total), total)


def _first_offsets(start: Start, ends: Mapping[Partition, int]) -> dict[Partition, int]:
    if start == "end":
        return dict(ends)
    if isinstance(start, BeforeEnd):
        return {source: max(end - start.offsets, 0) for source, end in ends.items()}
    offsets: Mapping[Partition, int] = start if isinstance(start, Mapping) else {}
    return {source: offsets.get(source, 0) for source in ends}


def _readable(
    messages: Iterable[Received | Unreadable], unreadable: OnUnreadable
) -> Iterator[Received]:
    for message in messages:
        if isinstance(message, Received):
            yield message
        else:
            unreadable(message)


def tail(
    kafka: KafkaSettings,
    topics: Sequence[Topic],
    *,
    stop: threading.Event,
    start: Start = "beginning",
    caught_up: Callable[[], None] | None = None,
) -> Iterator[Received]:
    """Yield committed records as they come, until ``stop`` is set.

    What cannot be decoded is logged and passed over. ``caught_up`` is called once all that was
    there at the start has been handed out.
    """
    with Reader(kafka, topics, start, follow=True) as reader:
        while not stop.is_set():
            yield from reader.take_readable()
            if caught_up is not None and reader.caught_up:
                caught_up()
                caught_up = None
