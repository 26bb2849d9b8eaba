"""What people wait for, made of what the topics say: a pure step, for notifications and the stream.

An event is a change, not a state: a process that says "degraded" every five seconds makes one.
Dead letters and gaps are events each; those of one batch are merged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from schemas.clock import ClockTick
from schemas.configs import ActiveConfig
from schemas.dead_letter import DeadLetter
from schemas.drift import DriftReport
from schemas.events import EventKind, Severity, SystemEvent
from schemas.ideas import IdeaEvent
from schemas.ids import derived_id
from schemas.market import LedgerEntry
from schemas.models import ModelChanged
from schemas.record import Record
from schemas.status import MonitorWindow, WorkerStatus
from schemas.timeframes import STALE_BARS, timeframe_name
from schemas.topics import RAW_BARS, SYSTEM_EVENTS
from schemas.trades import ExitReason

SILENCE_MS = 30_000  # wall clock; a fast market passes two bars while its stream may be silent
LOST = frozenset({"gap", "stall"})  # findings of the ledger that are news
TEXT_LENGTH = 300  # characters of a cause or detail

SEVERITY: Mapping[EventKind, Severity] = {
    "process_degraded": "warning",
    "process_failed": "urgent",
    "process_restarted": "warning",
    "process_recovered": "info",
    "feed_stale": "urgent",
    "feed_fresh": "info",
    "gap": "warning",
    "dead_letter": "warning",
    "model_changed": "info",
    "model_drift": "warning",
    "config_active": "info",
    "idea_decided": "info",
    "idea_closed": "info",
}
ENDED: Mapping[ExitReason, str] = {
    "target": "at its target",
    "invalidation": "where it was wrong",
    "horizon": "at its horizon",
    "reversal": "by a decision for the other side",
}
STATE_AFTER: Mapping[EventKind, str] = {
    "process_degraded": "degraded",
    "process_failed": "failed",
    "process_restarted": "starting",
    "process_recovered": "running",
}


class Place(NamedTuple):
    """Where a record lies on its topic, and when it was written, wall clock."""

    topic: str
    partition: int
    offset: int
    appended_ms: int


@dataclass(frozen=True)
class EventState:
    """What was said last.

    Attributes:
        base_ms: Length of the base bar.
        processes: State of each process.
        stale: Symbols whose feed stands still.
        ended: Symbols that get no more bars.
        speed: Market seconds per second; None before the first tick of the clock.
    """

    base_ms: int
    processes: Mapping[str, str] = field(default_factory=dict)
    stale: frozenset[str] = frozenset()
    ended: frozenset[str] = frozenset()
    speed: float | None = None


class News(NamedTuple):
    """An event before it has its id, time and severity."""

    kind: EventKind
    subject: str
    text: str
    remedy: str = ""


Step = tuple[EventState, list[News]]


def recall(state: EventState, event: SystemEvent) -> EventState:
    """Return the state after an event that was written before: how a restart goes on."""
    if event.kind in STATE_AFTER:
        processes = {**state.processes, event.subject: STATE_AFTER[event.kind]}
        return replace(state, processes=processes)
    if event.kind == "feed_stale":
        return replace(state, stale=state.stale | {event.subject})
    if event.kind == "feed_fresh":
        return replace(state, stale=state.stale - {event.subject})
    return state


def step(state: EventState, record: Record, place: Place) -> tuple[EventState, list[SystemEvent]]:
    """Return the state and the events after a record; one that is no news makes none."""
    state, news = _news(state, record)
    events = [
        SystemEvent(
            event_id=derived_id(
                SYSTEM_EVENTS.name, place.topic, place.partition, place.offset, each.kind
            ),
            kind=each.kind,
            severity=SEVERITY[each.kind],
            subject=each.subject,
            event_time_ms=place.appended_ms,
            text=each.text,
            remedy=each.remedy,
        )
        for each in news
    ]
    return state, events


def merged(events: Iterable[SystemEvent]) -> list[SystemEvent]:
    """Return events with one of each kind and subject: the newest, with the count of all."""
    newest: dict[tuple[str, str], SystemEvent] = {}
    for event in events:
        key = event.kind, event.subject
        count = event.count + (newest[key].count if key in newest else 0)
        newest.pop(key, None)
        newest[key] = event.model_copy(update={"count": count})
    return list(newest.values())


def _news(state: EventState, record: Record) -> Step:
    made: list[News] = []
    match record:
        case WorkerStatus():
            state, made = _status(state, record)
        case MonitorWindow():
            state, made = _window(state, record)
        case ClockTick():
            state = replace(state, speed=record.speed)
        case LedgerEntry() if record.kind in LOST:
            made = [_gap(record)]
        case DeadLetter():
            made = [_letter(record)]
        case ModelChanged():
            made = [_model(record)]
        case DriftReport() if record.raised:
            made = [_drift(record)]
        case ActiveConfig():
            made = [_config(record)]
        case IdeaEvent() if record.action != "opened":  # its decision said where it enters
            made = [_idea(record)]
    return state, made


def _status(state: EventState, status: WorkerStatus) -> Step:
    name, now = status.process, status.state
    before = state.processes.get(name)
    if (before, now) == ("degraded", "starting"):
        now = "degraded"  # it is at its start still, or again: it tells once it runs
    after = replace(
        state,
        processes={**state.processes, name: now},
        ended=state.ended | status.ended.keys(),
    )
    detail = f": {_short(status.detail)}" if status.detail else ""
    remedy = f"`regimeflow logs {name.partition('@')[0]} --level warning` says why"
    if now == before:
        return after, []
    if now == "degraded":
        return after, [News("process_degraded", name, f"{name} is degraded{detail}", remedy)]
    if now == "failed":
        return after, [News("process_failed", name, f"{name} has failed{detail}", remedy)]
    if now == "starting" and before not in {None, "stopping"}:
        return after, [News("process_restarted", name, f"{name} was started again", remedy)]
    if now == "running" and before in {"degraded", "failed"}:
        return after, [News("process_recovered", name, f"{name} runs as it should again")]
    return after, []


def _window(state: EventState, window: MonitorWindow) -> Step:
    symbol, staleness_ms, speed = window.symbol, window.staleness_ms, state.speed
    base = window.topic == RAW_BARS.name and window.timeframe_ms in {None, state.base_ms}
    if not base or staleness_ms is None or speed is None or symbol in state.ended:
        return state, []
    if symbol in state.stale:
        if staleness_ms * speed >= state.base_ms:
            return state, []
        after = replace(state, stale=state.stale - {symbol})
        return after, [News("feed_fresh", symbol, f"bars of {symbol} arrive again")]
    if staleness_ms <= max(STALE_BARS * state.base_ms / speed, SILENCE_MS):
        return state, []
    text = f"no bar of {symbol} has arrived for {staleness_ms / 1000:.0f} s"
    remedy = "look at `regimeflow doctor` and at `regimeflow logs ingest --level warning`"
    after = replace(state, stale=state.stale | {symbol})
    return after, [News("feed_stale", symbol, text, remedy)]


def _gap(entry: LedgerEntry) -> News:
    frame = timeframe_name(entry.timeframe_ms)
    note = f": {_short(entry.note)}" if entry.note else ""
    text = f"{entry.kind} of {entry.bars} bars of {entry.symbol} {frame}{note}"
    return News("gap", entry.symbol, text, "none: it is fetched where the venue still has it")


def _letter(letter: DeadLetter) -> News:
    text = f"{letter.consumer} refused a record of {letter.topic} ({letter.kind}): "
    remedy = f"`regimeflow topics dlq list --topic {letter.topic}` shows it"
    return News("dead_letter", letter.topic, text + _short(letter.cause), remedy)


def _model(change: ModelChanged) -> News:
    model = change.model
    frame = timeframe_name(model.timeframe_ms)
    replaces = f" in place of {change.replaces}" if change.replaces else ""
    text = f"{model.model_version} serves {change.strategy} {frame}{replaces}: "
    return News("model_changed", change.strategy, text + _short(change.reason))


def _drift(report: DriftReport) -> News:
    frame = timeframe_name(report.timeframe_ms)
    text = f"{report.model_version} does harm at {report.symbol} {frame}: "
    if report.reasons == ("age",):
        text = f"{report.model_version} of {report.symbol} {frame} is too old: "
    remedy = "`regimeflow drift` has the numbers; a retraining was asked for"
    return News("model_drift", report.symbol, text + ", ".join(report.reasons), remedy)


def _config(config: ActiveConfig) -> News:
    text = f"config {config.config_id} of {config.strategy} is ACTIVE"
    return News("config_active", config.strategy, text)


def _idea(idea: IdeaEvent) -> News:
    market = f"{idea.symbol}/{timeframe_name(idea.timeframe_ms)}"
    if idea.action == "decided":
        expected = idea.expected_net_return
        text = (
            f"{idea.side} {market} at the next open: expected {expected.mean:+.2%} after costs "
            f"({expected.low:+.2%} to {expected.high:+.2%}), wrong at {idea.stop_price:.8g}, "
            f"target {idea.target_price:.8g}"
        )
        return News("idea_decided", market, text)
    if idea.exit_reason is None or idea.net_return is None:
        text = f"{idea.side} {market}: bars are missing, so nobody can say what it came to"
    else:
        text = f"{idea.side} {market} ended {ENDED[idea.exit_reason]}: {idea.net_return:+.2%} net"
    return News("idea_closed", market, text)


def _short(text: str) -> str:
    return text if len(text) <= TEXT_LENGTH else f"{text[:TEXT_LENGTH]}..."
