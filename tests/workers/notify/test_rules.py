"""Which events are sent, and when: severities, quiet hours, changes of the clocks, repeats."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import EventKind
from schemas.timeframes import DAY_MS, MINUTE_MS
from tests.build import START_MS, system_event
from workers.notify.rules import (
    NotifyRules,
    PendingEvents,
    QuietHours,
    parse_quiet,
    parse_rules,
    to_message,
)

BERLIN = ZoneInfo("Europe/Berlin")
SPRING_MS = int(datetime(2026, 3, 29, tzinfo=BERLIN).timestamp() * 1000)  # 02:00 becomes 03:00
AUTUMN_MS = int(datetime(2026, 10, 25, tzinfo=BERLIN).timestamp() * 1000)  # 03:00 becomes 02:00
ALL = parse_rules("*=info")
WINDOW_MS = 15 * MINUTE_MS


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp() * 1000)


@given(
    st.integers(0, 1439),
    st.integers(1, 1439),
    st.sampled_from([SPRING_MS, AUTUMN_MS, START_MS]),
    st.integers(-DAY_MS, 2 * DAY_MS),
)
def test_quiet_hours_end_at_the_first_moment_that_is_not_quiet(start, length, day_ms, shift_ms):
    quiet = QuietHours(start, (start + length) % 1440, BERLIN)
    time_ms = day_ms + shift_ms

    end_ms = quiet.until(time_ms)

    assert not quiet.covers(end_ms)
    assert (end_ms == time_ms) == (not quiet.covers(time_ms))
    assert end_ms == time_ms or quiet.covers(end_ms - 1)
    assert end_ms - time_ms <= DAY_MS + 60 * MINUTE_MS


@pytest.mark.parametrize(
    ("time", "end"),
    [
        ("2026-11-28T21:59:00", "2026-11-28T21:59:00"),
        ("2026-11-28T22:00:00", "2026-11-29T07:00:00"),
        ("2026-11-29T03:00:00", "2026-11-29T07:00:00"),
        ("2026-11-29T07:00:00", "2026-11-29T07:00:00"),
        ("2026-03-28T23:00:00", "2026-03-29T07:00:00"),
        ("2026-10-24T23:00:00", "2026-10-25T07:00:00"),
    ],
)
def test_quiet_hours_pass_midnight_and_follow_the_clocks_of_their_zone(time, end):
    quiet = parse_quiet("22:00-07:00", "Europe/Berlin")

    assert quiet is not None
    assert quiet.until(at(time)) == at(end)


def test_an_urgent_event_passes_quiet_hours_and_the_others_come_as_one_message_after_them():
    pending = PendingEvents(NotifyRules(ALL, parse_quiet("22:00-07:00", "Europe/Berlin")))
    night_ms, morning_ms = at("2026-11-28T23:00:00"), at("2026-11-29T07:00:00")

    kinds: tuple[EventKind, ...] = ("gap", "feed_stale", "process_degraded")
    now = [
        pending.take(system_event(kind, event_time_ms=night_ms + n), n)
        for n, kind in enumerate(kinds)
    ]

    assert now == [False, True, False]
    assert pending.pop_due(morning_ms - 1) == []
    assert [event.kind for event in pending.pop_due(morning_ms)] == ["gap", "process_degraded"]
    assert pending.pop_due(morning_ms) == []


@given(st.lists(st.integers(0, 3 * WINDOW_MS), min_size=1, max_size=30))
def test_every_event_is_in_one_message_and_messages_of_a_kind_are_a_window_apart(gaps_ms):
    pending = PendingEvents(NotifyRules(ALL, None, WINDOW_MS))
    messages: list[tuple[int, int]] = []
    time_ms = START_MS
    for number, gap_ms in enumerate(gaps_ms):
        time_ms += gap_ms
        due = sorted({each.due_ms for each in pending.deferred if each.due_ms <= time_ms})
        messages += [(due_ms, len(pending.pop_due(due_ms))) for due_ms in due]
        if pending.take(system_event("gap", event_time_ms=time_ms), number):
            messages.append((time_ms, 1))
    rest = pending.pop_due(time_ms + WINDOW_MS)
    times = [at_ms for at_ms, _ in messages]

    assert sum(count for _, count in messages) + len(rest) == len(gaps_ms)
    assert all(b - a >= WINDOW_MS for a, b in pairwise(times))


@given(
    st.lists(st.integers(0, WINDOW_MS), min_size=1, max_size=20),
    st.integers(0, 19),
)
def test_events_that_are_judged_again_after_a_restart_are_judged_alike(gaps_ms, restart):
    rules = NotifyRules(ALL, None, WINDOW_MS)
    times = [START_MS + sum(gaps_ms[: n + 1]) for n in range(len(gaps_ms))]
    events = [system_event("gap", event_time_ms=time_ms) for time_ms in times]
    first, second = PendingEvents(rules), PendingEvents(rules)

    judged = [first.take(event, offset) for offset, event in enumerate(events)]
    again = [second.take(event, offset) for offset, event in enumerate(events)]
    flushed_ms = times[min(restart, len(times) - 1)]
    first.pop_due(flushed_ms)
    second.drop_sent(flushed_ms, len(events))

    assert judged == again
    assert first.deferred == second.deferred


def test_repeats_are_one_line_with_their_count():
    events = [system_event("gap", text=f"gap {n}", count=2) for n in range(3)]

    message = to_message([*events, system_event("feed_stale")])

    assert "gap 2 (6 times)" in message.body
    assert message.title == "RegimeFlow: 2 events"
    assert message.severity == "urgent"


def test_rules_say_the_least_severity_of_each_kind_in_text_and_in_json():
    text = parse_rules("*=warning, gap=off,model_changed=info")

    assert text == parse_rules('{"*": "warning", "gap": "off", "model_changed": "info"}')
    rules = NotifyRules(text)
    kinds: tuple[EventKind, ...] = (
        "gap",
        "model_changed",
        "config_active",
        "feed_stale",
        "process_degraded",
    )
    assert [rules.wants(system_event(kind)) for kind in kinds] == [False, True, False, True, True]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("gaps=info", "kind 'gaps' is unknown"),
        ("gap=loud", "severity 'loud' of gap is unknown"),
        ("gap", "'gap' is no rule"),
        ('{"gap":', "is no JSON"),
        ('{"gap": 3}', "severity 3 of gap is unknown"),
        ('{"gap": ["info"]}', "of gap is unknown"),
    ],
)
def test_a_wrong_rule_is_named(text, named):
    with pytest.raises(ValueError, match=named):
        parse_rules(text)


@pytest.mark.parametrize(
    ("hours", "zone", "named"),
    [
        ("22-7", "UTC", "quiet hours '22-7'"),
        ("24:00-07:00", "UTC", "quiet hours '24:00-07:00'"),
        ("07:00-07:00", "UTC", "begin when they end"),
        ("22:00-07:00", "Mars/Base", "time zone 'Mars/Base' is unknown"),
        (None, "../etc/passwd", "is unknown"),
        (None, "", "is unknown"),
    ],
)
def test_wrong_quiet_hours_are_named(hours, zone, named):
    with pytest.raises(ValueError, match=named):
        parse_quiet(hours, zone)
