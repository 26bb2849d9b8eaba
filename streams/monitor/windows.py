"""Rate, delay and silence of each topic, symbol and timeframe, and the canaries.

    raw bars, bars, features, regimes, predictions, signals  -->  [monitor]  -->  windows, traces

A record's delay is its append time minus that of the raw bar of the same trace, which is the base
bar that closed it. Both are wall clock, so a delay means the same at any speed of the market. The
base bar is the shortest one seen of a symbol; canaries follow it alone. Pure: the clock is an
argument.
"""

from __future__ import annotations

import statistics
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import NamedTuple

from schemas.market import RawBar
from schemas.status import CanaryTrace, MonitorWindow
from schemas.timeframes import MINUTE_MS
from schemas.topics import (
    BARS,
    FEATURE_VECTORS,
    PREDICTIONS,
    RAW_BARS,
    REGIME_PROBABILITIES,
    SIGNALS,
)

START = RAW_BARS.name
STAGES = tuple(
    topic.name for topic in (BARS, FEATURE_VECTORS, REGIME_PROBABILITIES, PREDICTIONS, SIGNALS)
)

WINDOW_MS = MINUTE_MS
CANARY_EVERY_MS = 5_000  # a symbol
CANARY_WITHIN_MS = 10_000  # after that, stages not seen stay null
FRESH_MS = 3_000  # with an older raw bar the monitor itself is behind
TRACES_KEPT = 8_192  # bars under way; 5 MB
SAMPLES_A_SECOND = 32  # delays kept for the median


class Sighting(NamedTuple):
    """A record seen on a topic; ``bar`` is the record itself on the raw topic only."""

    topic: str
    symbol: str
    trace_id: str
    append_time_ms: int
    timeframe_ms: int
    bar: RawBar | None = None


@dataclass
class _Second:
    """Records appended in one second."""

    records: int = 0
    delays: list[float] = field(default_factory=list)
    slowest: float | None = None


@dataclass
class _Subject:
    """One topic, symbol and timeframe."""

    last_append_ms: int
    seconds: dict[int, _Second] = field(default_factory=dict)

    def count(self, append_ms: int) -> None:
        self.seconds.setdefault(append_ms // 1000, _Second()).records += 1

    def add_delay(self, append_ms: int, delay_ms: float) -> None:
        second = self.seconds.get(append_ms // 1000)
        if second is None:  # it has left the window
            return
        if len(second.delays) < SAMPLES_A_SECOND:
            second.delays.append(delay_ms)
        second.slowest = max(delay_ms, second.slowest or 0.0)


@dataclass
class _Trace:
    """Append times of the records that one raw bar led to, wall clock ms."""

    start_ms: int | None = None
    appended: dict[tuple[str, int], int] = field(default_factory=dict)  # by topic and timeframe

    def delay(self, topic: str, timeframe_ms: int) -> float | None:
        """Return ms from the raw bar to a topic; 0 where brokers' clocks differ a little."""
        appended = self.appended.get((topic, timeframe_ms))
        if appended is None or self.start_ms is None:
            return None
        return float(max(appended - self.start_ms, 0))


class TopicTraffic:
    """Records seen in the last minute; symbols and kept traces bound its memory.

    Args:
        started_ms: Wall clock; a window is shorter until a whole one has passed since.
    """

    def __init__(self, started_ms: int) -> None:
        self._started_ms = started_ms
        self._subjects: dict[tuple[str, str, int], _Subject] = {}
        self._base_ms: dict[str, int] = {}  # by symbol, its shortest bar
        self._traces: OrderedDict[str, _Trace] = OrderedDict()
        self._canaries: dict[str, tuple[str, RawBar, _Trace]] = {}
        self._last_bar_ms: dict[str, int] = {}
        self._canary_due_ms: dict[str, int] = {}

    def see(self, sighting: Sighting, now_ms: int) -> None:
        """Count one record; topics may arrive in any order, and any record twice."""
        topic, symbol, append_ms = sighting.topic, sighting.symbol, sighting.append_time_ms
        timeframe_ms = sighting.timeframe_ms
        self._base_ms[symbol] = min(timeframe_ms, self._base_ms.get(symbol, timeframe_ms))
        subject = self._subjects.setdefault((topic, symbol, timeframe_ms), _Subject(append_ms))
        subject.last_append_ms = max(subject.last_append_ms, append_ms)
        if append_ms > now_ms - WINDOW_MS:
            subject.count(append_ms)
        trace = self._trace(sighting.trace_id)
        if (topic, timeframe_ms) in trace.appended:
            return
        trace.appended[topic, timeframe_ms] = append_ms
        if topic == START:
            trace.start_ms = append_ms
            for later in trace.appended.keys() - {(START, timeframe_ms)}:
                self._add_delay(later, symbol, trace)
            self._send_canary(sighting, trace, now_ms)
        else:
            self._add_delay((topic, timeframe_ms), symbol, trace)

    def windows(self, now_ms: int) -> list[MonitorWindow]:
        """Return one window for each subject ever seen; forget records before it."""
        length_ms = min(max(now_ms - self._started_ms, 1000), WINDOW_MS)
        return [
            _window(self._name(*place), place, subject, (now_ms, length_ms))
            for place, subject in sorted(self._subjects.items())
        ]

    def _name(self, topic: str, symbol: str, timeframe_ms: int) -> str:
        base = timeframe_ms == self._base_ms[symbol]
        return f"{topic}/{symbol}" if base else f"{topic}/{symbol}/{timeframe_ms}"

    def canaries(self, now_ms: int) -> list[CanaryTrace]:
        """Return the canaries that have arrived or run out of time, each one once."""
        ended = []
        for symbol, (trace_id, bar, trace) in list(self._canaries.items()):
            stages = {topic: trace.delay(topic, bar.timeframe_ms) for topic in STAGES}
            complete = None not in stages.values()
            if complete or now_ms - (trace.start_ms or 0) > CANARY_WITHIN_MS:
                del self._canaries[symbol]
                ended.append(
                    CanaryTrace(
                        trace_id=trace_id,
                        symbol=symbol,
                        event_time_ms=bar.event_time_ms,
                        stages_ms=stages,
                        complete=complete,
                    )
                )
        return ended

    def _trace(self, trace_id: str) -> _Trace:
        trace = self._traces.get(trace_id)
        if trace is None:
            trace = self._traces[trace_id] = _Trace()
            if len(self._traces) > TRACES_KEPT:
                self._traces.popitem(last=False)
        return trace

    def _add_delay(self, place: tuple[str, int], symbol: str, trace: _Trace) -> None:
        topic, timeframe_ms = place
        delay_ms = trace.delay(topic, timeframe_ms)
        subject = self._subjects.get((topic, symbol, timeframe_ms))
        if delay_ms is not None and subject is not None:
            subject.add_delay(trace.appended[place], delay_ms)

    def _send_canary(self, sighting: Sighting, trace: _Trace, now_ms: int) -> None:
        """Follow this bar if it should reach every stage and the symbol has no canary yet."""
        symbol, bar = sighting.symbol, sighting.bar
        if bar is None or bar.timeframe_ms > self._base_ms[symbol]:
            return  # history of a higher timeframe is not predicted
        if bar.revision or bar.event_time_ms <= self._last_bar_ms.get(symbol, -1):
            return  # corrections and repeats go no further than the market processor
        self._last_bar_ms[symbol] = bar.event_time_ms
        due = now_ms >= self._canary_due_ms.get(symbol, 0)
        fresh = now_ms - sighting.append_time_ms <= FRESH_MS
        if due and fresh and symbol not in self._canaries:
            self._canary_due_ms[symbol] = now_ms + CANARY_EVERY_MS
            self._canaries[symbol] = (sighting.trace_id, bar, trace)


def _window(
    name: str, place: tuple[str, str, int], subject: _Subject, span: tuple[int, int]
) -> MonitorWindow:
    (topic, symbol, timeframe_ms), (now_ms, length_ms) = place, span
    first = (now_ms - WINDOW_MS) // 1000 + 1
    for old in [second for second in subject.seconds if second < first]:
        del subject.seconds[old]
    seconds = subject.seconds.values()
    records = sum(second.records for second in seconds)
    delays = [delay for second in seconds for delay in second.delays]
    slowest = [second.slowest for second in seconds if second.slowest is not None]
    return MonitorWindow(
        subject=name,
        topic=topic,
        symbol=symbol,
        event_time_ms=now_ms,
        window_ms=length_ms,
        records=records,
        per_second=records / (length_ms / 1000),
        lateness_p50_ms=statistics.median(delays) if delays else None,
        lateness_max_ms=max(slowest, default=None),
        staleness_ms=float(max(now_ms - subject.last_append_ms, 0)),
        timeframe_ms=timeframe_ms,
    )
