"""Which events are sent, and when: kinds, severities, quiet hours, repeats. Pure.

Every decision follows from the event's own time. A restart that reads the events again comes to the
same decisions, and so knows what was sent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from schemas.events import EventKind, Severity, SystemEvent
from schemas.timeframes import DAY_MS, MINUTE_MS

KINDS: tuple[str, ...] = get_args(EventKind)
SEVERITIES: tuple[str, ...] = get_args(Severity)
OFF = "off"
HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")

MESSAGE_LINES = 20  # of one message; services cut longer ones
Key = tuple[str, str]  # kind and subject


@dataclass(frozen=True)
class QuietHours:
    """A span of local time in minutes of the day, end exclusive; it may pass midnight."""

    start: int
    end: int
    zone: ZoneInfo

    def covers(self, time_ms: int) -> bool:
        """Whether a time, UTC epoch milliseconds, lies in the span."""
        local = datetime.fromtimestamp(time_ms / 1000, self.zone)
        minute = local.hour * 60 + local.minute
        if self.start < self.end:
            return self.start <= minute < self.end
        return minute >= self.start or minute < self.end

    def until(self, time_ms: int) -> int:
        """Return the first moment from a time on that is not quiet.

        Minute by minute: the clocks of a zone may skip or repeat the end of the span.
        """
        while self.covers(time_ms):
            time_ms = (time_ms // MINUTE_MS + 1) * MINUTE_MS
        return time_ms


@dataclass(frozen=True)
class NotifyRules:
    """What is sent.

    Attributes:
        least: Least severity of each kind, or ``off``.
        quiet: When only urgent events are sent; None: never.
        window_ms: Repeats of a kind and subject within this time are one message.
    """

    least: Mapping[str, str]
    quiet: QuietHours | None = None
    window_ms: int = 900_000

    def wants(self, event: SystemEvent) -> bool:
        """Whether an event is sent at all."""
        least = self.least[event.kind]
        return least != OFF and SEVERITIES.index(event.severity) >= SEVERITIES.index(least)

    def due_ms(self, event: SystemEvent, time_ms: int) -> int:
        """Return when an event may be sent that is ready at a time."""
        if event.severity == "urgent" or self.quiet is None:
            return time_ms
        return self.quiet.until(time_ms)


def parse_rules(text: str) -> dict[str, str]:
    """Return the least severity of each kind; raises ``ValueError`` that names the wrong part."""
    named = _json_rules(text) if text.lstrip().startswith("{") else _text_rules(text)
    expected = f"{', '.join((*SEVERITIES, OFF))}"
    for kind, least in named.items():
        if kind != "*" and kind not in KINDS:
            raise ValueError(f"kind {kind!r} is unknown, expected * or one of {', '.join(KINDS)}")
        if least not in (*SEVERITIES, OFF):
            raise ValueError(f"severity {least!r} of {kind} is unknown, expected one of {expected}")
    return {kind: named.get(kind, named.get("*", "info")) for kind in KINDS}


def _json_rules(text: str) -> dict[str, Any]:
    try:
        named = json.loads(text)
    except ValueError:
        raise ValueError(f'{text!r} is no JSON, expected such as {{"gap": "urgent"}}') from None
    return dict(named)


def _text_rules(text: str) -> dict[str, str]:
    named: dict[str, str] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        kind, equals, least = part.partition("=")
        if not equals:
            raise ValueError(f"{part!r} is no rule, expected KIND=SEVERITY such as gap=urgent")
        named[kind.strip()] = least.strip()
    return named


def parse_quiet(hours: str | None, zone: str) -> QuietHours | None:
    """Return the quiet hours; raises ``ValueError`` that names the value and what is expected."""
    try:
        place = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"time zone {zone!r} is unknown, expected such as Europe/Berlin") from None
    if not hours:
        return None
    match = HOURS.fullmatch(hours.strip())
    if match is None:
        raise ValueError(f"quiet hours {hours!r}, expected such as 22:00-07:00")
    first, first_minute, last, last_minute = map(int, match.groups())
    start, end = first * 60 + first_minute, last * 60 + last_minute
    if start == end:
        raise ValueError(f"quiet hours {hours!r} begin when they end, expected such as 22:00-07:00")
    return QuietHours(start, end, place)


@dataclass(frozen=True)
class Deferred:
    """An event that is sent later."""

    due_ms: int
    offset: int  # of the event on its topic
    event: SystemEvent


@dataclass
class PendingEvents:
    """What one sink has been sent, and what waits for a window or for quiet hours to end."""

    rules: NotifyRules
    deferred: list[Deferred] = field(default_factory=list)
    _due: dict[Key, int] = field(default_factory=dict)  # when the newest message was or will be

    def take(self, event: SystemEvent, offset: int) -> bool:
        """Take the next event; return whether it is sent at once."""
        if not self.rules.wants(event):
            return False
        key, now_ms = (event.kind, event.subject), event.event_time_ms
        due_ms = self._due.get(key)
        if due_ms is None or due_ms + self.rules.window_ms <= now_ms:
            due_ms = self.rules.due_ms(event, now_ms)
        elif due_ms <= now_ms:  # it repeats what was sent
            due_ms = self.rules.due_ms(event, due_ms + self.rules.window_ms)
        self._due[key] = due_ms
        if due_ms <= now_ms:
            self._forget(now_ms)
            return True
        self.deferred.append(Deferred(due_ms, offset, event))
        return False

    def pop_due(self, now_ms: int) -> list[SystemEvent]:
        """Remove and return what is due at a time, in the order of the events."""
        due = [each.event for each in self.deferred if each.due_ms <= now_ms]
        self.deferred = [each for each in self.deferred if each.due_ms > now_ms]
        return due

    def drop_sent(self, flushed_ms: int, flushed_offset: int) -> None:
        """Remove what was due at a flush and lay before its offset: it was sent."""
        self.deferred = [
            each
            for each in self.deferred
            if each.due_ms > flushed_ms or each.offset >= flushed_offset
        ]

    def _forget(self, now_ms: int) -> None:
        oldest_ms = now_ms - self.rules.window_ms - DAY_MS
        self._due = {key: due_ms for key, due_ms in self._due.items() if due_ms >= oldest_ms}


@dataclass(frozen=True)
class Message:
    """What a sink is given."""

    title: str
    body: str
    severity: Severity


def to_message(events: Iterable[SystemEvent]) -> Message:
    """Return the one message of some events; those of a kind and subject are one line."""
    newest: dict[Key, SystemEvent] = {}
    counts: dict[Key, int] = {}
    for event in events:
        key = event.kind, event.subject
        newest[key], counts[key] = event, counts.get(key, 0) + event.count
    lines = [_line(event, counts[key]) for key, event in newest.items()]
    shown = lines[:MESSAGE_LINES]
    if len(lines) > len(shown):
        shown.append(
            f"and {len(lines) - len(shown)} more: `regimeflow topics tail system.events.v1`"
        )
    worst = max((event.severity for event in newest.values()), key=SEVERITIES.index)
    [first, *others] = newest.values()
    title = f"RegimeFlow: {len(lines)} events" if others else f"RegimeFlow: {first.text}"
    return Message(title[:120], "\n".join(shown), worst)


def _line(event: SystemEvent, count: int) -> str:
    times = f" ({count} times)" if count > 1 else ""
    remedy = f"\n  {event.remedy}" if event.remedy else ""
    return f"{event.severity}: {event.text}{times}{remedy}"
