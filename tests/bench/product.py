"""The product's own path from a bar to an explained signal, in process, on a model it trained."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from schemas.explanations import Explanation
from schemas.features import FeatureVector
from schemas.market import Bar
from schemas.models import ModelChanged, ModelRegistered
from schemas.predictions import Prediction
from schemas.record import Record
from schemas.regimes import RegimeProbabilities
from schemas.signals import Signal
from schemas.timeframes import MINUTE_MS
from schemas.training import TrainingRequest
from streams.features.processor import PROCESSOR as FEATURES
from streams.processor import Changes, Processor, StateKey, States, fold
from streams.regimes.processor import PROCESSOR as REGIMES
from streams.signals.processor import PROCESSOR as SIGNALS
from workers.explain.attribution import load_explainable
from workers.explain.processor import ExplainableModels
from workers.serving.processor import inference_processor
from workers.serving.slots import Slots, load_ensemble
from workers.simulator.market import SimulatedMarket
from workers.training.dataset import collect_series
from workers.training.fit import TrainingPlan
from workers.training.fit_regimes import OBSERVATIONS
from workers.training.train import MODEL_FEATURES, register, train

FIRST = 20_000  # bar of the simulated market
HISTORY = 5_000  # bars a symbol to train on


def bars_of(market: SimulatedMarket, symbol: str, first: int, count: int) -> list[Bar]:
    """Return simulated bars as the market processor would pass them on."""
    made = market.bars(symbol, first, first + count)
    prices = np.stack([made.prices(row) for row in range(1, 5)])
    return [
        Bar(
            symbol=symbol,
            timeframe_ms=MINUTE_MS,
            open_time_ms=time,
            event_time_ms=time + MINUTE_MS,
            available_time_ms=time + MINUTE_MS,
            open=prices[0, t],
            high=prices[1, t],
            low=prices[2, t],
            close=prices[3, t],
            volume=made.volume[t],
            origin="stream",
            source="simulated",
        )
        for t, time in enumerate(made.open_time_ms.tolist())
    ]


def trained_model(root: Path) -> ModelRegistered:
    """Train the default plan on two simulated symbols and write it under ``root``."""
    symbols = ("BTCUSDT", "ETHUSDT")
    market = SimulatedMarket(7, symbols)
    vectors: list[FeatureVector] = []
    for symbol in symbols:
        states: dict[tuple[str, StateKey], Record] = {}
        for bar in bars_of(market, symbol, FIRST, HISTORY):
            folded = Changes()
            fold((FEATURES,), states, bar, folded)
            states.update(folded.states)
            vectors += [v for v in folded.outputs if isinstance(v, FeatureVector)]
    request = TrainingRequest(
        request_id="bench",
        strategy="ensemble",
        event_time_ms=vectors[-1].event_time_ms,
        symbols=symbols,
        timeframe_ms=MINUTE_MS,
        from_ms=0,
        to_ms=vectors[-1].event_time_ms,
        reason="manual",
    )
    series = collect_series(vectors, MODEL_FEATURES, OBSERVATIONS)
    trained = train(request, series, TrainingPlan(), lambda *_: None)
    return register(trained, request, root, request.to_ms)


class Product:
    """Features, regimes, inference, grading and explanation over one set of states."""

    def __init__(self, model: ModelRegistered, symbols: Sequence[str]) -> None:
        change = ModelChanged(
            strategy=model.strategy,
            event_time_ms=0,
            effective_from_ms=0,
            model=model,
            reason="bench",
        )
        self.loaded = load_ensemble(model)
        slots = Slots()
        slots.put(change, self.loaded)
        self.inference = inference_processor(slots, lambda: 0, lambda *_: None)
        self.explainable = ExplainableModels(wait_for=lambda *_: None)
        self.explainable.put(load_explainable(model))
        self.states: dict[tuple[str, StateKey], Record] = {}
        parameters = model.regimes[0]
        for symbol in symbols:
            self._run((REGIMES,), parameters.model_copy(update={"symbol": symbol}))

    def _run(self, chain: tuple[Processor, ...], record: Record) -> list[Record]:
        folded = Changes()
        fold(chain, self.states, record, folded)
        assert not folded.rejections, folded.rejections
        self.states.update(folded.states)
        return folded.outputs

    def predict(self, bars: Sequence[Bar]) -> list[Prediction]:
        """Fold one bar close of some symbols; one prediction each once windows are full."""
        halves = [half for bar in bars for half in self._run((FEATURES, REGIMES), bar)]
        for half in halves:
            if isinstance(half, FeatureVector):
                self.explainable.history((half.symbol, half.timeframe_ms)).add(half)
        inference = self.inference
        before: States = {
            (inference.name, key): self.states.get((inference.name, key), inference.initial)
            for key in map(inference.key_of, halves)
        }
        assert inference.step_batch is not None
        changed, outputs = inference.step_batch(
            {key: state for (_, key), state in before.items()}, halves
        )
        self.states.update({(inference.name, key): state for key, state in changed.items()})
        return [p for records in outputs for p in records if isinstance(p, Prediction)]

    def signals(self, predictions: Sequence[Prediction]) -> list[Signal]:
        """Grade predictions."""
        graded = [self._run((SIGNALS,), prediction) for prediction in predictions]
        return [s for records in graded for s in records if isinstance(s, Signal)]

    def explain(self, predictions: Sequence[Prediction]) -> list[Explanation]:
        """Explain predictions, neutral ones too."""
        return [self.explainable.explain(prediction) for prediction in predictions]

    def halves(self, bars: Sequence[Bar]) -> list[FeatureVector | RegimeProbabilities]:
        """Return the inputs of inference for some bars, without predicting."""
        outputs = [half for bar in bars for half in self._run((FEATURES, REGIMES), bar)]
        return [h for h in outputs if isinstance(h, FeatureVector | RegimeProbabilities)]
