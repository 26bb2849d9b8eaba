"""A sink that is down loses nothing, delays itself alone, and its URL is in no line."""

from __future__ import annotations

import json
import threading

import pytest

from schemas.events import EventKind
from streams.runtime.wall_clock import wall_ms
from tests.build import system_event
from tests.fakes.webhook import Webhook
from workers.notify import delivery
from workers.notify.delivery import Flush, Progress, SinkDelivery
from workers.notify.rules import Message, NotifyRules, parse_rules
from workers.notify.sinks import AppriseSink, make_sinks
from workers.process import LogSettings, configure_logging

RULES = NotifyRules(parse_rules("*=info"), None, 60_000)


class ScriptedSink:
    """Refuses the first ``refusals`` messages; ends the delivery at the ``ends_at``-th attempt."""

    name = "1 (test)"

    def __init__(self, refusals: int = 0) -> None:
        self.refusals, self.taken = refusals, list[Message]()

    def send(self, message: Message) -> bool:
        if self.refusals:
            self.refusals -= 1
            return False
        self.taken.append(message)
        return True


def deliver(sink: ScriptedSink, kept: list[Progress], now_ms: int) -> SinkDelivery:
    """Deliver five events: three repeats, then two of other kinds; then settle after the window."""
    progress = kept[-1] if kept else Progress(0)
    one = SinkDelivery(sink, RULES, kept.append, progress, threading.Event())
    kinds: tuple[EventKind, ...] = ("gap", "gap", "gap", "feed_stale", "model_changed")
    for offset, kind in enumerate(kinds):
        one.take(system_event(kind, event_time_ms=now_ms + offset), offset)
    one.settle(now_ms + 60_001)
    return one


def test_a_sink_that_comes_back_gets_every_event_once(monkeypatch):
    monkeypatch.setattr(delivery, "RETRY_AFTER_S", 0.001)
    sink, kept = ScriptedSink(refusals=3), list[Progress]()

    one = deliver(sink, kept, wall_ms())

    assert one.answers
    assert len(sink.taken) == 4  # the first gap, the stale feed, the model, and the two repeats
    assert "(2 times)" in sink.taken[-1].body
    assert kept[-1] == Progress(5, Flush(kept[-1].flush.time_ms, 5))


@pytest.mark.parametrize("commits", range(5))
def test_a_restart_after_any_commit_sends_the_rest_and_nothing_twice(commits):
    now_ms = wall_ms()
    whole, kept = ScriptedSink(), list[Progress]()
    deliver(whole, kept, now_ms)
    before = kept[:commits]

    again = ScriptedSink()
    deliver(again, [Progress(0), *before], now_ms)

    assert again.taken == whole.taken[min(commits, len(kept)) :]


def test_a_stop_while_a_sink_is_down_keeps_the_event_for_the_next_start():
    stop, kept, sink = threading.Event(), list[Progress](), ScriptedSink(refusals=10**6)
    one = SinkDelivery(sink, RULES, kept.append, Progress(0), stop)
    stopper = threading.Timer(0.05, stop.set)
    stopper.start()

    one.take(system_event("gap", event_time_ms=wall_ms()), 0)
    stopper.join()

    assert not one.answers
    assert kept == []


def test_a_new_sink_is_told_of_the_last_hour_alone():
    sink, now_ms = ScriptedSink(), wall_ms()
    one = SinkDelivery(sink, RULES, lambda _: None, Progress(), threading.Event())

    one.take(system_event("gap", event_time_ms=now_ms - 2 * delivery.NEWS_FOR_MS), 0)
    one.take(system_event("feed_stale", event_time_ms=now_ms), 1)

    assert [message.severity for message in sink.taken] == ["urgent"]


def test_a_flush_outlives_its_note():
    assert Flush.from_note(Flush(5, 7).note) == Flush(5, 7)
    assert Flush.from_note("") == Flush()


def test_a_webhook_that_is_down_takes_no_message_and_takes_it_when_it_is_back():
    message = Message("title", "body", "warning")
    with Webhook() as webhook:
        sink = AppriseSink(webhook.url, 1)
        webhook.down = True
        refused = sink.send(message)
        webhook.down = False
        taken = sink.send(message)
    gone = sink.send(message)

    assert (refused, taken, gone) == (False, True, False)
    assert [body["message"] for body in webhook.bodies] == ["body"]


def test_no_part_of_a_sinks_url_is_in_a_line_or_a_name(monkeypatch):
    token, password = "tok3nInThePath", "pa55word-of-it"
    url = f"json://someone:{password}@127.0.0.1:9/{token}"
    slack = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general"
    monkeypatch.setenv("REGIMEFLOW_NOTIFY_URLS", f"{url},{slack}")
    written: list[str] = []
    configure_logging(LogSettings("test", "DEBUG"), written.append)

    sinks = make_sinks(f"{url},{slack}")
    sinks[0].send(Message("title", "body", "info"))
    with pytest.raises(ValueError, match="URL 1 of REGIMEFLOW_NOTIFY_URLS") as refusal:
        make_sinks(f"nonsense://{password}/{token}")
    delivery.log.error("sink.lost", cause=f"{url} {slack}", remedy="none")
    text = "\n".join([*written, str(refusal.value), *(s.name + s.id for s in sinks)])

    assert json.loads(written[-1])["cause"] == "*** ***"
    for part in (token, password, "T1JJ3T3L2", "TIiajkdnlazkcOXrIdevi7FQ"):
        assert part not in text
    assert [sink.name for sink in sinks] == ["1 (json)", "2 (slack)"]
