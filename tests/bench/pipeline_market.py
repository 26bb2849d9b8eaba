"""Fifty symbols in steady state: what a pipeline that has run for days has on its topics.

Waiting for warm-up would take longer than the measurement: the chains' own steps are folded here,
in memory, and their states and last records are written to the topics, where every process finds
them as after any restart.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from schemas.features import FeatureVector
from schemas.market import Bar, RawBar
from schemas.models import ModelChanged, ModelRegistered
from schemas.record import Record
from schemas.regimes import RegimeParameters, RegimeProbabilities
from schemas.timeframes import MINUTE_MS
from streams.features import kernel
from streams.features.catalog import FEATURE_NAMES, OUTPUTS
from streams.features.kernel_state import LAYOUT
from streams.features.processor import PROCESSOR as FEATURES
from streams.features.rolling import RINGS
from streams.features.state import FeaturesState
from streams.market.processor import PROCESSOR as MARKET
from streams.processor import Changes, Processor, StateKey, StateRef, fold
from streams.regimes.processor import RegimeState
from streams.runtime.client import flush, produce, producer_of
from streams.runtime.codec import changelog_entry, record_message
from streams.runtime.settings import KafkaSettings
from streams.topology import CHAINS
from tests.bench.pipeline_model import default_size_model
from tests.build import close_time, raw_bar, regime_parameters
from workers.serving.pairing import PairingState
from workers.serving.processor import inference_processor
from workers.serving.slots import Slots, load_ensemble
from workers.training.fit_regimes import OBSERVATIONS
from workers.training.train import MODEL_FEATURES

Floats = NDArray[np.float64]

SYMBOLS = tuple(f"C{number:02d}USDT" for number in range(50))
WARM_UP = 1_750  # bars; the slowest feature has its first value at bar 1,733
KEPT_BARS = 300  # on the topic: what windows are refilled from
HISTORY = WARM_UP + KEPT_BARS
KEPT_PAIRS = 100  # feature vectors and posteriors on the topic
PREDICTED = 20  # of those; more than a horizon, so that signals expire
MEMORY = {Bar: KEPT_BARS, FeatureVector: KEPT_PAIRS, RegimeProbabilities: KEPT_PAIRS}
CHAIN_OF = {chain.name: chain.processors for chain in CHAINS}


@dataclass
class Past:
    """One symbol so far: its states, and its last records by type."""

    states: dict[StateRef, Record] = field(default_factory=dict)
    last: dict[type[Record], deque[Record]] = field(default_factory=dict)

    def feed(self, chain: Sequence[Processor], records: Iterable[Record]) -> None:
        """Fold records through a chain."""
        for record in records:
            folded = Changes()
            fold(chain, self.states, record, folded)
            assert not folded.rejections, folded.rejections[0].cause
            self.states.update(folded.states)
            for made in folded.outputs:
                self.keep(made)

    def keep(self, made: Record) -> None:
        """Remember a record among the last of its type."""
        length = MEMORY.get(type(made), PREDICTED)
        self.last.setdefault(type(made), deque(maxlen=length)).append(made)

    def vectors(self) -> list[FeatureVector]:
        """Return the kept feature vectors."""
        return [r for r in self.last[FeatureVector] if isinstance(r, FeatureVector)]

    def name_filter(self, version: str) -> None:
        """Name the model that the filter came with: inference waits for what a posterior names."""
        for ref, state in self.states.items():
            if isinstance(state, RegimeState) and state.active is not None:
                named = state.active.model_copy(update={"model_version": version})
                self.states[ref] = state.model_copy(update={"active": named})
        made = self.last[RegimeProbabilities]
        for index, posterior in enumerate(made):
            made[index] = posterior.model_copy(update={"parameters_version": version})

    def pairs(self) -> Iterator[Record]:
        """Yield the kept vectors, each followed by its posterior."""
        for both in zip(self.last[FeatureVector], self.last[RegimeProbabilities], strict=True):
            yield from both


@dataclass(frozen=True)
class PipelineMarket:
    """Everything that a stack starts from, and the bars that follow."""

    pasts: tuple[Past, ...]
    model: ModelChanged
    walks: tuple[Floats, ...]

    def newest(self) -> Iterator[Record]:
        """Yield the newest record of each symbol and type."""
        for past in self.pasts:
            for records in past.last.values():
                yield records[-1]

    def bars(self, number: int) -> list[RawBar]:
        """Return the bars of all symbols that close together, counted from the history's end."""
        return [bar_of(s, w, HISTORY + number) for s, w in zip(SYMBOLS, self.walks, strict=True)]


def steady_market(folder: Path, live_bars: int) -> PipelineMarket:
    """Make the market; ``live_bars`` closes follow the history, the model lies in ``folder``."""
    rng = np.random.default_rng(20)
    walks = tuple(_walk(rng, HISTORY + live_bars + 1) for _ in SYMBOLS)
    pasts = tuple(_past(s, w) for s, w in zip(SYMBOLS, walks, strict=True))
    model = _model(folder, pasts)
    for past in pasts:
        past.name_filter(model.model_version)
    _predict(pasts, _served(model, HISTORY - PREDICTED))
    return PipelineMarket(pasts, _served(model, HISTORY), walks)


def put(market: PipelineMarket, kafka: KafkaSettings) -> None:
    """Write the states and last records to the topics of a cluster, and the model that serves."""
    producer = producer_of(kafka, "steady-market")
    named = {p.name: p for processors in CHAIN_OF.values() for p in processors}
    for past in market.pasts:
        for records in past.last.values():
            for record in records:
                produce(producer, record_message(record, None, "bench"))
                producer.poll(0)
        for (name, key), state in past.states.items():
            produce(producer, changelog_entry(named[name], key, state, 0, "bench"))
    produce(producer, record_message(market.model, None, "bench"))
    flush(producer)


def bar_of(symbol: str, walk: Floats, minute: int) -> RawBar:
    """Return one bar of a walk, columns as in the kernel's ``COLUMNS``."""
    columns = dict(zip(kernel.COLUMNS, walk[minute].tolist(), strict=True))
    stamp = close_time(0)
    return raw_bar(minute, symbol=symbol, trades=250, funding_time_ms=stamp, **columns)


def _walk(rng: np.random.Generator, minutes: int) -> Floats:
    returns = np.clip(rng.standard_t(5, minutes + 1) * 4e-4, -4e-3, 4e-3)
    closes = np.round(100 * np.exp(np.cumsum(returns)), 4)
    before, close = closes[:-1], closes[1:]
    reach = np.abs(rng.normal(size=(2, minutes))) * 2e-4
    high = np.round(np.maximum(before, close) * (1 + reach[0]), 4)
    low = np.round(np.minimum(before, close) * (1 - reach[1]), 4)
    volume = np.round(np.exp(rng.normal(3.0, 0.6, minutes)), 3)
    taker = np.round(volume * (0.5 + 100 * returns[1:]), 3)
    mark = np.round(close * (1 + rng.normal(size=minutes) * 1e-4), 4)
    funding = np.full(minutes, 1e-4)
    return np.column_stack((before, high, low, close, volume, taker, mark, funding))


def _past(symbol: str, walk: Floats) -> Past:
    past = Past()
    past.feed((MARKET,), [bar_of(symbol, walk, WARM_UP - 1)])
    past.states[FEATURES.name, (symbol, MINUTE_MS)] = _warmed_up(walk[:WARM_UP])
    bars = [bar_of(symbol, walk, minute) for minute in range(WARM_UP, HISTORY)]
    past.feed(CHAIN_OF["market"], bars[:-KEPT_PAIRS])
    past.feed(CHAIN_OF["market"], [_filter(symbol, past.vectors())])
    past.feed(CHAIN_OF["market"], bars[-KEPT_PAIRS:])
    return past


def _warmed_up(walk: Floats) -> FeaturesState:
    """Return the state after the first bars, by the kernel at one go."""
    count = len(walk)
    first = close_time(0) // MINUTE_MS
    state, rings = np.zeros(1, kernel.STATE), np.zeros(1, RINGS)
    rows = np.empty((count, len(FEATURE_NAMES)))
    columns, indices = np.ascontiguousarray(walk.T), np.arange(first, first + count)
    kernel.batch(state, rings, columns, indices, rows.reshape(-1).view(OUTPUTS), rows)
    return FeaturesState(
        event_time_ms=close_time(count - 1),
        layout=LAYOUT,
        recursions=state.tobytes(),
        windows=rings.tobytes(),
    )


def _filter(symbol: str, vectors: Sequence[FeatureVector]) -> RegimeParameters:
    """Return parameters on the scale of the features: what they say is no matter here."""
    names = tuple(name for name in OBSERVATIONS if vectors[-1].values.get(name) is not None)
    seen = np.array([[vector[name] for name in names] for vector in vectors])
    width = len(names)
    return regime_parameters(
        symbol=symbol,
        family="student_t",
        degrees_of_freedom=(5.0, 5.0, 5.0),
        observations=names,
        centre=tuple(seen.mean(axis=0).tolist()),
        spread=tuple(np.maximum(seen.std(axis=0), 1e-9).tolist()),
        location=((0.4,) * width, (-0.4,) * width, (0.0,) * width),
        scale=((1.0,) * width, (1.5,) * width, (0.7,) * width),
    )


def _model(folder: Path, pasts: Sequence[Past]) -> ModelRegistered:
    """Return a model of default size whose trees were fitted to the next bar's move."""
    features: list[list[float]] = []
    posteriors: list[list[float]] = []
    moves: list[float] = []
    for past in pasts:
        vectors = past.vectors()
        features += [[vector[name] for name in MODEL_FEATURES] for vector in vectors[:-1]]
        kept = [r for r in past.last[RegimeProbabilities] if isinstance(r, RegimeProbabilities)]
        posteriors += [[r.bull, r.bear, r.sideways] for r in kept[:-1]]
        moves += [after.close / before.close - 1 for before, after in pairwise(vectors)]
    classes = np.digitize(moves, (-1e-4, 1e-4))
    return default_size_model(folder, np.array(features), np.array(posteriors), classes)


def _served(model: ModelRegistered, minute: int) -> ModelChanged:
    return ModelChanged(
        strategy=model.strategy,
        event_time_ms=model.event_time_ms,
        effective_from_ms=close_time(minute),
        model=model,
        reason="bench",
    )


def _predict(pasts: Sequence[Past], change: ModelChanged) -> None:
    """Let inference, grading and scoring see the last bars of every symbol."""
    slots = Slots()
    slots.put(change, load_ensemble(change.model))
    inference = inference_processor(slots, lambda: 0, lambda _version: None)
    assert inference.step_batch is not None
    for symbol, past in zip(SYMBOLS, pasts, strict=True):
        states: dict[StateKey, PairingState] = {(symbol, MINUTE_MS): PairingState()}
        _, outputs = inference.step_batch(states, list(past.pairs()))
        predictions = [made for group in outputs for made in group]
        assert len(predictions) == PREDICTED, f"{len(predictions)} predictions of {symbol}"
        for prediction in predictions:
            past.keep(prediction)
        past.feed(CHAIN_OF["signals"], predictions)
