"""Higher timeframes of a played market: its bars added up, and a past before them.

Regimes and signals lean the way the last bars went; nothing of it is filtered or predicted.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from schemas.market import Bar
from schemas.predictions import ClassProbabilities, RegimeView
from schemas.record import Record
from schemas.regimes import RegimeProbabilities
from schemas.signals import ScoredSignal, Signal
from schemas.timeframes import MINUTE_MS
from tests.browser.played import HORIZON, MODEL, explanation_of
from tests.build import bar, features, regimes, score_totals, scored, signal

SCALE = 8  # bars whose move a regime looks at
VOLATILITY = 7e-4  # of a minute


def higher(
    base: Sequence[Bar], timeframe_ms: int, count: int, *, predicted: bool = True
) -> Iterator[Record]:
    """Yield the last higher bars of one symbol with what is made of them, in time order.

    Without ``predicted`` no model serves: there are bars and uniform regimes only.
    """
    random = np.random.default_rng([timeframe_ms // MINUTE_MS, len(base[0].symbol)])
    bars = [*_past(base, timeframe_ms, count, random), *_added_up(base, timeframe_ms)][-count:]
    scores: list[ScoredSignal] = []
    for place, each in enumerate(bars):
        regime = _regime(bars, place, fitted=predicted)
        yield from (each, regime)
        if place == len(bars) - 1:
            yield _vector(each, random)
        if not predicted:
            continue
        graded = _signal(bars, place, regime, random)
        yield graded
        if graded.direction != "neutral":
            yield explanation_of(graded, random)
        if place >= HORIZON:
            scores.append(_score(bars, place - HORIZON, random))
            yield scores[-1]
    if scores:
        yield score_totals(*scores)


def _first_open(base: Sequence[Bar], timeframe_ms: int) -> int:
    return -(-base[0].open_time_ms // timeframe_ms) * timeframe_ms


def _added_up(base: Sequence[Bar], timeframe_ms: int) -> Iterator[Bar]:
    minutes = timeframe_ms // MINUTE_MS
    whole = [
        b for b in base if b.open_time_ms >= -(-base[0].open_time_ms // timeframe_ms) * timeframe_ms
    ]
    for start in range(0, len(whole) - minutes + 1, minutes):
        part = whole[start : start + minutes]
        yield _bar(part[-1], timeframe_ms, [p.open for p in part] + [p.close for p in part], part)


def _bar(last: Bar, timeframe_ms: int, prices: Sequence[float], part: Sequence[Bar]) -> Bar:
    return bar(
        symbol=last.symbol,
        timeframe_ms=timeframe_ms,
        open_time_ms=last.event_time_ms - timeframe_ms,
        event_time_ms=last.event_time_ms,
        available_time_ms=last.event_time_ms,
        open=part[0].open,
        close=last.close,
        high=max([*prices, *(p.high for p in part)]),
        low=min([*prices, *(p.low for p in part)]),
        volume=sum(p.volume for p in part),
        funding_rate=1e-4,
        funding_time_ms=last.event_time_ms - last.event_time_ms % 28_800_000,
        origin="aggregated",
    )


def _past(
    base: Sequence[Bar], timeframe_ms: int, count: int, random: np.random.Generator
) -> list[Bar]:
    """Walk back from where the first whole higher bar begins."""
    close_ms = _first_open(base, timeframe_ms)
    close = next(b.open for b in base if b.open_time_ms >= close_ms)
    spread = VOLATILITY * math.sqrt(timeframe_ms / MINUTE_MS)
    bars: list[Bar] = []
    for number in range(count):
        drift = 0.35 * spread * math.sin(number / 9)
        opened = round(close * math.exp(-drift - spread * random.normal()), 2)
        high, low = max(opened, close), min(opened, close)
        reach = np.abs(random.normal(0, spread / 2, 2))
        bars.append(
            bar(
                symbol=base[0].symbol,
                timeframe_ms=timeframe_ms,
                open_time_ms=close_ms - timeframe_ms,
                event_time_ms=close_ms,
                available_time_ms=close_ms,
                open=opened,
                close=close,
                high=round(high * (1 + reach[0]), 2),
                low=round(low * (1 - reach[1]), 2),
                origin="backfill",
            )
        )
        close, close_ms = opened, close_ms - timeframe_ms
    return bars[::-1]


def _lean(bars: Sequence[Bar], place: int) -> float:
    spread = VOLATILITY * math.sqrt(bars[place].timeframe_ms / MINUTE_MS * SCALE)
    return math.log(bars[place].close / bars[max(0, place - SCALE)].close) / spread


def _times(at: Bar) -> dict[str, Any]:
    names = ("symbol", "timeframe_ms", "event_time_ms", "available_time_ms")
    return {name: getattr(at, name) for name in names}


def _regime(bars: Sequence[Bar], place: int, *, fitted: bool) -> RegimeProbabilities:
    lean = _lean(bars, place) if fitted else 0.0
    odds = np.exp([1.4 * lean, -1.4 * lean, 0.4 if fitted else 0.0])
    bull, bear, sideways = (float(p) for p in odds / odds.sum())
    state = "TRENDING" if abs(lean) > 1 else "RANGING" if abs(lean) > 0.3 else "CHOPPY"
    return regimes(
        **_times(bars[place]),
        bull=bull,
        bear=bear,
        sideways=sideways,
        trend_state=state if place > 30 else "UNKNOWN",
        parameters_version=MODEL if fitted else None,
    )


def _vector(at: Bar, random: np.random.Generator) -> Record:
    values = indicators(random)
    return features(0, at.symbol, at.close, **values).model_copy(update=_times(at))


def indicators(random: np.random.Generator) -> dict[str, float | None]:
    """Return values of every indicator that is read, of no market in particular."""
    side = float(np.sign(random.normal(0.3)))
    return {
        "sma_distance_50": 0.004 * side,
        "sma_distance_200": float(random.normal(0, 0.01)),
        "ema_order": side,
        "plus_di_14": 22.0 + 5 * side,
        "minus_di_14": 22.0,
        "adx_14": float(random.uniform(15, 40)),
        "supertrend_direction": side,
        "ichimoku_cloud_position": float(random.integers(-1, 2)),
        "rsi_14": float(random.uniform(28, 72)),
        "macd_histogram": float(random.normal(0, 3)),
        "stochastic_k_14": float(random.uniform(10, 90)),
        "stochastic_d_14": 50.0,
        "cci_20": float(random.normal(0, 120)),
        "log_return_60": float(random.normal(0, 0.01)),
        "bollinger_position_20": float(random.uniform(0, 1)),
        "mfi_14": float(random.uniform(15, 85)),
        "chaikin_money_flow_20": float(random.normal(0, 0.1)),
        "obv_ratio_20": float(random.normal(0, 0.3)),
        "vwap_distance_60": float(random.normal(0, 0.003)),
        "htf1_direction": side,
        "htf2_direction": 0.0,
        "htf3_direction": None,
        "natr_14": float(random.uniform(0.001, 0.004)),
        "natr_rank_100": float(random.uniform(0, 1)),
    }


def _signal(
    bars: Sequence[Bar], place: int, regime: RegimeProbabilities, random: np.random.Generator
) -> Signal:
    at, lean = bars[place], _lean(bars, place) + float(random.normal(0, 0.4))
    direction = "buy" if lean > 0.8 else "sell" if lean < -0.8 else "neutral"
    sure = 0.5 + min(abs(lean), 3) / 7
    rest = (1 - sure) / 2
    chances = {name: sure if name == direction else rest for name in ("sell", "neutral", "buy")}
    span = 2.2e-3 * math.sqrt(at.timeframe_ms / MINUTE_MS)
    levels = None if direction == "neutral" else span if direction == "buy" else -span
    view = RegimeView(**{name: getattr(regime, name) for name in RegimeView.model_fields})
    return signal(
        **_times(at),
        signal_id=_name(at),
        prediction_id=f"{_name(at)}-p",
        model_version=f"{MODEL}-{at.timeframe_ms // MINUTE_MS}m",
        direction=direction,
        confidence=sure,
        grade="A+" if sure > 0.85 else "A" if sure > 0.75 else "B" if sure > 0.65 else "C",
        probabilities=ClassProbabilities(**chances),
        regime=view,
        horizon_bars=HORIZON,
        expires_ms=at.event_time_ms + HORIZON * at.timeframe_ms,
        reference_price=at.close,
        threshold=span,
        target_price=None if levels is None else at.close * (1 + levels),
        invalidation_price=None if levels is None else at.close * (1 - levels),
    )


def _name(at: Bar) -> str:
    return f"{at.symbol.lower()}-{at.event_time_ms}-{at.timeframe_ms // MINUTE_MS}m"


def _score(bars: Sequence[Bar], place: int, random: np.random.Generator) -> ScoredSignal:
    entry, end = bars[place], bars[place + HORIZON]
    hit = bool(random.random() < 0.58)
    return scored(
        symbol=entry.symbol,
        timeframe_ms=entry.timeframe_ms,
        signal_id=_name(entry),
        signal_time_ms=entry.event_time_ms,
        event_time_ms=end.event_time_ms,
        available_time_ms=end.event_time_ms,
        hit=hit,
        outcome="buy" if hit else "neutral",
        entry_price=entry.close,
        exit_price=end.close,
    )
