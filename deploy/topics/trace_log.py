"""A trace read from the topics: it finds whatever was ever logged and is still kept."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from schemas.record import Topic
from schemas.signals import ScoredSignal
from schemas.telemetry import HEADER_GIT_COMMIT
from schemas.topics import (
    BACKTEST_REQUESTS,
    BARS,
    COMMAND_OUTCOMES,
    CONFIG_CHANGES,
    CONFIG_COMMANDS,
    EXPLANATIONS,
    FEATURE_VECTORS,
    JOB_RESULTS,
    MODELS_CHANGES,
    MODELS_REGISTERED,
    PREDICTIONS,
    RAW_BARS,
    REGIME_PROBABILITIES,
    SCORED_SIGNALS,
    SIGNALS,
    TRAINING_REQUESTS,
    TUNING_REQUESTS,
    topic_named,
)
from streams.runtime.codec import Received, Stored, Unreadable, received
from streams.runtime.reader import OnProgress, Reader
from streams.runtime.settings import KafkaSettings
from streams.trace.graph import Made, Trace, trace
from streams.trace.nodes import TracedRecord

# A record a model, a config or a job: few, and read whole.
FEW = (
    *(TRAINING_REQUESTS, MODELS_REGISTERED, MODELS_CHANGES),
    *(CONFIG_COMMANDS, CONFIG_CHANGES, COMMAND_OUTCOMES),
    *(BACKTEST_REQUESTS, TUNING_REQUESTS, JOB_RESULTS),
)
# A record a bar: only those are decoded that hold the id, or that stand at its bar.
WITH_IDS = (PREDICTIONS, SIGNALS, SCORED_SIGNALS, EXPLANATIONS)
OF_BARS = (RAW_BARS, BARS, FEATURE_VECTORS, REGIME_PROBABILITIES, *WITH_IDS)
EVENT_TIME = re.compile(rb'"(?:event|signal)_time_ms":([0-9]+)')
LENGTH = re.compile(rb'"timeframe_ms":([0-9]+)')


@dataclass
class _Search:
    """What one reading looks for by the bytes of records."""

    identifier: bytes
    newest: int
    maker: re.Pattern[bytes]
    made: int = 0
    signals: deque[Stored] = field(init=False)
    few: frozenset[str] = frozenset(topic.name for topic in FEW)

    def __post_init__(self) -> None:
        self.signals = deque(maxlen=self.newest)

    def wants(self, stored: Stored) -> bool:
        """Whether to decode a message; a signal of the model or config is counted too."""
        value = stored.value or b""
        if stored.topic in self.few:
            return True
        if self.identifier not in value:
            return False
        if stored.topic == SIGNALS.name and self.maker.search(value):
            self.made += 1
            self.signals.append(stored)
            return False
        return not self.maker.search(value)


def trace_topics(
    kafka: KafkaSettings, identifier: str, *, newest: int, progress: OnProgress | None = None
) -> Trace:
    """Return the trace of an id; without a node if no topic holds it.

    Args:
        kafka: The cluster.
        identifier: Of a signal, prediction, job, command, config, model or training request.
        newest: How many signals of a model or a config to show.
        progress: Called with offsets read and offsets in all, for each of two readings.
    """
    name = identifier.rpartition("/")[2].encode()  # signals hold a config's id without its strategy
    maker = re.compile(rb'"(?:model_version|config_id)":"' + re.escape(name) + b'"')
    search = _Search(name, newest, maker)
    records = [
        _traced(message) for message in _read(kafka, (*FEW, *WITH_IDS), search.wants, progress)
    ]
    made = Made(search.made, [_traced(_decoded(stored)) for stored in search.signals])
    bars = _bars(records)
    if bars:
        known = {(each.topic, each.partition, each.offset) for each in records}
        at_bars = _read(kafka, OF_BARS, lambda stored: _stands_at(stored, bars), progress)
        records += [_traced(message) for message in at_bars if _place(message.stored) not in known]
    result = trace(identifier, records, made)
    if not any(root.kind in ("model", "config") for root in result.roots):
        result.signals_made = None
    return result


def _read(
    kafka: KafkaSettings,
    topics: tuple[Topic, ...],
    only: Callable[[Stored], bool],
    progress: OnProgress | None,
) -> Iterator[Received]:
    with Reader(kafka, topics, only=only) as reader:
        yield from reader.read_to_end(progress=progress)


Bars = dict[bytes, set[tuple[int, int]]]  # close and length of bars, by symbol


def _bars(records: list[TracedRecord]) -> Bars:
    """Return at which bars the records of bars stand that hold the id."""
    bars: Bars = {}
    for traced in records:
        if topic_named(traced.topic) in WITH_IDS:
            record: Any = traced.record
            scored = isinstance(record, ScoredSignal)
            close_ms = record.signal_time_ms if scored else record.event_time_ms
            at_symbol = bars.setdefault(record.symbol.encode(), set())
            at_symbol.add((close_ms, record.timeframe_ms))
    return bars


def _stands_at(stored: Stored, bars: Bars) -> bool:
    """Whether a message is of one of the bars, or a raw bar within one."""
    wanted, value = bars.get(stored.key or b""), stored.value or b""
    if wanted is None:
        return False
    times = {int(text) for text in EVENT_TIME.findall(value)}
    length = LENGTH.search(value)
    if not times or length is None:
        return False
    length_ms = int(length[1])
    if stored.topic == RAW_BARS.name:
        return any(
            close - bar_ms < time <= close and length_ms <= bar_ms
            for time in times
            for close, bar_ms in wanted
        )
    return any(close in times and length_ms == bar_ms for close, bar_ms in wanted)


def _place(stored: Stored) -> tuple[str, int, int]:
    return stored.topic, stored.partition, stored.offset


def _decoded(stored: Stored) -> Received:
    message = received(topic_named(stored.topic), stored)
    if isinstance(message, Unreadable):
        place = f"{stored.topic} {stored.partition}@{stored.offset}"
        raise ValueError(f"{place} cannot be read: {message.cause}")  # noqa: TRY004 - its bytes are wrong
    return message


def _traced(message: Received) -> TracedRecord:
    stored = message.stored
    commit = dict(stored.headers).get(HEADER_GIT_COMMIT)
    return TracedRecord(
        message.record,
        stored.topic,
        stored.partition,
        stored.offset,
        message.trace_id,
        None if commit is None else commit.decode(errors="replace"),
    )
