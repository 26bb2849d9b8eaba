"""Traces from the views: what they hold of an id, and what is older than they reach."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

from gateway.context import AppContext
from gateway.errors import Unknown
from gateway.views.compact import CompactSignal
from gateway.views.read_model import ReadModel
from schemas.explanations import Explanation
from schemas.ids import derived_id
from schemas.market import Bar
from schemas.record import Record
from schemas.regimes import RegimeProbabilities
from schemas.signals import ScoredSignal, Signal
from schemas.topics import (
    BARS,
    EXPLANATIONS,
    REGIME_PROBABILITIES,
    SCORED_SIGNALS,
    SIGNALS,
    topic_of,
)
from streams.trace.graph import ID_KINDS, Made, trace
from streams.trace.nodes import TracedRecord

CONFIG_ID = re.compile(r"v[1-9][0-9]*-[0-9a-f]{8}")
REACH = "not held by this gateway's views; `regimeflow trace` reads the topics"


def trace_views(ctx: AppContext, identifier: str, newest: int) -> dict[str, Any]:
    """Return the trace of an id as JSON; raises ``Unknown`` for an id that no view holds."""
    views = ctx.views
    signals = [_traced_signal(each) for each in _signals(views, identifier)]
    records = [_traced(arrival.record, arrival) for arrival in views.origins]
    for compact in _signals(views, identifier):
        records += _beside(views, compact)
    result = trace(identifier, [*records, *signals], _made(views, identifier, newest))
    if not result.nodes:
        raise Unknown(f"{identifier!r} is {REACH}; an id is that of a {ID_KINDS}")
    if not any(root.kind in ("model", "config") for root in result.roots):
        result.signals_made = None
    return result.document(REACH)


def _signals(views: ReadModel, identifier: str) -> list[CompactSignal]:
    """Return the signal that an id names, also by its prediction."""
    ids = (identifier, derived_id(SIGNALS.name, identifier))
    return [views.signals[each] for each in ids if each in views.signals]


def _made(views: ReadModel, identifier: str, newest: int) -> Made:
    """Return the signals of a model or a config; reads their bytes for a config alone."""
    name = identifier.rpartition("/")[2]
    config = f'"config_id":"{name}"'.encode() if CONFIG_ID.fullmatch(name) else None
    made = [
        each
        for each in views.signals.values()
        if each.model_version == name or (config is not None and config in each.raw)
    ]
    made.sort(key=lambda each: each.event_time_ms, reverse=True)
    return Made(len(made), [_traced_signal(each) for each in islice(made, newest)])


def _beside(views: ReadModel, signal: CompactSignal) -> Iterator[TracedRecord]:
    """Yield what the views hold at the bar of a signal."""
    view = views.series(signal.symbol, signal.timeframe_ms)
    bar = view.bars.get(signal.event_time_ms)
    if bar is not None:
        yield TracedRecord(Bar.decode(bar.raw), BARS.name, bar.partition, bar.offset)
    for raw, kind, topic in (
        (view.regimes.get(signal.event_time_ms), RegimeProbabilities, REGIME_PROBABILITIES),
        (views.score(signal), ScoredSignal, SCORED_SIGNALS),
        (views.explanation(signal), Explanation, EXPLANATIONS),
    ):
        if raw is not None:
            record: Record = kind.decode(raw)
            yield TracedRecord(record, topic.name)


def _traced_signal(compact: CompactSignal) -> TracedRecord:
    return TracedRecord(
        Signal.decode(compact.raw),
        SIGNALS.name,
        compact.partition,
        compact.offset,
        compact.trace_id or None,
        compact.git_commit or None,
    )


def _traced(record: Record, arrival: Any) -> TracedRecord:
    return TracedRecord(
        record,
        topic_of(record).name,
        arrival.partition,
        arrival.offset,
        arrival.trace_id or None,
        arrival.git_commit or None,
    )
