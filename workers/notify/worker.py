"""Notify as a process: makes events of what the topics say, and sends them to people.

statuses, windows, ledger, models, configs, ideas, dead letters  -->  [notify]
[notify]  -->  system.events.v1
system.events.v1  -->  [a thread for each sink]  -->  Apprise

Events and the offsets of what they are made of are one transaction, so that each is written once;
a second instance of this process would end the first. Sinks read the events from their topic.
Without a sink the events are written all the same: the gateway streams them, and Apprise is not
loaded. It is a process of its own, because the monitor reads uncommitted records and keeps nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from schemas.events import SystemEvent
from schemas.topics import (
    CLOCK_TICKS,
    CONFIG_ACTIVE,
    DRIFT_REPORTS,
    IDEAS,
    LEDGER,
    MODELS_CHANGES,
    MONITOR_WINDOWS,
    SYSTEM_EVENTS,
    TOPICS,
    WORKER_STATUS,
)
from streams.events import EventState, Place, merged, recall, step
from streams.processor import Processor
from streams.runtime.client import Transactions
from streams.runtime.codec import Partition, Received, dead_letter_topic, record_message
from streams.runtime.consumer import IdleGroup
from streams.runtime.reader import Reader
from streams.runtime.settings import Aborted, Fatal, KafkaSettings
from streams.runtime.status import StatusPublisher
from streams.runtime.wall_clock import wall_ms
from streams.topology import PROCESSORS, WORKERS, Worker
from workers.notify.delivery import Flush, Progress, SinkDelivery
from workers.notify.rules import NotifyRules, parse_quiet, parse_rules
from workers.process import SettingsRefused, event_on_signals, fatal
from workers.settings import Settings
from workers.watched_threads import WatchedThreads

if TYPE_CHECKING:
    from workers.notify.sinks import AppriseSink

NAME = "notify"
CONFIRM_EVERY_S = 5.0  # offsets of records that are no news
ROWS: tuple[Processor | Worker, ...] = (*PROCESSORS, *WORKERS)
CONSUMED = {topic for row in ROWS for topic in row.reads}
READS = (
    CLOCK_TICKS,
    LEDGER,
    MODELS_CHANGES,
    DRIFT_REPORTS,
    IDEAS,
    CONFIG_ACTIVE,
    MONITOR_WINDOWS,
    WORKER_STATUS,
    *(dead_letter_topic(topic) for topic in TOPICS if topic in CONSUMED),
)
EVENTS: Partition = (SYSTEM_EVENTS.name, 0)  # it has one partition


def run(settings: Settings, kafka: KafkaSettings) -> int:
    """Run until SIGTERM; returns the exit code."""
    rules, sinks = read_rules(settings), read_sinks(settings)
    stop = event_on_signals()
    status = StatusPublisher(kafka, NAME)
    threads = WatchedThreads(stop)
    try:
        maker = EventMaker(kafka, settings.timeframe_ms)
        outlets = [Outlet(kafka, sink, rules, stop) for sink in sinks]
        for outlet in outlets:
            threads.start(f"sink {outlet.sink.name}", outlet.run)
        maker.run(stop, Saying(status, outlets).look)
        threads.raise_fatal()
    except Fatal as error:
        return fatal(error)
    else:
        status.report("stopping")
        return 0
    finally:
        stop.set()
        threads.join()
        status.close()


def read_rules(settings: Settings) -> NotifyRules:
    """Return the rules of the settings; raises ``SettingsRefused`` that names the wrong one."""
    try:
        least = parse_rules(settings.notify_rules)
    except ValueError as wrong:
        raise SettingsRefused(f"REGIMEFLOW_NOTIFY_RULES: {wrong}") from None
    try:
        quiet = parse_quiet(settings.notify_quiet, settings.notify_time_zone)
    except ValueError as wrong:
        raise SettingsRefused(
            f"REGIMEFLOW_NOTIFY_QUIET, REGIMEFLOW_NOTIFY_TIME_ZONE: {wrong}"
        ) from None
    return NotifyRules(least, quiet, round(settings.notify_window_s * 1000))


def read_sinks(settings: Settings) -> tuple[AppriseSink, ...]:
    """Return the sinks of the settings; raises ``SettingsRefused`` without repeating a URL."""
    urls = settings.notify_urls.get_secret_value() if settings.notify_urls else ""
    if not urls.strip(" ,"):
        return ()
    from workers.notify.sinks import make_sinks

    try:
        return make_sinks(urls)
    except ValueError as wrong:
        raise SettingsRefused(str(wrong)) from None


class Saying:
    """The status of the process: running, or degraded while a sink does not answer."""

    def __init__(self, status: StatusPublisher, outlets: Sequence[Outlet]) -> None:
        self._status, self._outlets = status, outlets
        self._said: str | None = None

    def look(self) -> None:
        """Report a change."""
        silent = [outlet.sink.name for outlet in self._outlets if not outlet.delivery.answers]
        if silent:
            detail = f"sinks that do not answer: {', '.join(silent)}"
        elif self._outlets:
            detail = f"{len(self._outlets)} sinks"
        else:
            detail = "no sink is set: REGIMEFLOW_NOTIFY_URLS names where notifications go"
        if detail != self._said:
            self._status.report("degraded" if silent else "running", detail)
            self._said = detail


class Outlet:
    """One sink and its place in the topic of events, kept as the offset of a group."""

    def __init__(
        self, kafka: KafkaSettings, sink: AppriseSink, rules: NotifyRules, stop: threading.Event
    ) -> None:
        self.sink = sink
        self._kafka, self._stop = kafka, stop
        self._group = f"{NAME}-{sink.id}"
        self._transactions = Transactions(kafka, self._group)
        self._idle = IdleGroup(kafka, self._group)
        offset = self._idle.committed([EVENTS])[EVENTS]
        flush = Flush.from_note(self._idle.note(EVENTS))
        progress = Progress(offset if offset >= 0 else None, flush)
        self.delivery = SinkDelivery(sink, rules, self._commit, progress, stop)

    def run(self) -> None:
        """Deliver until stopped."""
        with self._idle, Reader(self._kafka, (SYSTEM_EVENTS,), follow=True) as reader:
            while not self._stop.is_set():
                for message in reader.take_readable():
                    if isinstance(message.record, SystemEvent) and not self._stop.is_set():
                        self.delivery.take(message.record, message.stored.offset)
                if reader.caught_up and not self._stop.is_set():
                    self.delivery.settle(wall_ms())

    def _commit(self, progress: Progress) -> None:
        offsets, note = {EVENTS: progress.offset or 0}, {EVENTS[1]: progress.flush.note}
        group = self._idle.metadata
        until_committed(lambda: self._transactions.commit((), offsets, group, note))


class EventMaker:
    """Writes the events of the topics, each once."""

    def __init__(self, kafka: KafkaSettings, base_ms: int) -> None:
        self._kafka = kafka
        self._transactions = Transactions(kafka, NAME)
        self._idle = IdleGroup(kafka, NAME)
        self.state = EventState(base_ms)
        self._kept: dict[Partition, int] = {}

    def run(self, stop: threading.Event, look: Callable[[], None]) -> None:
        """Make events until stopped; ``look`` is called between batches."""
        with self._idle, Reader(self._kafka, READS, self._begin(), follow=True) as reader:
            confirm_s = 0.0
            while not stop.is_set():
                events = self._fold(reader.take_readable())
                if events or time.monotonic() >= confirm_s:
                    self._commit(events, reader.positions)
                    confirm_s = time.monotonic() + CONFIRM_EVERY_S
                look()

    def _begin(self) -> dict[Partition, int]:
        """Return where to read on, and recall what was said before; a first start is at the end."""
        with Reader(self._kafka, READS, "end") as newest:
            ends = newest.positions
        committed = self._idle.committed(ends)
        begin = {
            source: committed[source] if committed[source] >= 0 else ends[source] for source in ends
        }
        with Reader(self._kafka, (SYSTEM_EVENTS,)) as written:
            for message in written.read_to_end():
                if isinstance(message.record, SystemEvent):
                    self.state = recall(self.state, message.record)
        with Reader(self._kafka, (WORKER_STATUS, CLOCK_TICKS)) as past:
            earlier = [
                message
                for message in past.read_to_end()
                if message.stored.offset < begin[message.stored.source]
            ]
        self._fold(earlier)
        return begin

    def _fold(self, messages: Sequence[Received]) -> list[SystemEvent]:
        events: list[SystemEvent] = []
        for message in messages:
            stored = message.stored
            place = Place(stored.topic, stored.partition, stored.offset, stored.append_time_ms)
            self.state, made = step(self.state, message.record, place)
            events += made
        return merged(events)

    def _commit(self, events: Sequence[SystemEvent], positions: dict[Partition, int]) -> None:
        offsets = {at: offset for at, offset in positions.items() if self._kept.get(at) != offset}
        messages = [record_message(event, None, self._kafka.git_commit) for event in events]
        group = self._idle.metadata
        until_committed(lambda: self._transactions.commit(messages, offsets, group))
        self._kept = dict(positions)


def until_committed(commit: Callable[[], None]) -> None:
    """Commit one transaction, again where it was aborted; raises ``Fatal``."""
    while True:
        try:
            commit()
        except Aborted:
            continue
        return
