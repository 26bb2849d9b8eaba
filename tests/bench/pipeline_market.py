"""Fifty symbols in steady state: what a pipeline that has run for days has on its topics.

Waiting for warm-up would take longer than the measurement: the chains' own steps are folded here,
in memory, and their states and last records are written to the topics, where every process finds
them as after any restart.

The history of each timeframe is its own, as one that a venue tells; it ends where the live bars
begin. Those are base bars alone: the market makes the higher ones of them.
"""

from __future__ import annotations

import math
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
OPEN, CLOSE = kernel.COLUMNS.index("open"), kernel.COLUMNS.index("close")
PRICES = [kernel.COLUMNS.index(n) for n in ("open", "high", "low", "close", "mark_price")]
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
class Series:
    """Bars of one symbol and timeframe, numbered from the first of the history.

    Attributes:
        live_ms: Where the history ends.
        higher_ms: Of a base: lengths of the bars that the market makes of those that are live.
        walk: Columns as in the kernel's ``COLUMNS``.
    """

    symbol: str
    timeframe_ms: int
    live_ms: int
    higher_ms: tuple[int, ...]
    walk: Floats

    def close_ms(self, number: int) -> int:
        """Return when a bar closes."""
        return self.live_ms + (number + 1 - HISTORY) * self.timeframe_ms

    def bar(self, number: int) -> RawBar:
        """Return one bar.

        The last one of the history closes bars of all timeframes. It names them, so that the next
        ones are seen from their beginning on.
        """
        close = self.close_ms(number)
        return raw_bar(
            symbol=self.symbol,
            timeframe_ms=self.timeframe_ms,
            open_time_ms=close - self.timeframe_ms,
            event_time_ms=close,
            available_time_ms=close,
            trades=250,
            funding_time_ms=self.close_ms(0),
            higher_ms=self.higher_ms if number >= HISTORY - 1 else (),
            **dict(zip(kernel.COLUMNS, self.walk[number].tolist(), strict=True)),
        )


@dataclass(frozen=True)
class PipelineMarket:
    """Everything that a stack starts from, and the bars that follow."""

    pasts: tuple[Past, ...]
    models: tuple[ModelChanged, ...]
    bases: tuple[Series, ...]

    def newest(self) -> Iterator[Record]:
        """Yield the newest record of each symbol, timeframe and type."""
        for past in self.pasts:
            for records in past.last.values():
                yield records[-1]

    def bars(self, number: int) -> list[RawBar]:
        """Return the bars of all symbols that close together, counted from the history's end."""
        return [series.bar(HISTORY + number) for series in self.bases]


def steady_market(folder: Path, timeframes_ms: tuple[int, ...], live_bars: int) -> PipelineMarket:
    """Return the market; ``live_bars`` base closes follow the history, models lie in ``folder``."""
    rng = np.random.default_rng(20)
    base_ms, *higher_ms = timeframes_ms
    live_ms = _first_common_close(timeframes_ms)
    bases = tuple(
        Series(s, base_ms, live_ms, tuple(higher_ms), _walk(rng, HISTORY + live_bars + 1))
        for s in SYMBOLS
    )
    pasts, models = _pasts(folder, bases)
    for length_ms in higher_ms:
        more, model = _pasts(folder, [_higher(rng, base, length_ms) for base in bases])
        pasts, models = [*pasts, *more], [*models, *model]
    return PipelineMarket(tuple(pasts), tuple(models), bases)


def _first_common_close(timeframes_ms: tuple[int, ...]) -> int:
    """Return where bars of all timeframes close, once a history of base bars is there."""
    together, enough = math.lcm(*timeframes_ms), close_time(HISTORY - 1)
    return enough + -enough % together


def _higher(rng: np.random.Generator, base: Series, length_ms: int) -> Series:
    """Return a history in longer bars that ends where the base's live bars begin."""
    walk = _walk(rng, HISTORY, length_ms // base.timeframe_ms)
    walk[:, PRICES] *= base.walk[HISTORY, OPEN] / walk[-1, CLOSE]
    return Series(base.symbol, length_ms, base.live_ms, (), walk)


def _pasts(folder: Path, those: Sequence[Series]) -> tuple[list[Past], list[ModelChanged]]:
    """Return the past of each symbol in one timeframe, and the model that serves it."""
    pasts = [_past(series) for series in those]
    model = _model(folder, those[0].timeframe_ms, pasts)
    for past in pasts:
        past.name_filter(model.model_version)
    _predict(those, pasts, _served(model, those[0].close_ms(HISTORY - PREDICTED)))
    return pasts, [_served(model, those[0].close_ms(HISTORY))]


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
    for change in market.models:
        produce(producer, record_message(change, None, "bench"))
    flush(producer)


def _walk(rng: np.random.Generator, bars: int, minutes: int = 1) -> Floats:
    """Return a random walk in bars of some minutes; columns as in the kernel's ``COLUMNS``."""
    moves = np.clip(rng.standard_t(5, bars + 1) * 4e-4, -4e-3, 4e-3)
    scale = math.sqrt(minutes)
    closes = np.round(100 * np.exp(np.cumsum(moves * scale)), 4)
    before, close = closes[:-1], closes[1:]
    reach = np.abs(rng.normal(size=(2, bars))) * 2e-4 * scale
    high = np.round(np.maximum(before, close) * (1 + reach[0]), 4)
    low = np.round(np.minimum(before, close) * (1 - reach[1]), 4)
    volume = np.round(np.exp(rng.normal(3.0, 0.6, bars)) * minutes, 3)
    taker = np.round(volume * (0.5 + 100 * moves[1:]), 3)
    mark = np.round(close * (1 + rng.normal(size=bars) * 1e-4), 4)
    funding = np.full(bars, 1e-4)
    return np.column_stack((before, high, low, close, volume, taker, mark, funding))


def _past(series: Series) -> Past:
    past = Past()
    past.feed((MARKET,), [series.bar(WARM_UP - 1)])
    past.states[FEATURES.name, (series.symbol, series.timeframe_ms)] = _warmed_up(series)
    bars = [series.bar(number) for number in range(WARM_UP, HISTORY)]
    past.feed(CHAIN_OF["market"], bars[:-KEPT_PAIRS])
    past.feed(CHAIN_OF["market"], [_filter(series, past.vectors())])
    past.feed(CHAIN_OF["market"], bars[-KEPT_PAIRS:])
    return past


def _warmed_up(series: Series) -> FeaturesState:
    """Return the state after the first ``WARM_UP`` bars, by the kernel at one go."""
    walk, count = series.walk[:WARM_UP], WARM_UP
    first = series.close_ms(0) // series.timeframe_ms
    state, rings = np.zeros(1, kernel.STATE), np.zeros(1, RINGS)
    rows = np.empty((count, len(FEATURE_NAMES)))
    columns, indices = np.ascontiguousarray(walk.T), np.arange(first, first + count)
    out = rows.reshape(-1).view(OUTPUTS)
    kernel.batch(state, rings, columns, indices, series.timeframe_ms, out, rows)
    return FeaturesState(
        event_time_ms=series.close_ms(count - 1),
        layout=LAYOUT,
        recursions=state.tobytes(),
        windows=rings.tobytes(),
    )


def _filter(series: Series, vectors: Sequence[FeatureVector]) -> RegimeParameters:
    """Return parameters on the scale of the features: what they say is no matter here."""
    names = tuple(name for name in OBSERVATIONS if vectors[-1].values.get(name) is not None)
    seen = np.array([[vector[name] for name in names] for vector in vectors])
    width = len(names)
    return regime_parameters(
        symbol=series.symbol,
        timeframe_ms=series.timeframe_ms,
        family="student_t",
        degrees_of_freedom=(5.0, 5.0, 5.0),
        observations=names,
        centre=tuple(seen.mean(axis=0).tolist()),
        spread=tuple(np.maximum(seen.std(axis=0), 1e-9).tolist()),
        location=((0.4,) * width, (-0.4,) * width, (0.0,) * width),
        scale=((1.0,) * width, (1.5,) * width, (0.7,) * width),
    )


def _model(folder: Path, timeframe_ms: int, pasts: Sequence[Past]) -> ModelRegistered:
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
    return default_size_model(
        folder, timeframe_ms, np.array(features), np.array(posteriors), classes
    )


def _served(model: ModelRegistered, effective_from_ms: int) -> ModelChanged:
    return ModelChanged(
        strategy=model.strategy,
        event_time_ms=model.event_time_ms,
        effective_from_ms=effective_from_ms,
        model=model,
        reason="bench",
    )


def _predict(those: Sequence[Series], pasts: Sequence[Past], change: ModelChanged) -> None:
    """Let inference, grading and scoring see the last bars of every symbol."""
    slots = Slots()
    slots.put(change, load_ensemble(change.model))
    inference = inference_processor(slots, lambda: 0, lambda *_: None)
    assert inference.step_batch is not None
    for series, past in zip(those, pasts, strict=True):
        key: StateKey = (series.symbol, series.timeframe_ms)
        states: dict[StateKey, PairingState] = {key: PairingState()}
        _, outputs = inference.step_batch(states, list(past.pairs()))
        predictions = [made for group in outputs for made in group]
        assert len(predictions) == PREDICTED, f"{len(predictions)} predictions of {key}"
        for prediction in predictions:
            past.keep(prediction)
        past.feed(CHAIN_OF["signals"], predictions)
