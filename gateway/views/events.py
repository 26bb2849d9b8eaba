"""View of what people wait for: the newest events."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.views.newest import NewestRecords
from schemas.events import EventKind, SystemEvent

EVENTS = 1_000  # held; older ones stay on system.events.v1


class EventsView(NewestRecords[SystemEvent]):
    """The newest events, in the order of their topic."""

    def __init__(self) -> None:
        super().__init__(EVENTS)

    def newest(
        self, kind: EventKind | None = None, subject: str | None = None
    ) -> Iterator[tuple[int, SystemEvent]]:
        """Yield offset and event, newest first; None: of any kind, about anything."""
        for offset, event in self.backwards():
            if kind in (None, event.kind) and subject in (None, event.subject):
                yield offset, event
