"""Archive as a process: writes every fact topic to Parquet files.

every fact topic  -->  [archive]  -->  <archive>/<topic>/<key>/<day>.parquet
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from typing import TYPE_CHECKING

import structlog

from schemas.record import Topic
from schemas.topics import TOPICS
from streams.runtime.codec import Received
from streams.runtime.heartbeat import heartbeat
from streams.runtime.reader import Reader, log_unreadable
from streams.runtime.settings import Fatal, KafkaSettings
from streams.runtime.status import StatusPublisher
from workers.archive.topic_archive import ArchivedRecord, TopicArchive
from workers.process import event_on_signals, fatal
from workers.settings import Settings
from workers.storage import location

if TYPE_CHECKING:
    from workers.storage import Location

FACTS: tuple[Topic, ...] = tuple(t for t in TOPICS if not t.compact and t.retention_ms < 0)

WRITE_EVERY_S = 10.0
MAX_BATCH = 5_000  # records between two writes; a vector of features takes 10 kB

log = structlog.get_logger()


def run(settings: Settings, kafka: KafkaSettings) -> int:
    """Run until SIGTERM, then write what has arrived. Returns the exit code."""
    stop = event_on_signals()
    status = StatusPublisher(kafka, "archive")
    status.report("running")
    try:
        archive_topics(location(settings.archive), kafka, FACTS, stop)
    except Fatal as error:
        return fatal(error)
    else:
        status.report("stopping")
        return 0
    finally:
        status.close()


def archive_topics(
    folder: Location,
    kafka: KafkaSettings,
    topics: tuple[Topic, ...],
    stop: threading.Event,
    *,
    until_end: bool = False,
) -> int:
    """Archive topics until stopped, or up to their present end; returns the records read.

    A record that cannot be decoded is logged and passed over.
    """
    archives = {topic.name: TopicArchive(folder, topic) for topic in topics}
    start = {
        (name, partition): offset
        for name, archive in archives.items()
        for partition, offset in archive.next_offsets().items()
    }
    reader = Reader(kafka, topics, start, follow=not until_end)
    batch: dict[str, list[ArchivedRecord]] = defaultdict(list)
    count = total = 0
    due_s = time.monotonic() + WRITE_EVERY_S
    try:
        while not (stop.is_set() or (until_end and reader.caught_up)):
            for message in reader.take():
                if not isinstance(message, Received):
                    log_unreadable(message)
                    continue
                stored = message.stored
                position = (stored.partition, stored.offset, stored.append_time_ms)
                batch[stored.topic].append(ArchivedRecord(*position, message.record))
                count, total = count + 1, total + 1
            if count >= MAX_BATCH or (count and time.monotonic() >= due_s):
                _write(archives, batch)
                count, due_s = 0, time.monotonic() + WRITE_EVERY_S
        _write(archives, batch)
    finally:
        reader.close()
    return total


def _write(archives: dict[str, TopicArchive], batch: dict[str, list[ArchivedRecord]]) -> None:
    for name, records in batch.items():
        heartbeat.beat()
        archives[name].write(records)
    batch.clear()
