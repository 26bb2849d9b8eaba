"""The symbol chains over a recorded log, in memory: what every topic after the raw bars must hold.

    raw bars, model changes, effective configs  -->  market  -->  inference  -->  signals

These are the live processors. Models are loaded as inference loads them, and serve from the bar
that their change names.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from schemas.configs import ConfigEffective
from schemas.dead_letter import DeadLetter
from schemas.market import Bar, RawBar
from schemas.models import ModelChanged
from schemas.record import Record, Topic
from schemas.signals import Signal
from schemas.topics import (
    BARS,
    FEATURE_VECTORS,
    IDEAS,
    LEDGER,
    PREDICTIONS,
    REGIME_PROBABILITIES,
    SCORED_SIGNALS,
    SIGNALS,
    topic_of,
)
from streams.processor import Processor
from streams.runtime.batch import guarded
from streams.runtime.memory_driver import MemoryDriver
from streams.topology import CHAINS

Prior = tuple[float, float, float]  # shares of sell, neutral, buy

# What a replay makes again, in flow order. Explanations and replies answer to requests, too. Totals
# are left out: they follow from scores and signals, and their topics keep the last of each key; and
# so are results of ideas, which stand in the ideas.
MADE: tuple[Topic, ...] = (
    BARS,
    LEDGER,
    FEATURE_VECTORS,
    REGIME_PROBABILITIES,
    PREDICTIONS,
    SIGNALS,
    SCORED_SIGNALS,
    IDEAS,
)


@dataclass(frozen=True)
class Span:
    """What is counted: event times from ``from_ms`` up to and including ``to_ms``.

    Attributes:
        symbol, timeframe_ms: Only these; None: all.
    """

    from_ms: int = 0
    to_ms: int | None = None
    symbol: str | None = None
    timeframe_ms: int | None = None

    def holds(self, record: Any) -> bool:
        """Whether a record of a symbol chain belongs to the span."""
        return self.timeframe_ms in (None, record.timeframe_ms) and self._covers(record)

    def reads(self, raw: RawBar) -> bool:
        """Whether a raw bar of the span is a bar of its timeframe, or makes one."""
        return self.timeframe_ms in (None, *lengths_ms(raw)) and self._covers(raw)

    def _covers(self, record: Any) -> bool:
        late = self.to_ms is not None and record.event_time_ms > self.to_ms
        return (
            record.event_time_ms >= self.from_ms
            and not late
            and self.symbol in (None, record.symbol)
        )


@dataclass(frozen=True)
class Inference:
    """Predicts bars with the models that it was given.

    Attributes:
        processor: Features and regime probabilities in, predictions out.
        serve: Loads the model of a change; returns why it was refused, or an empty string.
        priors: By model version, the shares of sell, neutral and buy that it was trained on.
    """

    processor: Processor
    serve: Callable[[ModelChanged], str]
    priors: Mapping[str, Prior] = field(default_factory=dict)


def model_inference() -> Inference:
    """Return inference over model files, as the worker runs it."""
    from workers.models.artifact import ArtifactError
    from workers.serving.processor import inference_processor
    from workers.serving.slots import Slots, load_ensemble

    slots = Slots(capacity=sys.maxsize)
    priors: dict[str, Prior] = {}

    def serve(change: ModelChanged) -> str:
        try:
            loaded = load_ensemble(change.model)
        except ArtifactError as refused:
            return f"model {change.model.model_version} refused: {refused}"
        slots.put(change, loaded)
        priors[loaded.version] = loaded.manifest.class_prior
        return ""

    return Inference(inference_processor(slots, lambda: 0, lambda *_: None), serve, priors)


@dataclass
class Recomputation:
    """Runs raw bars, in the order of their topic, through the chains.

    Attributes:
        changes: Model changes in the order of their topic.
        inference: What predicts.
        configs: What inference and signals follow, in the order of its topic.
        until_ms: Bars that close later make nothing in the span, but for the first signal after
            it: what expired in a hole of the bars is scored by that one. A raw bar is only checked
            once this is so of every timeframe that is made of it.
        refused: Models that could not be loaded; the one before went on serving.
    """

    changes: Iterable[ModelChanged]
    inference: Inference
    configs: Iterable[ConfigEffective] = ()
    until_ms: int | None = None
    refused: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        chains = {chain.name: [guarded(p) for p in chain.processors] for chain in CHAINS}
        self._market = MemoryDriver(chains["market"])
        self._checks = MemoryDriver(chains["market"][:1], self._market.states)
        self._inference = MemoryDriver((self.inference.processor,))
        self._signals = MemoryDriver(chains["signals"])
        self._signalled = set[tuple[str, int]]()
        self._ended = set[tuple[str, int]]()
        changes = list(self.changes)
        self._waiting = deque(sorted(changes, key=lambda change: change.effective_from_ms))
        for change in changes:
            for parameters in change.model.regimes:
                effective = {"effective_from_ms": change.effective_from_ms}
                self._market.feed(parameters.model_copy(update=effective))
        for config in self.configs:
            self._inference.feed(config)
            self._signals.feed(config)

    def feed(self, raw: RawBar) -> Iterator[Record]:
        """Yield everything that one raw bar leads to, dead letters included."""
        if self._ended.issuperset((raw.symbol, length) for length in lengths_ms(raw)):
            yield from self._checks.feed(raw)
            return
        while self._waiting and self._waiting[0].effective_from_ms <= raw.event_time_ms:
            refused = self.inference.serve(self._waiting.popleft())
            self.refused += [refused] if refused else []
        market_records = self._market.feed(raw)
        yield from market_records
        predicted = _through(self._inference, market_records)
        yield from predicted
        signals = _through(self._signals, predicted)
        yield from signals
        if self.until_ms is not None:
            self._note_ends(self.until_ms, market_records, signals)

    def _note_ends(
        self, until_ms: int, market_records: Sequence[Record], signals: Sequence[Record]
    ) -> None:
        """Note the series that have left the span: no later bar of theirs makes a record in it."""
        made = [record for record in signals if isinstance(record, Signal)]
        late = {_series(signal) for signal in made if signal.event_time_ms > until_ms}
        self._signalled |= {_series(signal) for signal in made}
        for bar in market_records:
            if not isinstance(bar, Bar) or bar.event_time_ms <= until_ms:
                continue
            if _series(bar) in late or _series(bar) not in self._signalled:
                self._ended.add(_series(bar))


def lengths_ms(raw: RawBar) -> tuple[int, ...]:
    """Return the lengths of the bars that are made of a raw bar, its own first."""
    return (raw.timeframe_ms, *raw.higher_ms)


def _series(record: Bar | Signal) -> tuple[str, int]:
    return record.symbol, record.timeframe_ms


def _through(driver: MemoryDriver, records: Sequence[Record]) -> list[Record]:
    read = {topic for processor in driver.chain for topic in processor.reads}
    inputs = [r for r in records if not isinstance(r, DeadLetter) and topic_of(r) in read]
    return [output for record in inputs for output in driver.feed(record)]
