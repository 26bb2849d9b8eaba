"""The gateway on Kafka: hands over what arrives, publishes, watches the broker and the lags.

The only importer of aiokafka. It reads committed records without a group, each topic's window.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from pydantic import ValidationError

from gateway.client_options import client_options
from gateway.envelope import wall_ms
from gateway.errors import Unavailable, Unconfirmed, describe
from gateway.kafka.lag import group_lag, topic_lag
from gateway.kafka.past import Lengths, read_at, read_back
from gateway.kafka.topics import DEAD_LETTERS, READS, decode, start_offset
from gateway.settings import GatewaySettings
from gateway.views.arrival import Arrival, UnreadableArrival
from schemas.record import Record
from schemas.telemetry import HEADER_GIT_COMMIT, HEADER_SCHEMA, HEADER_TRACE_ID
from schemas.topics import topic_of

log = structlog.get_logger()

Inbox = Callable[[Arrival | UnreadableArrival], None]
Place = tuple[str, int, int]  # topic, partition, offset

SHOWN_ERRORS = 3  # of one unreadable record; the first ones name the fault
POLL_RECORDS = 500
POLL_MS = 200
RETRY_S = 0.5
WATCH_S = 2.0
MEASURE_S = 20.0
PUBLISH_S = 5.0
PRODUCER = {"enable_idempotence": True, "max_request_size": 2_097_152}  # as of every other client


class Bus(Protocol):
    """What the gateway needs of a message bus; wall times of its first and last contact."""

    ready: bool
    connected: bool
    began_ms: int
    heard_ms: int
    lag: dict[str, int]
    process_lag: dict[str, int]

    async def start(self, inbox: Inbox) -> None:
        """Begin to read; returns at once, ``ready`` tells when the past has been read."""
        ...

    async def publish(self, record: Record, trace_id: str = "") -> None:
        """Publish one record durably; raises ``Unavailable`` when the broker is away."""
        ...

    async def publish_all(self, records: Sequence[tuple[Record, str]]) -> list[str]:
        """Publish records with their trace ids; return the cause of each that was refused.

        Waits as long as it takes, and publishes none twice. Raises ``Unavailable`` before the first
        when the broker is away.
        """
        ...

    async def read_again(self, topic: str) -> None:
        """Read a topic once more from its start; returns when its end has been reached.

        Raises ``Unavailable`` when it cannot be read.
        """
        ...

    async def read_back(self, topic: str, lacking: Lengths, inbox: Inbox) -> None:
        """Read what lies before the window of a topic, while some timeframes lack records.

        Raises ``Unavailable`` when it cannot be read.
        """
        ...

    async def fetch(self, places: Sequence[Place]) -> list[Record | None]:
        """Return the record at each topic, partition and offset; None for one that is gone.

        Raises ``Unavailable`` when they cannot be read.
        """
        ...

    async def stop(self) -> None:
        """Stop reading and close every connection."""
        ...


class KafkaBus:
    """``Bus`` on Kafka; survives the broker's absence and reads on from where it was."""

    def __init__(self, settings: GatewaySettings) -> None:
        self.ready = False
        self.connected = False
        self.began_ms = self.heard_ms = 0
        self.lag: dict[str, int] = {}
        self.process_lag: dict[str, int] = {}
        self._settings = settings
        self._client = {
            "bootstrap_servers": settings.kafka_bootstrap_servers,
            "client_id": settings.replica,
            "retry_backoff_ms": 100,
            **client_options(settings.kafka_client),
        }
        self._tasks: list[asyncio.Task[None]] = []
        self._begun: dict[TopicPartition, int] = {}  # where the window of each begins
        self._admin: Any = None
        self._consumer: Any = None
        self._producer: Any = None

    async def start(self, inbox: Inbox) -> None:
        """Begin to read; returns at once."""
        self._tasks = [asyncio.create_task(self._read(inbox), name="read topics")]

    async def stop(self) -> None:
        """Stop reading and close every connection."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._close()

    async def publish(self, record: Record, trace_id: str = "") -> None:
        """Publish one record with all replicas' acknowledgement, else ``Unconfirmed``."""
        self._require_broker()
        try:
            async with asyncio.timeout(PUBLISH_S):
                await (await self._send(record, trace_id))
        except (KafkaError, TimeoutError) as error:
            raise Unconfirmed(type(error).__name__) from error

    async def publish_all(self, records: Sequence[tuple[Record, str]]) -> list[str]:
        """Publish records, all replicas' acknowledgement; return the cause of each refused one.

        The producer repeats what the broker did not acknowledge, and numbers it: none comes twice.
        """
        self._require_broker()
        pending: list[asyncio.Future[object]] = []
        causes: list[str] = []
        for record, trace_id in records:
            try:
                pending.append(await self._send(record, trace_id))
            except KafkaError as error:
                causes.append(repr(error))
        outcomes = await asyncio.gather(*pending, return_exceptions=True)
        return [*causes, *(repr(each) for each in outcomes if isinstance(each, BaseException))]

    def _require_broker(self) -> None:
        if not self.connected or self._producer is None:
            raise Unavailable("the message broker is away; try again in a moment")

    async def _send(self, record: Record, trace_id: str) -> asyncio.Future[object]:
        """Hand a record to the producer; return what ends with its acknowledgement."""
        topic = topic_of(record)
        headers = [
            (HEADER_TRACE_ID, trace_id.encode()),
            (HEADER_SCHEMA, record.schema_name().encode()),
            (HEADER_GIT_COMMIT, self._settings.git_commit.encode()),
        ]
        sent: asyncio.Future[object] = await self._producer.send(
            topic.name, record.encode(), key=topic.key_of(record).encode(), headers=headers
        )
        return sent

    async def read_again(self, topic: str) -> None:
        """Read a topic once more from its start; returns when its end has been reached."""
        if not self.ready or not self.connected:
            raise Unavailable("the message broker is away; try again in a moment")
        partitions = [p for p in self._consumer.assignment() if p.topic == topic]
        try:
            async with asyncio.timeout(PUBLISH_S):
                first = await self._consumer.beginning_offsets(partitions)
                ends = await self._consumer.end_offsets(partitions)
                for partition in partitions:
                    self._consumer.seek(partition, first[partition])
                while any([await self._consumer.position(p) < ends[p] for p in partitions]):  # noqa: ASYNC110 - the reading task moves the positions
                    await asyncio.sleep(POLL_MS / 10_000)
        except (KafkaError, TimeoutError) as error:
            raise Unavailable(f"{topic} could not be read: {type(error).__name__}") from error

    async def read_back(self, topic: str, lacking: Lengths, inbox: Inbox) -> None:
        """Read what lies before the window of a topic, by a consumer of its own."""
        begun = {each: offset for each, offset in self._begun.items() if each.topic == topic}
        consumer = self._new_consumer()
        try:
            await consumer.start()
            await read_back(consumer, begun, lacking, lambda each: self._hand_over(each, inbox))
        except Exception as error:
            log.warning("read.failed", cause=repr(error), remedy="none: it is tried again")
            raise Unavailable(f"{topic} could not be read: {type(error).__name__}") from error
        finally:
            await _end(consumer.stop())
        gc.freeze()

    async def fetch(self, places: Sequence[Place]) -> list[Record | None]:
        """Return the record at each place, by a consumer of its own."""
        self._require_broker()
        consumer = self._new_consumer()
        try:
            async with asyncio.timeout(PUBLISH_S):
                await consumer.start()
                messages = [
                    await read_at(consumer, TopicPartition(topic, partition), offset)
                    for topic, partition, offset in places
                ]
        except (KafkaError, TimeoutError) as error:
            raise Unavailable(f"records could not be read: {type(error).__name__}") from error
        finally:
            await _end(consumer.stop())
        return [each and decode(each.topic, each.headers, each.value) for each in messages]

    async def _read(self, inbox: Inbox) -> None:
        await self._connect()
        first_ends: dict[TopicPartition, int] = {}
        self.connected, failing = True, False
        self.began_ms = self.heard_ms = wall_ms()
        self._tasks.append(asyncio.create_task(self._watch(), name="watch broker"))
        self._tasks.append(asyncio.create_task(self._measure_lags(), name="measure lags"))
        while True:
            try:
                batches = await self._consumer.getmany(timeout_ms=POLL_MS, max_records=POLL_RECORDS)
            except Exception as error:  # noqa: BLE001 - without its reader the gateway would show old views for ever
                if not failing:
                    log.warning("read.failed", cause=repr(error), remedy="none: it is tried again")
                failing = True
                await asyncio.sleep(RETRY_S)
                continue
            failing = False
            for records in batches.values():
                for record in records:
                    self._hand_over(record, inbox)
            if not self.ready:
                gc.freeze()  # views stay: walking them would slow their reading, and stall requests
                self.ready = await self._caught_up(first_ends)
                if self.ready:
                    log.info("views.ready", seconds=(wall_ms() - self.began_ms) / 1_000)
            await asyncio.sleep(0)  # requests are answered between two polls

    async def _connect(self) -> None:
        """Connect and seek, trying until it works."""
        waiting = False
        while True:
            try:
                self._open()
                for client in self._clients():
                    await client.start()
                await self._seek()
            except Exception as error:  # noqa: BLE001 - a gateway that gave up would answer nothing
                if not waiting:
                    log.warning(
                        "broker.lost",
                        reason=repr(error),
                        remedy="none: it is connected to again; check "
                        "REGIMEFLOW_KAFKA_BOOTSTRAP_SERVERS if it stays away",
                    )
                waiting = True
                await self._close()
                await asyncio.sleep(RETRY_S)
            else:
                return

    def _open(self) -> None:
        self._admin = AIOKafkaAdminClient(**self._client)
        self._producer = AIOKafkaProducer(**self._client, **PRODUCER)
        self._consumer = self._new_consumer()

    def _new_consumer(self) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            **self._client,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            max_poll_records=POLL_RECORDS,
        )

    def _clients(self) -> tuple[Any, ...]:
        return (self._admin, self._producer, self._consumer) if self._admin is not None else ()

    async def _close(self) -> None:
        """Close every client."""
        for client in self._clients():
            await _end(client.close() if client is self._admin else client.stop())

    async def _seek(self) -> None:
        """Assign every partition and seek to the start of its window."""
        described = await self._admin.describe_topics()
        present = {row["topic"]: [p["partition"] for p in row["partitions"]] for row in described}
        missing = sorted(READS.keys() - present.keys())
        if missing:
            raise LookupError(f"topics {', '.join(missing)} are missing; run topics apply")
        topics = [*READS, *(name for name in DEAD_LETTERS if name in present)]
        partitions = [TopicPartition(name, p) for name in topics for p in sorted(present[name])]
        self._consumer.assign(partitions)
        first = await self._consumer.beginning_offsets(partitions)
        ends = await self._consumer.end_offsets(partitions)
        series = len(self._settings.universe) * len(self._settings.timeframes)
        for partition in partitions:
            offset = start_offset(partition.topic, first[partition], ends[partition], series)
            self._consumer.seek(partition, offset)
            self._begun[partition] = offset

    def _hand_over(self, record: ConsumerRecord, inbox: Inbox) -> None:
        try:
            inbox(_arrival(record))
        except Exception as error:  # noqa: BLE001 - one bad record must not end the reading
            # No dead letter: every replica would write it again at every start.
            place = record.topic, record.partition, record.offset
            bad = UnreadableArrival(*place, _cause(error), record.timestamp)
            log.warning(
                "record.unreadable",
                topic=bad.topic,
                place=f"{bad.partition}@{bad.offset}",
                cause=bad.cause,
                remedy="none: the views went on without it; /health counts such records",
            )
            inbox(bad)

    async def _caught_up(self, first_ends: dict[TopicPartition, int]) -> bool:
        """Whether every partition was read to the end that its first fetch told.

        That end counts open transactions. A transaction whose commit was just answered may look
        open for a moment: an end before it would call the views ready without its records.
        """
        for partition in self._consumer.assignment():
            end = self._consumer.highwater(partition)
            if end is None or await self._consumer.position(partition) < first_ends.setdefault(
                partition, end
            ):
                return False
        return True

    async def _watch(self) -> None:
        """Ask the broker every two seconds whether it is there; no answer means it is away.

        The lags are measured by a task of their own: on a busy broker they take longer.
        """
        while True:
            try:
                async with asyncio.timeout(WATCH_S):
                    await self._admin.describe_cluster()
                self.connected, self.heard_ms = True, wall_ms()
            except Exception as error:  # noqa: BLE001 - any error means that there is no answer
                if self.connected:
                    log.warning(
                        "broker.lost",
                        reason=repr(error),
                        remedy="none: answers come from the views, and it is connected to again",
                    )
                self.connected = False
            await asyncio.sleep(WATCH_S if self.connected else WATCH_S / 4)

    async def _measure_lags(self) -> None:
        while True:
            try:
                async with asyncio.timeout(MEASURE_S):
                    self.lag = await topic_lag(self._consumer)
                    self.process_lag = await group_lag(self._admin, self._consumer)
            except Exception as error:  # noqa: BLE001 - a lag unknown now is measured again
                log.debug("lag.unknown", cause=repr(error))
            await asyncio.sleep(WATCH_S)


async def _end(stop: Coroutine[Any, Any, None]) -> None:
    """Close a client in a task of its own.

    One that is closed while it waits to fetch again raises what it cancelled itself with.
    """
    closing = asyncio.ensure_future(stop)
    await asyncio.wait({closing}, timeout=PUBLISH_S)
    closing.cancel()
    await asyncio.gather(closing, return_exceptions=True)


def _cause(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return describe(error.errors()[:SHOWN_ERRORS], values=False)
    return str(error) if isinstance(error, ValueError) else repr(error)


def _arrival(record: ConsumerRecord) -> Arrival:
    """Decode a record; raises ``ValueError`` for one that is not of its topic."""
    headers = dict(record.headers)
    return Arrival(
        record=decode(record.topic, record.headers, record.value),
        raw=record.value,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        appended_ms=record.timestamp,
        trace_id=(headers.get(HEADER_TRACE_ID) or b"").decode(errors="replace"),
        git_commit=(headers.get(HEADER_GIT_COMMIT) or b"").decode(errors="replace"),
    )
