"""Kafka as the drivers read it: group members, readers, a group without members."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Self

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from streams.runtime.client import CALL_TIMEOUT_S, RETRY_PAUSE_S, or_fatal
from streams.runtime.codec import Partition, Stored
from streams.runtime.heartbeat import heartbeat
from streams.runtime.settings import Fatal, KafkaSettings, log_client_error

DropPending = Callable[[Mapping[Partition, int], Any], None]

log = structlog.get_logger()


class PartitionSource:
    """A consumer of group members and readers: polling, and which errors end the process."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.consumer = Consumer(dict(settings))

    def poll(self, limit: int, timeout_s: float) -> tuple[list[Stored], dict[Partition, int]]:
        """Return messages, and the partitions read to their end with the offset reached.

        Waits for the first message only: ``consume`` with a time-out would wait for all of it.
        """
        heartbeat.beat()
        with or_fatal("poll"):
            first = self.consumer.poll(timeout_s)
            if first is None:
                return [], {}
            rest = self.consumer.consume(limit - 1, 0) if limit > 1 else ()
        stored: list[Stored] = []
        ends: dict[Partition, int] = {}
        for message in (first, *rest):
            error = message.error()
            if error is None:
                stored.append(_stored(message))
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
                end = _stored(message)
                ends[end.source] = end.offset
            else:
                _judge(error)
        return stored, ends

    def assign(self, offsets: Mapping[Partition, int]) -> None:
        """Read exactly these partitions from these offsets."""
        self.consumer.assign([TopicPartition(t, p, o) for (t, p), o in offsets.items()])

    def close(self) -> None:
        """Let go; a static member stays in its group until its session ends."""
        self.consumer.close()


def _stored(message: Message) -> Stored:
    return Stored(
        message.topic() or "",
        int(message.partition() or 0),
        int(message.offset() or 0),
        message.timestamp()[1],
        message.key(),
        message.value(),
        message.headers() or (),  # type: ignore[arg-type]  # always a list when read
    )


def _judge(error: KafkaError) -> None:
    # A fenced static member says _FATAL with fatal() False: look at the code.
    transient = {KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._TIMED_OUT}  # noqa: SLF001 - public names
    if error.code() in transient or (error.retriable() and not error.fatal()):
        log_client_error(error)
        return
    raise Fatal(f"consumer: {error.name()}: {error.str()}")


class OffsetsPending(Fatal):
    """The group's offsets wait for the end of a transaction, or the cluster does not answer."""


def read_committed(consumer: Any, partitions: Sequence[TopicPartition]) -> list[TopicPartition]:
    """Return committed offsets and the notes kept with them; negative where there is none.

    Raises:
        Fatal: The cluster gives no answer.
    """
    deadline = time.monotonic() + 2 * CALL_TIMEOUT_S
    while True:
        positions = [TopicPartition(each.topic, each.partition) for each in partitions]
        try:
            committed: list[TopicPartition] = consumer.committed(positions, CALL_TIMEOUT_S)
        except KafkaException as failed:
            error = failed.args[0]
        else:
            errors = [each.error for each in committed if each.error is not None]
            if not errors:
                return committed
            error = errors[0]
        if time.monotonic() > deadline:
            cause = f"committed offsets of {positions}: {error}"
            # A group that answers with "not yet" has the client ask again until its time is over.
            timed_out = error.code() == KafkaError._TIMED_OUT  # noqa: SLF001 - its public name
            raise OffsetsPending(cause) if timed_out else Fatal(cause)
        time.sleep(RETRY_PAUSE_S)


class Member(PartitionSource):
    """A member of a consumer group.

    ``assigned`` is called with the committed offset of each new partition (-1: none yet) before
    any of its records arrives, ``revoked`` before another member may own them; both inside
    ``poll``. Committed offsets are stable: no open transaction can still move them.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        group: str,
        topics: Sequence[str],
        assigned: Callable[[Mapping[Partition, int]], None],
        revoked: Callable[[Collection[Partition]], None],
        *,
        drop_pending: DropPending,
    ) -> None:
        # Several topics need their partitions side by side, which only range promises.
        self._cooperative = len(topics) == 1
        self._assigned, self._revoked, self._drop_pending = assigned, revoked, drop_pending
        self._kafka, self._group = kafka, group
        self._metadata: Any = None  # until the next rebalance
        self.notes: dict[Partition, str] = {}  # kept with the committed offsets last read
        super().__init__(
            {
                **kafka.reading(group),
                "client.id": f"{group}-{kafka.instance}",
                "group.instance.id": f"{group}-{kafka.instance}",
                "session.timeout.ms": 6000,
                "max.poll.interval.ms": 3_600_000,  # a restore may fold all inputs anew
                "heartbeat.interval.ms": 1500,
                "partition.assignment.strategy": (
                    "cooperative-sticky" if self._cooperative else "range"
                ),
            }
        )
        self.consumer.subscribe(
            list(topics), on_assign=self._assign, on_revoke=self._revoke, on_lost=self._revoke
        )

    def _assign(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self._metadata = None
        positions = self._committed(partitions) if partitions else []
        offsets = {(e.topic, e.partition): max(e.offset, -1) for e in positions}
        self.notes.update({(e.topic, e.partition): e.metadata or "" for e in positions})
        self._assigned(offsets)
        positions = [TopicPartition(t, p, o if o >= 0 else -2) for (t, p), o in offsets.items()]
        with or_fatal("assign"):
            if self._cooperative:
                self.consumer.incremental_assign(positions)
            else:
                self.consumer.assign(positions)

    def _committed(self, partitions: list[TopicPartition]) -> list[TopicPartition]:
        """Return committed offsets; those that wait for a lost end of our own no longer count."""
        try:
            return read_committed(self.consumer, partitions)
        except OffsetsPending as pending:
            log.warning(
                "offsets.dropped",
                consumer=self._group,
                cause=str(pending),
                remedy="none: the broker went down while a transaction ended; the inputs since the "
                "offsets before it are read again",
            )
        sources = [(each.topic, each.partition) for each in partitions]
        with IdleGroup(self._kafka, self._group, stable=False) as certain:
            self._drop_pending(certain.committed(sources), self.group_metadata())
        return read_committed(self.consumer, partitions)

    def _revoke(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self._metadata = None
        self._revoked([(each.topic, each.partition) for each in partitions])

    def group_metadata(self) -> Any:
        """Return the metadata that fences a member which has left its group (KIP-447)."""
        if self._metadata is None:
            self._metadata = self.consumer.consumer_group_metadata()
        return self._metadata

    def rewind(self, offsets: Mapping[Partition, int]) -> None:
        """Read on from these offsets; -1 is the beginning."""
        self._metadata = None
        with or_fatal("seek"):
            for (topic, partition), offset in offsets.items():
                self.consumer.seek(TopicPartition(topic, partition, offset if offset >= 0 else -2))

    def pause(self, partitions: Iterable[Partition]) -> None:
        """Fetch no more of these partitions."""
        with or_fatal("pause"):
            self.consumer.pause([TopicPartition(*each) for each in partitions])

    def resume(self, partitions: Iterable[Partition]) -> None:
        """Fetch these partitions again."""
        with or_fatal("resume"):
            self.consumer.resume([TopicPartition(*each) for each in partitions])

    def end(self, partition: Partition) -> int:
        """Return the end of a partition as last seen, -1 when it was never fetched."""
        with or_fatal("watermarks"):
            _, high = self.consumer.get_watermark_offsets(TopicPartition(*partition), cached=True)
        return int(high)


class IdleGroup:
    """A consumer group seen from outside; closed as a context manager.

    ``stable`` waits for transactions that have not ended; else their offsets do not count yet.
    """

    def __init__(self, kafka: KafkaSettings, group: str, *, stable: bool = True) -> None:
        level = {} if stable else {"isolation.level": "read_uncommitted"}
        self._consumer = Consumer({**kafka.reading(group), **level})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    @property
    def metadata(self) -> Any:
        """Metadata of nobody: the cluster takes offsets with it while no member lives."""
        return self._consumer.consumer_group_metadata()

    def committed(self, sources: Collection[Partition]) -> dict[Partition, int]:
        """Return committed offsets; -1 where there is none."""
        partitions = [TopicPartition(*source) for source in sources]
        positions = read_committed(self._consumer, partitions)
        return {(each.topic, each.partition): max(each.offset, -1) for each in positions}

    def note(self, source: Partition) -> str:
        """Return the text that is kept with a committed offset; empty where there is none."""
        [position] = read_committed(self._consumer, [TopicPartition(*source)])
        return position.metadata or ""
