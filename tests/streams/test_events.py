"""An event is a change: once for each, the same in every replay, remembered over a restart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.clock import ClockTick
from schemas.dead_letter import DeadLetter
from schemas.events import SystemEvent
from schemas.market import LedgerEntry
from schemas.record import Record
from schemas.status import MonitorWindow
from schemas.timeframes import MINUTE_MS
from schemas.topics import BARS, RAW_BARS
from streams.events import EventState, Place, merged, recall, step
from tests.build import START_MS, closed_idea, drift_report, idea_event, serving, status

STATES = ("starting", "restoring", "running", "degraded", "holding", "stopping", "failed")


def fold(*records: Record, state: EventState | None = None) -> tuple[EventState, list[SystemEvent]]:
    state, events = state or EventState(MINUTE_MS), list[SystemEvent]()
    for number, record in enumerate(records):
        state, made = step(state, record, Place("any.v1", 0, number, START_MS + number))
        events += made
    return state, events


def window(staleness_ms: float, topic: str = RAW_BARS.name) -> MonitorWindow:
    return MonitorWindow(
        subject=f"{topic}/BTCUSDT",
        topic=topic,
        symbol="BTCUSDT",
        event_time_ms=START_MS,
        window_ms=60_000,
        records=1,
        per_second=0.1,
        lateness_p50_ms=None,
        lateness_max_ms=None,
        staleness_ms=staleness_ms,
    )


def kinds(*records: Record) -> list[str]:
    return [event.kind for event in fold(*records)[1]]


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (("running", "degraded", "degraded"), ["process_degraded"]),
        (("running", "degraded", "running"), ["process_degraded", "process_recovered"]),
        (("running", "starting", "running"), ["process_restarted"]),
        (("running", "stopping", "starting", "running"), []),
        (
            ("stopping", "starting", "degraded", "starting", "degraded", "starting", "running"),
            ["process_degraded", "process_recovered"],
        ),
        (("starting", "restoring", "running"), []),
        (("running", "failed", "starting"), ["process_failed", "process_restarted"]),
    ],
)
def test_a_process_is_news_when_its_state_changes(states, expected):
    assert kinds(*(status(state=state) for state in states)) == expected


@given(st.lists(st.sampled_from(STATES), max_size=12))
def test_a_status_that_is_said_again_is_no_news_and_a_replay_makes_the_same_ids(states):
    once = [status(state=state) for state in states]
    twice = [record for record in once for _ in range(2)]

    assert kinds(*once) == kinds(*twice)
    assert fold(*once) == fold(*once)


def test_a_restart_that_recalls_its_events_says_nothing_again():
    records = (
        ClockTick(event_time_ms=START_MS, speed=1.0),
        window(400_000),
        status(state="failed"),
    )
    _, events = fold(*records)
    recalled = EventState(MINUTE_MS, speed=1.0)
    for event in events:
        recalled = recall(recalled, event)

    assert [event.kind for event in events] == ["feed_stale", "process_failed"]
    assert fold(*records, state=recalled)[1] == []


def test_a_feed_is_stale_by_market_time_and_fresh_again_with_its_next_bar():
    slow, fast = (ClockTick(event_time_ms=START_MS, speed=speed) for speed in (1.0, 60.0))

    assert kinds(slow, window(119_000), window(121_000), window(150_000), window(900)) == [
        "feed_stale",
        "feed_fresh",
    ]
    assert kinds(fast, window(29_000), window(31_000)) == ["feed_stale"]
    assert kinds(window(900_000)) == []  # no clock yet
    assert kinds(slow, window(900_000, BARS.name)) == []


def test_a_symbol_that_gets_no_more_bars_is_not_stale():
    ended = status("ingest", ended={"BTCUSDT": START_MS})

    assert kinds(ClockTick(event_time_ms=START_MS, speed=1.0), ended, window(900_000)) == []


def test_gaps_letters_models_and_configs_are_news_and_repairs_are_not():
    entry = LedgerEntry(
        symbol="BTCUSDT",
        timeframe_ms=MINUTE_MS,
        event_time_ms=START_MS,
        kind="gap",
        from_ms=START_MS - 2 * MINUTE_MS,
        to_ms=START_MS,
        bars=2,
    )
    letter = DeadLetter(
        topic=BARS.name,
        partition=0,
        offset=1,
        key="BTCUSDT",
        consumer="features",
        kind="rejected",
        cause="x" * 10_000,
        payload_base64="",
        event_time_ms=START_MS,
    )
    harm = drift_report(60, reasons=("log_loss", "age"), raised=True)
    _, events = fold(
        *(entry, entry.model_copy(update={"kind": "repaired"}), letter, serving()),
        *(drift_report(), harm, harm.model_copy(update={"raised": False})),
    )

    kinds = ["gap", "dead_letter", "model_changed", "model_drift"]
    assert [event.kind for event in events] == kinds
    assert events[-1].text == "m1 does harm at BTCUSDT 1m: log_loss, age"
    assert all(len(event.text) < 500 for event in events)
    assert "topics dlq list" in events[1].remedy


def test_an_idea_is_news_when_it_is_decided_and_when_it_ends():
    unknown = closed_idea(exit_reason="unknown", net_return=None)
    decided, closed, lost = fold(idea_event(), idea_event(action="opened"), closed_idea(), unknown)[
        1
    ]

    assert (decided.kind, decided.subject) == ("idea_decided", "BTCUSDT/1m")
    assert "buy BTCUSDT/1m at the next open: expected +0.40%" in decided.text
    assert "wrong at 100.2, target 100.9" in decided.text
    assert closed.text == "buy BTCUSDT/1m ended at its target: +0.37% net"
    assert (closed.kind, lost.kind) == ("idea_closed", "idea_closed")
    assert "nobody can say" in lost.text


def test_events_of_one_batch_are_merged_with_their_count():
    _, events = fold(status(state="degraded"))
    again = events[0].model_copy(update={"event_id": "other"})

    [event] = merged([*events, again, again])

    assert (event.event_id, event.count) == ("other", 3)
