"""Builders: valid records by default, any field by keyword."""

from __future__ import annotations

from typing import Any

from schemas.features import FeatureVector
from schemas.market import Bar, RawBar
from schemas.predictions import ClassProbabilities, MarketContext, Prediction, RegimeView
from schemas.regimes import RegimeParameters, RegimeProbabilities

MINUTE_MS = 60_000
START_MS = 1_750_000_020_000  # a whole minute
FEATURE_SET = "test-features"


def close_time(minute: int) -> int:
    """Return the close of the bar that opens ``minute`` minutes after the start."""
    return START_MS + (minute + 1) * MINUTE_MS


def raw_bar(minute: int = 0, **fields: Any) -> RawBar:
    """Return a raw one-minute bar at 100."""
    return RawBar(**_bar_fields(minute, fields))


def bar(minute: int = 0, **fields: Any) -> Bar:
    """Return a checked one-minute bar at 100."""
    return Bar(**_bar_fields(minute, fields))


def _bar_fields(minute: int, fields: dict[str, Any]) -> dict[str, Any]:
    close = close_time(minute)
    defaults: dict[str, Any] = {
        "symbol": "BTCUSDT",
        "timeframe_ms": MINUTE_MS,
        "open_time_ms": close - MINUTE_MS,
        "event_time_ms": close,
        "available_time_ms": close,
        "open": 100.0,
        "high": 101.0,
        "low": 99.0,
        "close": 100.5,
        "volume": 10.0,
        "origin": "stream",
        "source": "test",
    }
    return defaults | fields


def features(
    minute: int = 0, symbol: str = "BTCUSDT", close: float = 100.5, **values: float | None
) -> FeatureVector:
    """Return a feature vector with the named values."""
    return FeatureVector(
        symbol=symbol,
        timeframe_ms=MINUTE_MS,
        event_time_ms=close_time(minute),
        available_time_ms=close_time(minute),
        feature_set_id=FEATURE_SET,
        open=100.0,
        close=close,
        values=values,
    )


def regimes(minute: int = 0, **fields: Any) -> RegimeProbabilities:
    """Return a posterior that leans to bull."""
    defaults: dict[str, Any] = {
        "symbol": "BTCUSDT",
        "timeframe_ms": MINUTE_MS,
        "event_time_ms": close_time(minute),
        "available_time_ms": close_time(minute),
        "bull": 0.6,
        "bear": 0.2,
        "sideways": 0.2,
        "trend_state": "TRENDING",
        "parameters_version": "m1",
    }
    return RegimeProbabilities(**(defaults | fields))


def regime_parameters(**fields: Any) -> RegimeParameters:
    """Return a one-observation Gaussian filter whose states are well apart."""
    defaults: dict[str, Any] = {
        "symbol": "BTCUSDT",
        "timeframe_ms": MINUTE_MS,
        "model_version": "m1",
        "effective_from_ms": 0,
        "family": "gaussian",
        "observations": ("log_return_1",),
        "centre": (0.0,),
        "spread": (1e-3,),
        "initial": (1 / 3, 1 / 3, 1 / 3),
        "transition": ((0.98, 0.01, 0.01), (0.01, 0.98, 0.01), (0.01, 0.01, 0.98)),
        "location": ((0.4,), (-0.4,), (0.0,)),
        "scale": ((2.0,), (3.0,), (1.0,)),
        "fitted_to_ms": 0,
    }
    return RegimeParameters(**(defaults | fields))


def prediction(
    minute: int = 0,
    probabilities: tuple[float, float, float] = (0.05, 0.05, 0.9),
    **fields: Any,
) -> Prediction:
    """Return a confident buy; ``probabilities`` are (sell, neutral, buy)."""
    sell, neutral, buy = probabilities
    chances = ClassProbabilities(sell=sell, neutral=neutral, buy=buy)
    defaults: dict[str, Any] = {
        "prediction_id": f"prediction-{minute}",
        "symbol": "BTCUSDT",
        "timeframe_ms": MINUTE_MS,
        "event_time_ms": close_time(minute),
        "available_time_ms": close_time(minute),
        "strategy": "ensemble",
        "model_version": "m1",
        "qualified": True,
        "feature_set_id": FEATURE_SET,
        "probabilities": chances,
        "members": {"xgboost": chances, "lstm": chances},
        "member_weights": {"xgboost": 0.55, "lstm": 0.45},
        "strategy_weights": {
            "bull_specialist": 0.6,
            "bear_specialist": 0.1,
            "sideways_specialist": 0.3,
        },
        "regime": RegimeView(
            bull=0.6, bear=0.2, sideways=0.2, entropy=0.865, trend_state="TRENDING"
        ),
        "context": MarketContext(
            open=100.0, close=100.5, natr=0.002, volume_to_median=1.5, higher_direction=1.0
        ),
        "horizon_bars": 15,
        "threshold": 0.002,
        "device": "cpu",
    }
    return Prediction(**(defaults | fields))
