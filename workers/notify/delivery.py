"""Events to one sink, in a thread of its own: a sink that is down delays itself alone.

The offset of the sink's group is committed after an event was sent, suppressed or deferred, with a
note of the last message of deferred events. After a restart all events are read and judged again;
those before the committed position are not sent again. An event is sent twice in one case: the sink
took it, or did not answer in time, and the process ended before that was committed.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from typing import Protocol

import structlog

from schemas.events import SystemEvent
from streams.runtime.wall_clock import wall_ms
from workers.notify.rules import Message, NotifyRules, PendingEvents, to_message

NEWS_FOR_MS = 3_600_000  # a new sink is told of the last hour
RETRY_AFTER_S, RETRY_AT_MOST_AFTER_S = 1.0, 60.0

log = structlog.get_logger()


class Sink(Protocol):
    """Somewhere a message can be sent."""

    @property
    def name(self) -> str:
        """What people know it by; never its URL."""

    def send(self, message: Message) -> bool:
        """Send a message; return whether it was taken."""


@dataclass(frozen=True)
class Flush:
    """The last message of deferred events: what was due by then and lay before is sent.

    Attributes:
        time_ms: When it was sent, wall clock.
        offset: The position of the sink then.
    """

    time_ms: int = 0
    offset: int = 0

    @classmethod
    def from_note(cls, note: str) -> Flush:
        """Return what ``note`` has written; without one nothing was sent so."""
        return cls(**json.loads(note)) if note else cls()

    @property
    def note(self) -> str:
        """The text that is kept with the committed offset."""
        return json.dumps({"time_ms": self.time_ms, "offset": self.offset})


@dataclass(frozen=True)
class Progress:
    """How far a sink is: the next offset, None for a new one, and its last flush."""

    offset: int | None = None
    flush: Flush = Flush()


class Commit(Protocol):
    """Keeps the progress of a sink."""

    def __call__(self, progress: Progress, /) -> None:
        """Write it; on return it is kept."""


class SinkDelivery:
    """Judges and sends the events of the topic, in their order.

    Args:
        sink: Where they go.
        rules: What is sent, and when.
        commit: Keeps the progress.
        progress: As it was kept last.
        stop: Ends a wait for a sink that is down.
    """

    def __init__(
        self,
        sink: Sink,
        rules: NotifyRules,
        commit: Commit,
        progress: Progress,
        stop: threading.Event,
    ) -> None:
        self.answers = True
        self._sink, self._commit, self._stop = sink, commit, stop
        self._pending = PendingEvents(rules)
        self._flush = progress.flush
        self._sent_before = progress.offset
        self._news_from_ms = wall_ms() - NEWS_FOR_MS
        self._position = self._kept = progress.offset or 0

    def take(self, event: SystemEvent, offset: int) -> None:
        """Take the event at an offset: send, suppress or defer it."""
        if self._sent_before is None and event.event_time_ms < self._news_from_ms:
            self._position = offset + 1
            return
        now = self._pending.take(event, offset)
        if offset < (self._sent_before or 0):
            return
        if now and not self._send([event]):
            return
        self._position = offset + 1
        if now:
            self._keep()

    def settle(self, now_ms: int) -> None:
        """Send what is due and keep the progress; called after each batch of events."""
        self._pending.drop_sent(self._flush.time_ms, self._flush.offset)
        due = self._pending.pop_due(now_ms)
        if due:
            if not self._send(due):
                return
            self._flush = Flush(now_ms, self._position)
        if due or self._position != self._kept:
            self._keep()

    def _keep(self) -> None:
        self._commit(Progress(self._position, self._flush))
        self._kept = self._position

    def _send(self, events: list[SystemEvent]) -> bool:
        """Send one message, again and again until it is taken; False when told to stop."""
        message, wait_s = to_message(events), RETRY_AFTER_S
        while not self._stop.is_set():
            if self._sink.send(message):
                if not self.answers:
                    log.info("sink.answered", sink=self._sink.name)
                self.answers = True
                return True
            if self.answers:
                log.warning(
                    "sink.lost",
                    sink=self._sink.name,
                    remedy="none: it is tried again; `regimeflow notify test` asks each sink",
                )
            self.answers = False
            self._stop.wait(wait_s)
            wait_s = min(2 * wait_s, RETRY_AT_MOST_AFTER_S)
        return False
