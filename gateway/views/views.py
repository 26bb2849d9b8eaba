"""Read models: everything the gateway answers from, folded from topics, rebuilt at start.

Holds the newest ``WINDOW`` bars of each symbol and what belongs to them; of many symbols fewer, so
that all together stay within ``BUDGET``. Records are kept as their topic's bytes: small, and ready
to be sent. Folding is idempotent: reading a topic twice changes nothing.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import Any

from gateway.views.jobs import Jobs
from gateway.views.refdata import Refdata
from gateway.views.series import Series
from schemas.clock import ClockTick
from schemas.dead_letter import DeadLetter
from schemas.explanations import Explanation
from schemas.features import FeatureVector
from schemas.jobs import BacktestRequest, JobCommand, JobProgress, JobResult, TuningRequest
from schemas.market import Bar
from schemas.models import ModelServing
from schemas.predictions import PredictionReply
from schemas.record import Record
from schemas.refdata import RefdataTable
from schemas.regimes import RegimeProbabilities
from schemas.signals import ScoredSignal, Signal, SignalAcknowledged
from schemas.status import CanaryTrace, LoadedModel, MonitorWindow, WorkerStatus
from schemas.training import TrainingProgress

WINDOW = 5_000  # bars of one symbol, at most
BUDGET = 20_000  # bars of all symbols; when that much is held the gateway takes 220 MB


def window(symbols: int) -> int:
    """Return how many bars of each of some symbols are held."""
    return min(WINDOW, max(1, BUDGET // max(1, symbols)))


@dataclass(frozen=True)
class Arrival:
    """One record as it came off its topic."""

    record: Record
    raw: bytes
    topic: str
    partition: int = 0
    offset: int = 0
    appended_ms: int = 0


@dataclass(frozen=True)
class Unreadable:
    """A record that is none of its topic, or that no view could take; and why."""

    topic: str
    partition: int
    offset: int
    cause: str


@dataclass(frozen=True, slots=True)
class HeldBar:
    """A bar's bytes, and what ages and candles need without decoding them."""

    raw: bytes
    event_time_ms: int
    timeframe_ms: int
    recorded: bool


@dataclass(frozen=True, slots=True)
class HeldFeatures:
    """A feature vector in 8 bytes a value; NaN stands for null in memory only."""

    event_time_ms: int
    feature_set_id: str
    names: tuple[str, ...]
    numbers: array[float]

    def values(self) -> dict[str, float | None]:
        """Return the values by name, in catalogue order."""
        return {
            name: (None if number != number else number)  # noqa: PLR0124 - NaN is not itself
            for name, number in zip(self.names, self.numbers, strict=True)
        }


@dataclass(frozen=True, slots=True)
class HeldSignal:
    """A signal's bytes and what lists filter by."""

    raw: bytes
    signal_id: str
    prediction_id: str
    symbol: str
    timeframe_ms: int
    event_time_ms: int
    model_version: str
    direction: str
    grade: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class HeldScore:
    """A score's bytes and what summaries add up."""

    raw: bytes
    signal_id: str
    direction: str
    grade: str
    hit: bool | None
    confidence: float
    net_return: float | None
    brier: float | None


@dataclass(frozen=True)
class SymbolView:
    """Everything held of one symbol, each series by bar close."""

    bars: Series[HeldBar] = field(default_factory=lambda: Series(WINDOW))
    features: Series[HeldFeatures] = field(default_factory=lambda: Series(WINDOW))
    regimes: Series[bytes] = field(default_factory=lambda: Series(WINDOW))
    signals: Series[HeldSignal] = field(default_factory=lambda: Series(WINDOW))
    scores: Series[HeldScore] = field(default_factory=lambda: Series(WINDOW))
    explanations: Series[bytes] = field(default_factory=lambda: Series(WINDOW))


@dataclass(frozen=True)
class UnreadableRecords:
    """How many records of a topic could not be read since the start, and the newest."""

    count: int
    newest: Unreadable


@dataclass(frozen=True)
class DeadLetters:
    """How many records of a topic were rejected in the window read, and the newest."""

    count: int
    newest: DeadLetter
    position: tuple[int, int]


class Views:
    """All read models; one writer, ``fold``, called on the event loop."""

    def __init__(self) -> None:
        self.symbols: dict[str, SymbolView] = {}
        self.signals: dict[str, HeldSignal] = {}  # in order of arrival
        self.horizon: dict[int, int] = {}  # partition to the offset below which signals left
        self.acknowledged: dict[str, SignalAcknowledged] = {}
        self.clock: Arrival | None = None
        self.serving: dict[str, ModelServing] = {}
        self.training: TrainingProgress | None = None
        self.statuses: dict[str, WorkerStatus] = {}
        self.jobs = Jobs()
        self.refdata = Refdata()
        self.windows: dict[str, MonitorWindow] = {}
        self.canary: CanaryTrace | None = None
        self.dead_letters: dict[str, DeadLetters] = {}
        self.unreadable: dict[str, UnreadableRecords] = {}
        self.last_append_ms: dict[str, int] = {}
        self._names: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._folds: dict[type[Record], Any] = {
            Bar: self._bar,
            FeatureVector: self._features,
            RegimeProbabilities: self._regime,
            Signal: self._signal,
            SignalAcknowledged: self._acknowledged,
            ScoredSignal: self._score,
            Explanation: self._explanation,
            ClockTick: self._tick,
            ModelServing: self._serving,
            TrainingProgress: self._training,
            WorkerStatus: self._status,
            BacktestRequest: lambda request, _: self.jobs.request(request),
            TuningRequest: lambda request, _: self.jobs.request(request),
            JobCommand: lambda command, _: self.jobs.command(command),
            JobProgress: lambda told, arrival: self.jobs.progress(told, arrival.offset + 1),
            JobResult: lambda result, _: self.jobs.result(result),
            RefdataTable: lambda table, _: self.refdata.take(table),
            MonitorWindow: self._window,
            CanaryTrace: self._canary,
            DeadLetter: self._dead_letter,
            PredictionReply: self._nothing,
        }

    def fold(self, arrival: Arrival) -> None:
        """Take one record into the views; raises ``KeyError`` for a type not read here."""
        self.last_append_ms[arrival.topic] = arrival.appended_ms
        self._folds[type(arrival.record)](arrival.record, arrival)

    def pass_over(self, bad: Unreadable) -> None:
        """Note a record that is in no view."""
        held = self.unreadable.get(bad.topic)
        self.unreadable[bad.topic] = UnreadableRecords(1 if held is None else held.count + 1, bad)

    def known(self) -> list[str]:
        """Return the symbols that have a bar."""
        return sorted(name for name, view in self.symbols.items() if len(view.bars))

    def loaded(self) -> list[LoadedModel]:
        """Return the models in the memory of inference."""
        return [
            model
            for status in self.statuses.values()
            if status.process.startswith("inference")
            for model in status.models
        ]

    def named(self) -> dict[str, LoadedModel]:
        """Return the loaded models by name; of equal names the newest has it, others a version."""
        found: dict[str, LoadedModel] = {}
        for model in reversed(self.loaded()):
            name = f"{model.name}@{model.version}" if model.name in found else model.name
            found[name] = model
        return found

    def of(self, symbol: str) -> SymbolView:
        """Return the view of a symbol, made when first seen."""
        view = self.symbols.get(symbol)
        if view is None:
            view = self.symbols[symbol] = SymbolView()
            self._share_out()
        return view

    def _share_out(self) -> None:
        limit = window(len(self.symbols))
        for view in self.symbols.values():
            if limit < view.bars.limit:
                self._forget(view.signals.shrink(limit))
                view.bars.shrink(limit)
                view.features.shrink(limit)
                view.regimes.shrink(limit)
                view.scores.shrink(limit)
                view.explanations.shrink(limit)

    def score_of(self, signal: HeldSignal) -> HeldScore | None:
        """Return what became of a signal; None before its expiry."""
        return self.of(signal.symbol).scores.get((signal.event_time_ms, signal.signal_id))

    def explanation_of(self, signal: HeldSignal) -> bytes | None:
        """Return the explanation of a signal; None when it has not been made."""
        return self.explanation(signal.symbol, signal.event_time_ms, signal.model_version)

    def explanation(self, symbol: str, event_time_ms: int, model_version: str) -> bytes | None:
        """Return the explanation of one bar by one model."""
        return self.of(symbol).explanations.get((event_time_ms, model_version))

    def _bar(self, bar: Bar, arrival: Arrival) -> None:
        held = HeldBar(arrival.raw, bar.event_time_ms, bar.timeframe_ms, bar.origin == "replay")
        self.of(bar.symbol).bars.put(bar.event_time_ms, held)

    def _features(self, vector: FeatureVector, _: Arrival) -> None:
        found = tuple(vector.values)
        names = self._names.setdefault(found, found)
        numbers = array("d", (float("nan") if v is None else v for v in vector.values.values()))
        held = HeldFeatures(vector.event_time_ms, vector.feature_set_id, names, numbers)
        self.of(vector.symbol).features.put(vector.event_time_ms, held)

    def _regime(self, regime: RegimeProbabilities, arrival: Arrival) -> None:
        self.of(regime.symbol).regimes.put(regime.event_time_ms, arrival.raw)

    def _signal(self, signal: Signal, arrival: Arrival) -> None:
        held = HeldSignal(
            raw=arrival.raw,
            signal_id=signal.signal_id,
            prediction_id=signal.prediction_id,
            symbol=signal.symbol,
            timeframe_ms=signal.timeframe_ms,
            event_time_ms=signal.event_time_ms,
            model_version=signal.model_version,
            direction=signal.direction,
            grade=signal.grade,
            partition=arrival.partition,
            offset=arrival.offset,
        )
        gone = self.of(signal.symbol).signals.put(signal.event_time_ms, held)
        self.signals[signal.signal_id] = held
        self.horizon.setdefault(arrival.partition, arrival.offset)
        self._forget(gone)

    def _forget(self, gone: list[HeldSignal]) -> None:
        for old in gone:
            self.horizon[old.partition] = max(self.horizon[old.partition], old.offset + 1)
            self.signals.pop(old.signal_id, None)
            self.acknowledged.pop(old.signal_id, None)

    def _acknowledged(self, seen: SignalAcknowledged, _: Arrival) -> None:
        self.acknowledged.setdefault(seen.signal_id, seen)

    def _score(self, score: ScoredSignal, arrival: Arrival) -> None:
        held = HeldScore(
            raw=arrival.raw,
            signal_id=score.signal_id,
            direction=score.direction,
            grade=score.grade,
            hit=score.hit,
            confidence=score.confidence,
            net_return=score.net_return,
            brier=score.brier,
        )
        self.of(score.symbol).scores.put((score.signal_time_ms, score.signal_id), held)

    def _explanation(self, explanation: Explanation, arrival: Arrival) -> None:
        key = (explanation.event_time_ms, explanation.model_version)
        self.of(explanation.symbol).explanations.put(key, arrival.raw)

    def _tick(self, tick: ClockTick, arrival: Arrival) -> None:
        held = self.clock
        if held is None or tick.event_time_ms >= held.record.event_time_ms:  # type: ignore[attr-defined]  # only ticks are kept here
            self.clock = arrival

    def _serving(self, serving: ModelServing, _: Arrival) -> None:
        self.serving[serving.strategy] = serving

    def _training(self, progress: TrainingProgress, _: Arrival) -> None:
        self.training = progress

    def _status(self, status: WorkerStatus, _: Arrival) -> None:
        self.statuses[status.process] = status

    def _window(self, window: MonitorWindow, _: Arrival) -> None:
        self.windows[window.subject] = window

    def _canary(self, trace: CanaryTrace, _: Arrival) -> None:
        self.canary = trace

    def _dead_letter(self, letter: DeadLetter, arrival: Arrival) -> None:
        held = self.dead_letters.get(letter.topic)
        position = (arrival.partition, arrival.offset)
        count = 1 if held is None else held.count + 1
        self.dead_letters[letter.topic] = DeadLetters(count, letter, position)

    def _nothing(self, *_: object) -> None:
        """Replies are for who asked, not for a view."""
