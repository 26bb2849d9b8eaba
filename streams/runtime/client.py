"""Kafka as the drivers need it: transactions, publishers, ends of topics.

With ``consumer`` and the topic administration in ``deploy`` the only importer of confluent-kafka.
The settings and the error rules were found by killing a real broker and its clients.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import structlog
from confluent_kafka import (
    IsolationLevel,
    KafkaError,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # re-exported without a list
    AdminClient,
    OffsetSpec,
)

from streams.runtime.codec import Outgoing, Partition
from streams.runtime.heartbeat import heartbeat
from streams.runtime.settings import Aborted, Fatal, KafkaSettings

CALL_TIMEOUT_S = 10.0
RETRY_PAUSE_S = 0.02
NO_NOTES: Mapping[int, str] = {}
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
def or_fatal(what: str) -> Iterator[None]:
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
        self._kafka = kafka
        attempt(self._producer.init_transactions)

    def commit(
        self,
        messages: Iterable[Outgoing],
        offsets: Mapping[Partition, int],
        group: Any,
        notes: Mapping[int, str] = NO_NOTES,
    ) -> None:
        """Write messages and offsets in one transaction.

        Args:
            messages: In order; may be an iterator that makes each when it is written.
            offsets: Next offset of each partition read; empty when nothing was consumed.
            group: Group metadata of the consumer that read them.
            notes: By partition number, a text that is kept with its offsets.

        Raises:
            Aborted: Nothing was written; rewind.
            Fatal: Whether anything was written is unknown; the next start of this id settles it.
        """
        with or_fatal("begin_transaction"):
            self._producer.begin_transaction()
        # Sent while the messages are made. Whoever reads these offsets next waits until this
        # transaction has ended, and only then reads the states that belong to them.
        sending = self._send_offsets(offsets, group, notes) if offsets else None
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

    def drop_pending(
        self, topics: Collection[str], offsets: Mapping[Partition, int], group: Any
    ) -> None:
        """Undo a transaction of this id whose end never reached the log of its group.

        A broker that goes down while a transaction ends may note it as ended before the partitions
        have their markers (Kafka 4.3). The group, and whoever reads committed records, then wait
        for ever. An aborted transaction of the same producer gives each of them a marker: its
        offsets no longer count, nor what it left open. Its inputs come again; where its records
        had been committed, the states know them.

        Only with pending offsets: where they count, what was left open must not be undone.

        Args:
            topics: All that this id writes to.
            offsets: The last ones that the group's log is sure of; they are not changed.
            group: Group metadata of the consumer that owns the partitions.

        Raises:
            Fatal: The cluster does not take it.
        """
        positions = [TopicPartition(t, p, max(o, 0)) for (t, p), o in offsets.items()]
        undecided = undecided_partitions(self._kafka, topics)
        with or_fatal("drop pending offsets"):
            self._producer.begin_transaction()
            for topic, number in undecided:
                self._producer.produce(topic, b"", partition=number)
            self._producer.send_offsets_to_transaction(positions, group, CALL_TIMEOUT_S)
        flush(self._producer)  # an abort drops what has not been sent, and marks nothing then
        attempt(self._producer.abort_transaction)

    def _send_offsets(
        self, offsets: Mapping[Partition, int], group: Any, notes: Mapping[int, str]
    ) -> Future[None]:
        positions = [TopicPartition(t, p, o, notes.get(p, "")) for (t, p), o in offsets.items()]
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
    with or_fatal("flush"):
        left = producer.flush(within_s)
    if left:
        raise Fatal(f"{left} messages were not acknowledged in {within_s:.0f} s")


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


def undecided_partitions(kafka: KafkaSettings, topics: Collection[str]) -> list[Partition]:
    """Return the partitions that hold records of transactions which have not ended.

    Raises:
        Fatal: The cluster gives no answer.
    """
    counts = partition_counts(kafka, list(topics))
    sources = [(name, number) for name, count in counts.items() for number in range(count)]
    stable = end_offsets(kafka, sources, stable=True)
    ends = end_offsets(kafka, sources)
    return [source for source in sources if stable[source] < ends[source]]


def end_offsets(
    kafka: KafkaSettings, partitions: Collection[Partition], *, stable: bool = False
) -> dict[Partition, int]:
    """Return the end of each partition; waits for leaders being elected.

    Args:
        kafka: The cluster.
        partitions: Whose ends.
        stable: The ends of what is decided; by default those of all that is written.

    Raises:
        Fatal: The cluster gives no answer.
    """
    admin = AdminClient(kafka.common())
    newest: dict[TopicPartition, Any] = {TopicPartition(*each): LATEST for each in partitions}
    level = IsolationLevel.READ_COMMITTED if stable else IsolationLevel.READ_UNCOMMITTED
    deadline = time.monotonic() + 2 * CALL_TIMEOUT_S
    while True:
        try:
            # Asked first, because a fresh client that has to look for leaders itself may sleep
            # for three seconds over it: seen in 2 of 100 calls.
            admin.list_topics(timeout=CALL_TIMEOUT_S)
            futures = admin.list_offsets(
                newest, isolation_level=level, request_timeout=CALL_TIMEOUT_S
            )
            return {
                (each.topic, each.partition): future.result(CALL_TIMEOUT_S).offset
                for each, future in futures.items()
            }
        except (KafkaException, TimeoutError) as failed:
            if time.monotonic() > deadline:
                raise Fatal(f"end offsets: {failed}") from failed
            time.sleep(RETRY_PAUSE_S)


def client_error(settings: Mapping[str, str]) -> str:
    """Return why no client can be made with some settings; empty when one can. It has no broker."""
    try:
        Producer({"log_level": 0, "error_cb": lambda _: None, **settings})
    except KafkaException as failed:
        return str(failed.args[0].str()).strip()
    except (TypeError, ValueError, AttributeError, SystemError) as failed:
        return str(failed)
    return ""


def producer_of(kafka: KafkaSettings, name: str) -> Any:
    """Return an idempotent producer."""
    return Producer({**kafka.writing(), "client.id": name})
