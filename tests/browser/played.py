"""A market played minute by minute: records as the pipeline would publish them.

A seeded market with known regimes is filtered, predicted with a little foresight, graded and
scored by the project's processors; only the models are made up.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from schemas.explanations import Driver, Explanation
from schemas.ideas import IdeaEvent, SuppressedTotals
from schemas.market import Bar
from schemas.predictions import (
    ClassProbabilities,
    ExpectedReturns,
    MarketContext,
    Prediction,
    RegimeView,
    ReturnBounds,
)
from schemas.record import Record
from schemas.regimes import RegimeProbabilities
from schemas.signals import ScoredSignal, ScoreTotals, Signal
from schemas.timeframes import MINUTE_MS
from schemas.trades import TradeResult
from streams.ideas.processor import PROCESSOR as IDEAS
from streams.regimes.processor import PROCESSOR as REGIMES
from streams.runtime.memory_driver import MemoryDriver
from streams.scoring.processor import PROCESSOR as SCORING
from streams.signals.processor import PROCESSOR as GRADING
from streams.signals.processor import SignalsState
from streams.signals.rank import SINGLE
from tests.build import (
    START_MS,
    bar,
    features,
    prediction,
    regime_parameters,
)

PRICES = {"BNBUSDT": 592.4, "BTCUSDT": 64_180.0, "ETHUSDT": 3_142.0, "SOLUSDT": 147.6}
SYMBOLS = tuple(PRICES)
MODEL = "ens-7f3a91c2"
HORIZON = 15
DRIFT = (3.2e-4, -3.4e-4, 0.0)
VOLATILITY = (6e-4, 9e-4, 4e-4)
STAY = 0.988
# Of signals before the first minute: a rank needs a hundred to stand among.
EARLIER_RETURNS = np.linspace(-0.002, 0.002, 100).astype(SINGLE).tobytes()
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


Outcome = ScoredSignal | ScoreTotals | IdeaEvent | SuppressedTotals | TradeResult


@dataclass(frozen=True)
class Minute:
    """Everything the pipeline publishes about one symbol at one close."""

    bar: Bar
    regime: RegimeProbabilities
    signal: Signal
    outcomes: tuple[Outcome, ...]
    explanation: Explanation | None

    def records(self) -> tuple[Record, ...]:
        """All of it, in flow order."""
        made = (self.explanation,) if self.explanation else ()
        return (self.bar, self.regime, self.signal, *self.outcomes, *made)


def play(
    symbol: str, minutes: int, seed: int = 7, *, qualified: bool = True, foresight: float = 1.0
) -> Iterator[Minute]:
    """Yield the minutes of one symbol, the same for the same seed."""
    random = np.random.default_rng([seed, SYMBOLS.index(symbol)])
    bars = _bars(symbol, minutes + HORIZON + 1, random)
    filtering = MemoryDriver((REGIMES,))
    filtering.feed(regime_parameters(symbol=symbol, model_version=MODEL, **_filter()))
    grading = MemoryDriver((GRADING, SCORING, IDEAS))
    grading.states[GRADING.name, (symbol, MINUTE_MS)] = SignalsState(returns=EARLIER_RETURNS)
    for minute in range(minutes):
        now = bars[minute]
        regime = _regime(filtering, now, bars[max(0, minute - 1)].close, minute)
        edge = math.log(bars[minute + HORIZON].close / now.close) / 0.0035
        asked = _prediction(minute, now, regime, foresight * edge, random, qualified=qualified)
        made = grading.feed(asked)
        [signal] = [record for record in made if isinstance(record, Signal)]
        outcomes = tuple(record for record in made if isinstance(record, Outcome))
        why = None if signal.direction == "neutral" else explanation_of(signal, random)
        yield Minute(now, regime, signal, outcomes, why)


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
            high=now.high,
            low=now.low,
            natr=float(abs(random.normal(0.0014, 0.0003))),
            volume_to_median=float(math.exp(random.normal(0.25, 0.4))),
            higher_direction=float(np.sign(lean)) if random.random() > 0.25 else 0.0,
            funding_rate=1e-4,
            funding_time_ms=START_MS - START_MS % 28_800_000,
        ),
        horizon_bars=HORIZON,
        threshold=0.0022,
        confidence_interval=_bounds(max(sell, neutral, buy)),
        expected_return=_expected(buy - sell),
    )


def _bounds(confidence: float) -> tuple[float, float]:
    return max(confidence - 0.05, 0.0), min(confidence + 0.03, 1.0)


def _expected(lean: float) -> ExpectedReturns:
    mean, reach = 0.003 * lean, 0.0009
    return ExpectedReturns(
        long=ReturnBounds(mean=mean, low=mean - reach, high=mean + reach),
        short=ReturnBounds(mean=-mean, low=-mean - reach, high=reach - mean),
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
