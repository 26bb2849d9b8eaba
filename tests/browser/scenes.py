"""Scenes: records as the pipeline would publish them, made by its own grading and scoring.

A seeded market with known regimes is filtered, predicted with a little foresight, graded and
scored by the project's processors; only the models are made up.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from schemas.clock import ClockTick
from schemas.dead_letter import DeadLetter
from schemas.explanations import Driver, Explanation
from schemas.market import Bar
from schemas.models import ModelServing
from schemas.predictions import ClassProbabilities, MarketContext, Prediction, RegimeView
from schemas.record import Record
from schemas.regimes import RegimeProbabilities
from schemas.signals import ScoredSignal, Signal
from schemas.status import CanaryTrace, LoadedModel, MonitorWindow, WorkerStatus
from schemas.topics import (
    BARS,
    FEATURE_VECTORS,
    PREDICTIONS,
    RAW_BARS,
    REGIME_PROBABILITIES,
    SIGNALS,
)
from schemas.training import TrainingProgress
from streams.memory import MemoryDriver
from streams.regimes.processor import PROCESSOR as REGIMES
from streams.scoring.processor import PROCESSOR as SCORING
from streams.signals.processor import PROCESSOR as GRADING
from tests.build import (
    START_MS,
    bar,
    close_time,
    features,
    prediction,
    regime_parameters,
    registered,
    serving,
    status,
)

PRICES = {"BNBUSDT": 592.4, "BTCUSDT": 64_180.0, "ETHUSDT": 3_142.0, "SOLUSDT": 147.6}
SYMBOLS = tuple(PRICES)
MODEL = "ens-7f3a91c2"
HORIZON = 15
PROCESSES = (
    "explain",
    "inference",
    "ingest",
    "market",
    "monitor",
    "promotion",
    "signals",
    "training",
)
DRIFT = (3.2e-4, -3.4e-4, 0.0)
VOLATILITY = (6e-4, 9e-4, 4e-4)
STAY = 0.988
CHAIN = (RAW_BARS, BARS, FEATURE_VECTORS, REGIME_PROBABILITIES, PREDICTIONS, SIGNALS)
VALUES = {
    "rsi_14": (58.0, 11.0),
    "adx_14": (24.0, 8.0),
    "ema_slope_20": (0.03, 0.09),
    "supertrend_distance": (0.001, 0.004),
    "volume_to_median_20": (1.2, 0.5),
    "choppiness_14": (48.0, 9.0),
    "htf1_rsi_14": (55.0, 9.0),
    "htf2_direction": (0.0, 1.0),
    "vwap_distance_60": (0.0004, 0.002),
    "natr_14": (0.0011, 0.0004),
    "efficiency_ratio_30": (0.34, 0.15),
    "funding_rate": (0.0001, 0.00005),
}


@dataclass(frozen=True)
class Minute:
    """Everything the pipeline publishes about one symbol at one close."""

    bar: Bar
    regime: RegimeProbabilities
    signal: Signal
    scores: tuple[ScoredSignal, ...]
    explanation: Explanation | None

    def records(self) -> tuple[Record, ...]:
        """All of it, in flow order."""
        made = (self.explanation,) if self.explanation else ()
        return (self.bar, self.regime, self.signal, *self.scores, *made)


def play(
    symbol: str, minutes: int, seed: int = 7, *, qualified: bool = True, foresight: float = 1.0
) -> Iterator[Minute]:
    """Yield the minutes of one symbol, the same for the same seed."""
    random = np.random.default_rng([seed, SYMBOLS.index(symbol)])
    bars = _bars(symbol, minutes + HORIZON + 1, random)
    filtering = MemoryDriver((REGIMES,))
    filtering.feed(regime_parameters(symbol=symbol, model_version=MODEL, **_filter()))
    grading = MemoryDriver((GRADING, SCORING))
    for minute in range(minutes):
        now = bars[minute]
        regime = _regime(filtering, now, bars[max(0, minute - 1)].close, minute)
        edge = math.log(bars[minute + HORIZON].close / now.close) / 0.0035
        asked = _prediction(minute, now, regime, foresight * edge, random, qualified=qualified)
        made = grading.feed(asked)
        [signal] = [record for record in made if isinstance(record, Signal)]
        scores = tuple(record for record in made if isinstance(record, ScoredSignal))
        why = None if signal.direction == "neutral" else explanation_of(signal, random)
        yield Minute(now, regime, signal, scores, why)


def _filter() -> dict[str, object]:
    stay, leave = STAY, (1 - STAY) / 2
    rows = tuple(tuple(stay if i == j else leave for j in range(3)) for i in range(3))
    scale = 6e-4
    return {
        "spread": (scale,),
        "location": tuple((drift / scale,) for drift in DRIFT),
        "scale": tuple((volatility / scale,) for volatility in VOLATILITY),
        "transition": rows,
    }


def _bars(symbol: str, count: int, random: np.random.Generator) -> list[Bar]:
    state, price, bars = 2, PRICES[symbol], []
    digits = 1 if price > 10_000 else 2 if price > 500 else 3
    for minute in range(count):
        if random.random() > STAY:
            state = int(random.integers(3))
        start = price
        price *= math.exp(DRIFT[state] + VOLATILITY[state] * random.standard_t(5) / 1.29)
        reach = abs(random.normal(0, VOLATILITY[state], 2))
        volume = 40 * math.exp(random.normal(0.4 * (VOLATILITY[state] / 6e-4), 0.45))
        bars.append(
            bar(
                minute,
                symbol=symbol,
                open=round(start, digits),
                close=round(price, digits),
                high=round(max(start, price) * (1 + reach[0]), digits),
                low=round(min(start, price) * (1 - reach[1]), digits),
                volume=round(volume * 64_000 / PRICES[symbol], 3),
                source="binanceusdm/simulated",
            )
        )
    return bars


def _regime(driver: MemoryDriver, now: Bar, before: float, minute: int) -> RegimeProbabilities:
    vector = features(minute, now.symbol, now.close, log_return_1=math.log(now.close / before))
    [regime] = [r for r in driver.feed(vector) if isinstance(r, RegimeProbabilities)]
    lean = abs(regime.bull - regime.bear)
    state = "TRENDING" if lean > 0.45 else "CHOPPY" if regime.entropy > 0.8 else "RANGING"
    return regime.model_copy(update={"trend_state": state if minute >= 30 else "UNKNOWN"})


def _prediction(
    minute: int,
    now: Bar,
    regime: RegimeProbabilities,
    edge: float,
    random: np.random.Generator,
    *,
    qualified: bool,
) -> Prediction:
    lean = 1.2 * edge + 1.1 * (regime.bull - regime.bear) + random.normal(0, 0.9)
    logits = np.array([-lean, 1.15, lean])
    odds = np.exp(logits)
    sell, neutral, buy = (float(p) for p in odds / odds.sum())
    member = _softened(logits, 0.9)
    view = RegimeView(
        bull=regime.bull,
        bear=regime.bear,
        sideways=regime.sideways,
        entropy=regime.entropy,
        trend_state=regime.trend_state,
        parameters_version=MODEL,
    )
    return prediction(
        minute,
        (sell, neutral, buy),
        prediction_id=f"{now.symbol.lower()}-{minute:05d}-p",
        symbol=now.symbol,
        model_version=MODEL,
        qualified=qualified,
        feature_set_id="c0ffee12d4b7",
        members={"xgboost": member, "lstm": _softened(logits, 1.1)},
        regime=view,
        context=MarketContext(
            open=now.open,
            close=now.close,
            natr=float(abs(random.normal(0.0014, 0.0003))),
            volume_to_median=float(math.exp(random.normal(0.25, 0.4))),
            higher_direction=float(np.sign(lean)) if random.random() > 0.25 else 0.0,
            funding_rate=1e-4,
            funding_time_ms=START_MS - START_MS % 28_800_000,
        ),
        horizon_bars=HORIZON,
        threshold=0.0022,
    )


def _softened(logits: np.ndarray, sharpness: float) -> ClassProbabilities:
    odds = np.exp(logits * sharpness)
    sell, neutral, buy = (float(p) for p in odds / odds.sum())
    return ClassProbabilities(sell=sell, neutral=neutral, buy=buy)


def explanation_of(signal: Signal, random: np.random.Generator | None = None) -> Explanation:
    """Return the drivers of a signal."""
    random = random or np.random.default_rng(1)
    names = list(random.permutation(list(VALUES)))
    shares = np.sort(random.dirichlet(np.full(9, 0.9)))[::-1]

    def driver(index: int, sign: int) -> Driver:
        centre, spread = VALUES[names[index]]
        share = float(sign * shares[index])
        return Driver(
            feature=names[index],
            value=float(random.normal(centre, spread)),
            contribution=share,
            xgboost_margin=share * 1.4,
            lstm_gradient=share * 0.8,
        )

    positive = tuple(driver(index, 1) for index in (0, 1, 3, 5, 6))
    negative = tuple(driver(index, -1) for index in (2, 4, 7))
    return Explanation(
        explanation_id=f"{signal.signal_id}-e",
        prediction_id=signal.prediction_id,
        signal_id=signal.signal_id,
        symbol=signal.symbol,
        timeframe_ms=signal.timeframe_ms,
        event_time_ms=signal.event_time_ms,
        available_time_ms=signal.available_time_ms,
        model_version=signal.model_version,
        explained_class=signal.direction,
        positive=positive,
        negative=negative,
        base_value=-0.31,
        methods={"xgboost": "TreeSHAP, path dependent", "lstm": "Integrated gradients"},
        additivity_gap={"xgboost": 2e-7, "lstm": 4e-3},
        sentence=(
            f"{positive[0].feature} at {positive[0].value:.3g} and {positive[1].feature} at "
            f"{positive[1].value:.3g} speak for a {signal.direction}; {negative[0].feature} at "
            f"{negative[0].value:.3g} speaks against it."
        ),
    )


def tick(minute: int, speed: float = 1.0) -> ClockTick:
    """Market time at the close of a minute."""
    return ClockTick(event_time_ms=close_time(minute), speed=speed)


def running(minute: int = 0, **states: str) -> list[WorkerStatus]:
    """Return the status of every process; ``states`` names those that are not running."""
    model = LoadedModel(
        name="ensemble",
        version=MODEL,
        loaded_at_ms=close_time(minute),
        device="cpu",
        parameters=2_456_789,
        qualified=True,
        load_seconds=0.25,
    )
    return [
        status(
            name,
            event_time_ms=close_time(minute),
            state=states.get(name, "running"),
            detail="" if name not in states else f"{name} waits for its broker",
            models=(model,) if name == "inference" else (),
            device="cpu" if name in {"inference", "explain", "training"} else None,
        )
        for name in PROCESSES
    ]


def in_service(*, qualified: bool = True) -> ModelServing:
    """Return the model in service, with its out-of-sample report."""
    model = registered(
        model_version=MODEL,
        symbols=SYMBOLS,
        feature_set_id="c0ffee12d4b7",
        qualified=qualified,
        gates={"log_loss": qualified, "calibration": True},
    )
    return serving(model=model)


def training(stage: str = "lstm", done: float = 0.62, note: str = "epoch 7 of 12") -> Record:
    """Return one step of the first training."""
    return TrainingProgress(
        request_id="bootstrap",
        strategy="ensemble",
        event_time_ms=START_MS,
        stage=stage,  # type: ignore[arg-type]  # one of the literal's words
        done=done,
        note=note,
    )


def canary(minute: int, **fields: object) -> CanaryTrace:
    """Return one bar followed through the whole chain."""
    stages: dict[str, float | None] = dict(
        zip((topic.name for topic in CHAIN), (0.0, 9.0, 10.5, 11.2, 24.8, 33.6), strict=True)
    )
    made = CanaryTrace(
        trace_id="5c1fd7aa90",
        symbol="BTCUSDT",
        event_time_ms=close_time(minute),
        stages_ms=stages,
        complete=True,
    )
    return made.model_copy(update=fields)


def windows() -> list[MonitorWindow]:
    """Return what the monitor saw in its last window."""
    return [
        MonitorWindow(
            subject=f"{topic.name}/{symbol}",
            topic=topic.name,
            symbol=symbol,
            event_time_ms=START_MS,
            window_ms=10_000,
            records=10,
            per_second=1.0,
            lateness_p50_ms=9.0 + 3 * place,
            lateness_max_ms=21.0 + 7 * place,
            staleness_ms=420.0,
        )
        for place, topic in enumerate(CHAIN)
        for symbol in SYMBOLS
    ]


def dead_letter(kind: str = "rejected") -> DeadLetter:
    """Return one rejected bar."""
    return DeadLetter(
        topic=RAW_BARS.name,
        partition=0,
        offset=4711,
        key="SOLUSDT",
        consumer="market",
        kind=kind,  # type: ignore[arg-type]  # one of the literal's words
        cause="high 147.2 is below open, close or low",
        payload_base64="e30=",
        event_time_ms=START_MS,
        trace_id="trace-9",
    )


def players(minutes: int, *, qualified: bool = True) -> list[Iterator[Minute]]:
    """Return the coming minutes of every symbol."""
    return [play(symbol, minutes, qualified=qualified) for symbol in SYMBOLS]


def live(minutes: int = 240, coming: list[Iterator[Minute]] | None = None) -> list[Record]:
    """Return a pipeline in full swing: every symbol, a model in service, the monitor's view."""
    coming = coming or players(minutes)
    last = minutes - 1
    return [
        *closes(coming, minutes),
        in_service(),
        training("done", 1.0, "qualified"),
        *running(last),
        canary(last),
        *windows(),
        tick(last),
    ]


def closes(coming: list[Iterator[Minute]], count: int = 1) -> list[Record]:
    """Return what the next bar closes bring, every symbol at once."""
    return [record for _ in range(count) for player in coming for record in next(player).records()]


def learning(minutes: int = 90) -> list[Record]:
    """Return a pipeline whose first model is being trained: bars and uniform regimes only."""
    third = {"bull": 1 / 3, "bear": 1 / 3, "sideways": 1 / 3, "parameters_version": None}
    records: list[Record] = []
    for close in zip(*(list(play(symbol, minutes)) for symbol in SYMBOLS), strict=True):
        for minute in close:
            records += [minute.bar, minute.regime.model_copy(update=third)]
    idle = {"inference": "holding", "explain": "holding"}
    return [*records, *running(minutes - 1, **idle), training(), tick(minutes - 1)]


def trouble(minute: int = 119) -> list[Record]:
    """Return what goes wrong at once: a dead process, a bug, an unqualified model, old bars."""
    failed = running(minute, explain="failed")
    return [in_service(qualified=False), *failed, dead_letter("bug"), tick(minute + 4)]
