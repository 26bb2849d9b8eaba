"""View of what people wait for: the newest events."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from schemas.events import EventKind, SystemEvent

EVENTS = 1_000  # held; older ones stay on system.events.v1


class EventsView:
    """The newest events, in the order of their topic."""

    def __init__(self) -> None:
        self._events: deque[tuple[int, SystemEvent]] = deque(maxlen=EVENTS)
        self._last = -1  # offset; the topic has one partition

    def put(self, event: SystemEvent, offset: int) -> None:
        """Take an event from its place; one that was taken before changes nothing."""
        if offset > self._last:
            self._last = offset
            self._events.append((offset, event))

    def newest(
        self, kind: EventKind | None = None, subject: str | None = None
    ) -> Iterator[tuple[int, SystemEvent]]:
        """Yield offset and event, newest first; None: of any kind, about anything."""
        for offset, event in reversed(self._events):
            if kind in (None, event.kind) and subject in (None, event.subject):
                yield offset, event
