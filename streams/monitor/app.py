"""The Faust app around ``windows``: reads six topics from their end, publishes what it saw.

The only importer of faust. It reads uncommitted records, commits no offset and owns no topic:
nothing is lost with it. Its counts are approximate, and say so.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import ssl
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import faust
import structlog
from faust.types.auth import SASLMechanism
from pydantic import ValidationError

from schemas.market import RawBar
from schemas.record import Record
from schemas.telemetry import HEADER_TRACE_ID
from schemas.topics import MONITOR_TRACES, MONITOR_WINDOWS, RAW_BARS
from streams.monitor.windows import STAGES, Sighting, TopicTraffic
from streams.runtime.codec import record_message
from streams.runtime.heartbeat import heartbeat
from streams.runtime.metrics import process_metrics
from streams.runtime.settings import KafkaSettings
from streams.runtime.wall_clock import wall_ms

NAME = "monitor"
LOOK_EVERY_S = 1.0
WINDOWS_EVERY_S = 5.0
STOP_WITHIN_S = 4.0
BEHIND_MS = 5_000  # beyond both limits it skips to the end: a fresh sample beats an old whole
BEHIND_RECORDS = 500

TIMEFRAME = re.compile(rb'"timeframe_ms":(\d{1,10})\b')

log = structlog.get_logger()


def run(kafka: KafkaSettings, home: Path) -> int:
    """Watch until SIGTERM or SIGINT; return the exit code.

    Args:
        kafka: The cluster; SASL/TLS settings are passed through.
        home: Folder that Faust may write to.
    """
    home.mkdir(parents=True, exist_ok=True)
    return asyncio.run(_run(kafka, home))


async def _run(kafka: KafkaSettings, home: Path) -> int:
    stop = asyncio.Event()

    def end() -> None:
        stop.set()
        limit = threading.Timer(STOP_WITHIN_S, os._exit, (0,))  # it holds nothing to lose
        limit.daemon = True
        limit.start()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, end)
    app = make_app(kafka, home)
    # Not in the app's own timer: that one waits for a broker that is away.
    beating = asyncio.ensure_future(heartbeat.beat_with_loop())
    stopping = asyncio.ensure_future(stop.wait())
    running = asyncio.ensure_future(_until_stopped(app))
    await asyncio.wait({stopping, running}, return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        log.critical(
            "process.fatal",
            cause=repr(running.exception() or app.crash_reason),
            remedy="none: it is started again",
        )
        os._exit(1)  # the supervisor starts it again; Faust may hang in its own end
    await app.stop()
    beating.cancel()
    return 0


async def _until_stopped(app: Any) -> None:
    await app.start()
    await app.wait()


def make_app(kafka: KafkaSettings, home: Path) -> Any:
    """Return the app, not started; it creates no topic."""
    app = faust.App(
        NAME,
        broker=[f"kafka://{server.strip()}" for server in kafka.bootstrap_servers.split(",")],
        broker_credentials=credentials(kafka.client),
        broker_session_timeout=6.0,
        broker_heartbeat_interval=2.0,
        broker_rebalance_timeout=6.0,
        broker_request_timeout=20.0,
        broker_max_poll_records=500,
        consumer_auto_offset_reset="latest",
        consumer_max_fetch_size=262_144,
        datadir=home,
        key_serializer="raw",
        stream_buffer_maxsize=1_024,
        stream_wait_empty=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        value_serializer="raw",
        web_enabled=False,
    )
    _Monitor(app, kafka.git_commit).attach()
    return app


class _Monitor:
    """What the app does with each record, and once a second."""

    def __init__(self, app: Any, git_commit: str) -> None:
        self._app, self._git_commit = app, git_commit
        self._traffic = TopicTraffic(wall_ms())
        self._seen: dict[Any, tuple[int, int]] = {}  # partition to offset and append time
        self._windows_due = 0.0
        self._metrics = process_metrics()
        # Without acks nothing is committed: every start and every rebalance goes on at the end.
        self._topics = {
            topic.name: app.topic(topic.name, acks=False)
            for topic in (MONITOR_WINDOWS, MONITOR_TRACES)
        }

    def attach(self) -> None:
        app = self._app
        app.agent(app.topic(RAW_BARS.name, *STAGES, acks=False), concurrency=1)(self._read)
        app.timer(LOOK_EVERY_S)(self._look)

    async def _read(self, stream: Any) -> None:
        async for event in stream.events():
            try:
                self._see(event.message)
            except (ValueError, ValidationError) as error:
                # No dead letter: the processor of the topic writes it.
                log.debug("record.skipped", cause=type(error).__name__)

    def _see(self, message: Any) -> None:
        append_ms = round(message.timestamp * 1000)
        self._seen[message.tp] = (message.offset, append_ms)
        self._metrics.records_in.labels(NAME, message.topic).inc()
        trace_id = dict(message.headers or ()).get(HEADER_TRACE_ID)
        if message.key is None or trace_id is None:
            return  # not written by this project
        bar = RawBar.decode(message.value) if message.topic == RAW_BARS.name else None
        timeframe_ms = timeframe_written(message.value) if bar is None else bar.timeframe_ms
        symbol, trace = message.key.decode(), trace_id.decode()
        sighting = Sighting(message.topic, symbol, trace, append_ms, timeframe_ms, bar)
        self._traffic.see(sighting, wall_ms())

    async def _look(self) -> None:
        now_ms = wall_ms()
        for trace in self._traffic.canaries(now_ms):
            await self._publish(trace, trace.trace_id)
        if time.monotonic() >= self._windows_due:
            self._windows_due = time.monotonic() + WINDOWS_EVERY_S
            for window in self._traffic.windows(now_ms):
                await self._publish(window, None)
        await self._catch_up(now_ms)

    async def _publish(self, record: Record, trace_id: str | None) -> None:
        message = record_message(record, trace_id, self._git_commit)
        await self._topics[message.topic].send(
            key=message.key, value=message.value, headers=message.headers
        )
        self._metrics.records_out.labels(NAME, message.topic).inc()

    async def _catch_up(self, now_ms: int) -> None:
        """Skip to the end of a partition that grows faster than it is read."""
        consumer = self._app.consumer
        behind: dict[Any, int] = {}
        for partition in consumer.assignment() & self._seen.keys():
            (offset, append_ms), end = self._seen[partition], consumer.highwater(partition)
            late = now_ms - append_ms > BEHIND_MS
            if late and end is not None and end - offset > BEHIND_RECORDS:
                behind[partition] = end
                self._seen[partition] = (end, now_ms)
        if behind:
            log.debug("monitor.skipped", partitions=len(behind))
            await consumer.seek_wait(behind)


def timeframe_written(value: bytes) -> int:
    """Return the timeframe of an encoded record: its first field of that name.

    To decode records of every topic would cost the monitor most of its time.

    Raises:
        ValueError: There is none.
    """
    written = TIMEFRAME.search(value)
    if written is None:
        raise ValueError("no timeframe_ms")
    return int(written[1])


def credentials(client: Mapping[str, str]) -> Any:
    """Return librdkafka's security settings as Faust takes them; None means plain text.

    Raises:
        ValueError: A protocol or mechanism that Faust does not know.
    """
    protocol = client.get("security.protocol", "PLAINTEXT").upper()
    if protocol not in {"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"}:
        raise ValueError(f"security.protocol {protocol!r} is no protocol of Kafka")
    context = _tls(client) if protocol.endswith("SSL") else None
    if not protocol.startswith("SASL"):
        return context
    name = client.get("sasl.mechanism", client.get("sasl.mechanisms", "PLAIN"))
    values = [mechanism.value for mechanism in SASLMechanism]
    supported = [value for value in values if value.startswith(("PLAIN", "SCRAM"))]
    if name not in supported:
        raise ValueError(f"sasl.mechanism {name!r}: the monitor knows {', '.join(supported)}")
    return faust.SASLCredentials(
        username=client.get("sasl.username"),
        password=client.get("sasl.password"),
        ssl_context=context,
        mechanism=name,
    )


def _tls(client: Mapping[str, str]) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=client.get("ssl.ca.location"))
    if "ssl.certificate.location" in client:
        context.load_cert_chain(client["ssl.certificate.location"], client.get("ssl.key.location"))
    return context
