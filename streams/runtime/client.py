"""Kafka as the drivers need it: transactions, group members, readers, publishers.

The only importer of confluent-kafka beside the topic administration in ``deploy``. The settings
and the error rules were found by killing a real broker and its clients.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import structlog
from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # re-exported without a list
    AdminClient,
    OffsetSpec,
)

from streams.runtime.codec import Outgoing, Partition, Stored
from streams.runtime.heartbeat import heartbeat
from streams.runtime.settings import Aborted, Fatal, KafkaSettings, log_client_error

CALL_TIMEOUT_S = 10.0
RETRY_PAUSE_S = 0.02
TRANSACTION_TIMEOUT_MS = 15_000  # how long a dead instance can hold up readers

LATEST: Any = OffsetSpec.latest()  # type: ignore[no-untyped-call]  # the library ships no types

log = structlog.get_logger()


def attempt(call: Callable[..., Any], *arguments: Any) -> Any:
    """Make one transactional call with its own time-out, and repeat it while it may be retried.

    Raises:
        Aborted: The transaction must be aborted.
        Fatal: The error is fatal or unknown, or retries have taken two time-outs.
    """
    deadline, retried = time.monotonic() + 2 * CALL_TIMEOUT_S, False
    while True:
        heartbeat.beat()
        try:
            return call(*arguments, CALL_TIMEOUT_S)
        except KafkaException as failed:
            error = failed.args[0]
            if error.txn_requires_abort():
                raise Aborted(str(error)) from failed
            if error.fatal() or not error.retriable() or time.monotonic() > deadline:
                raise Fatal(f"{getattr(call, '__name__', call)}: {error}") from failed
            if not retried:
                what = getattr(call, "__name__", str(call))
                log.warning("kafka.retried", call=what, reason=str(error), remedy="none")
            retried = True
            time.sleep(RETRY_PAUSE_S)


@contextmanager
def _or_fatal(what: str) -> Iterator[None]:
    """Raise the client's errors as ``Aborted`` where an abort mends them, else as ``Fatal``."""
    try:
        yield
    except KafkaException as failed:
        error = failed.args[0]
        if error.txn_requires_abort():
            raise Aborted(str(error)) from failed
        raise Fatal(f"{what}: {error}") from failed


class Transactions:
    """A transactional producer; its id outlives restarts, so a restart ends an open transaction."""

    def __init__(self, kafka: KafkaSettings, transactional_id: str) -> None:
        self._producer = Producer(
            {
                **kafka.writing(),
                "client.id": transactional_id,
                "transactional.id": transactional_id,
                "transaction.timeout.ms": TRANSACTION_TIMEOUT_MS,
                # For as long the client remembers the group's coordinator: it would wait in vain
                # for one that went down with its broker (librdkafka issue 5511).
                "metadata.max.age.ms": 3000,
            }
        )
        attempt(self._producer.init_transactions)

    def commit(
        self, messages: Iterable[Outgoing], offsets: Mapping[Partition, int], group: Any
    ) -> None:
        """Write messages and offsets in one transaction.

        Args:
            messages: In order; may be an iterator that makes each when it is written.
            offsets: Next offset of each partition read; empty when nothing was consumed.
            group: Group metadata of the consumer that read them.

        Raises:
            Aborted: Nothing was written; rewind.
            Fatal: Whether anything was written is unknown; the next start of this id settles it.
        """
        with _or_fatal("begin_transaction"):
            self._producer.begin_transaction()
        # Sent while the messages are made. Whoever reads these offsets next waits until this
        # transaction has ended, and only then reads the states that belong to them.
        sending = self._send_offsets(offsets, group) if offsets else None
        try:
            try:
                for message in messages:
                    produce(self._producer, message)
            finally:
                if sending is not None:
                    _outcome_of(sending)
            attempt(self._producer.commit_transaction)
        except Aborted:
            try:
                attempt(self._producer.abort_transaction)
            except Aborted as again:
                raise Fatal(f"abort_transaction: {again}") from again
            raise

    def _send_offsets(self, offsets: Mapping[Partition, int], group: Any) -> Future[None]:
        positions = [TopicPartition(t, p, o) for (t, p), o in offsets.items()]
        sent: Future[None] = Future()

        def send() -> None:
            try:
                sent.set_result(
                    attempt(self._producer.send_offsets_to_transaction, positions, group)
                )
            except Exception as failed:  # noqa: BLE001 - handed to the caller's thread as it is
                sent.set_exception(failed)

        threading.Thread(target=send, daemon=True).start()
        return sent


def _outcome_of(sending: Future[None]) -> None:
    """Wait for the offsets with a time-out that holds.

    ``send_offsets_to_transaction`` may ignore its time-out and wait for ever (librdkafka issue
    5456). Its thread is then left behind, and the process ends.
    """
    try:
        sending.result(CALL_TIMEOUT_S + 1.0)
    except TimeoutError:
        raise Fatal("send_offsets_to_transaction ignored its time-out") from None


def produce(producer: Any, message: Outgoing, on_delivery: Any = None) -> None:
    """Queue one message; waits while the client's queue is full."""
    optional: dict[str, Any] = {} if message.partition < 0 else {"partition": message.partition}
    while True:
        heartbeat.beat()
        try:
            producer.produce(
                message.topic,
                value=message.value,
                key=message.key,
                headers=message.headers,
                on_delivery=on_delivery,
                **optional,
            )
        except BufferError:
            producer.poll(0.1)
        except KafkaException as failed:
            error = failed.args[0]
            if error.code() == KafkaError._STATE:  # noqa: SLF001 - its public name
                raise Aborted(str(error)) from failed  # an earlier message had failed
            raise Fatal(f"produce to {message.topic}: {error}") from failed
        else:
            return


def flush(producer: Any, within_s: float = 2 * CALL_TIMEOUT_S) -> None:
    """Wait until every queued message is acknowledged or has failed."""
    with _or_fatal("flush"):
        left = producer.flush(within_s)
    if left:
        raise Fatal(f"{left} messages were not acknowledged in {within_s:.0f} s")


class PartitionSource:
    """A consumer of group members and readers: polling, and which errors end the process."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.consumer = Consumer(dict(settings))

    def poll(self, limit: int, timeout_s: float) -> tuple[list[Stored], dict[Partition, int]]:
        """Return messages, and the partitions read to their end with the offset reached.

        Waits for the first message only: ``consume`` with a time-out would wait for all of it.
        """
        heartbeat.beat()
        with _or_fatal("poll"):
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
    ) -> None:
        # Several topics need their partitions side by side, which only range promises.
        self._cooperative = len(topics) == 1
        self._assigned, self._revoked = assigned, revoked
        self._metadata: Any = None  # until the next rebalance
        super().__init__(
            {
                **kafka.reading(group),
                "client.id": f"{group}-{kafka.instance}",
                "group.instance.id": f"{group}-{kafka.instance}",
                "session.timeout.ms": 6000,
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
        offsets = self._committed(partitions) if partitions else {}
        self._assigned(offsets)
        positions = [TopicPartition(t, p, o if o >= 0 else -2) for (t, p), o in offsets.items()]
        with _or_fatal("assign"):
            if self._cooperative:
                self.consumer.incremental_assign(positions)
            else:
                self.consumer.assign(positions)

    def _revoke(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self._metadata = None
        self._revoked([(each.topic, each.partition) for each in partitions])

    def _committed(self, partitions: list[TopicPartition]) -> dict[Partition, int]:
        deadline = time.monotonic() + 2 * CALL_TIMEOUT_S
        while True:
            positions = [TopicPartition(each.topic, each.partition) for each in partitions]
            try:
                committed = self.consumer.committed(positions, CALL_TIMEOUT_S)
            except KafkaException as failed:
                error = failed.args[0]
            else:
                errors = [each.error for each in committed if each.error is not None]
                if not errors:
                    return {(e.topic, e.partition): max(e.offset, -1) for e in committed}
                error = errors[0]
            if time.monotonic() > deadline:
                raise Fatal(f"committed offsets of {positions}: {error}")
            time.sleep(RETRY_PAUSE_S)

    def group_metadata(self) -> Any:
        """Return the metadata that fences a member which has left its group (KIP-447)."""
        if self._metadata is None:
            self._metadata = self.consumer.consumer_group_metadata()
        return self._metadata

    def rewind(self, offsets: Mapping[Partition, int]) -> None:
        """Read on from these offsets; -1 is the beginning."""
        self._metadata = None
        with _or_fatal("seek"):
            for (topic, partition), offset in offsets.items():
                self.consumer.seek(TopicPartition(topic, partition, offset if offset >= 0 else -2))

    def pause(self, partitions: Iterable[Partition]) -> None:
        """Fetch no more of these partitions."""
        with _or_fatal("pause"):
            self.consumer.pause([TopicPartition(*each) for each in partitions])

    def resume(self, partitions: Iterable[Partition]) -> None:
        """Fetch these partitions again."""
        with _or_fatal("resume"):
            self.consumer.resume([TopicPartition(*each) for each in partitions])

    def end(self, partition: Partition) -> int:
        """Return the end of a partition as last seen, -1 when it was never fetched."""
        with _or_fatal("watermarks"):
            _, high = self.consumer.get_watermark_offsets(TopicPartition(*partition), cached=True)
        return int(high)


def partition_counts(kafka: KafkaSettings, topics: Collection[str]) -> dict[str, int]:
    """Return how many partitions each topic has.

    Raises:
        Fatal: A topic does not exist, or the cluster does not answer.
    """
    try:
        known = AdminClient(kafka.common()).list_topics(timeout=CALL_TIMEOUT_S).topics
    except KafkaException as failed:
        raise Fatal(f"metadata: {failed.args[0]}") from failed
    missing = [name for name in topics if name not in known or not known[name].partitions]
    if missing:
        raise Fatal(f"topics {missing} do not exist; run `regimeflow topics apply`")
    return {name: len(known[name].partitions) for name in topics}


def end_offsets(kafka: KafkaSettings, partitions: Collection[Partition]) -> dict[Partition, int]:
    """Return the read-uncommitted end of each partition; waits for leaders being elected.

    Raises:
        Fatal: The cluster gives no answer.
    """
    admin = AdminClient(kafka.common())
    newest: dict[TopicPartition, Any] = {TopicPartition(*each): LATEST for each in partitions}
    deadline = time.monotonic() + 2 * CALL_TIMEOUT_S
    while True:
        try:
            # Asked first, because a fresh client that has to look for leaders itself may sleep
            # for three seconds over it: seen in 2 of 100 calls.
            admin.list_topics(timeout=CALL_TIMEOUT_S)
            futures = admin.list_offsets(newest, request_timeout=CALL_TIMEOUT_S)
            return {
                (each.topic, each.partition): future.result(CALL_TIMEOUT_S).offset
                for each, future in futures.items()
            }
        except (KafkaException, TimeoutError) as failed:
            if time.monotonic() > deadline:
                raise Fatal(f"end offsets: {failed}") from failed
            time.sleep(RETRY_PAUSE_S)


def producer_of(kafka: KafkaSettings, name: str) -> Any:
    """Return an idempotent producer."""
    return Producer({**kafka.writing(), "client.id": name})
