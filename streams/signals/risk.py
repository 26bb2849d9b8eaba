"""Advice about risk: price levels, checks that fail closed, notes for the trader."""

from __future__ import annotations

import math

from schemas.predictions import Prediction
from schemas.signals import Direction, RiskCheck
from streams.costs import DEFAULT_COSTS, direction_sign, funding_paid

# In average true ranges of a bar times the root of the horizon's bars: the stop lies about 1.6
# deviations of a random walk away. At a bar's own range, most ideas ended before what the model
# expects of the whole horizon could come, at the same costs.
INVALIDATION_ATR = 1.0
TARGET_ATR = 1.5
LEVEL_FEATURE = "natr_14"
HIGH_FUNDING = 0.0003  # three times the usual 0.01 % a settlement
# They fail closed: a signal is the same for everybody, and an account is read when one asks.
ACCOUNT_CHECKS = tuple(
    RiskCheck(name=name, outcome="fail", detail="data missing: ask /api/v1/predict")
    for name in ("position_limit", "concentration", "daily_loss_limit")
)
RISK_APPROVED = all(check.outcome != "fail" for check in ACCOUNT_CHECKS)


def price_levels(prediction: Prediction, direction: Direction) -> tuple[float | None, float | None]:
    """Return (invalidation, target) around the close at t; null for neutral or without ATR.

    Their distance fits the horizon: it grows with the root of its bars.
    """
    natr, close = prediction.context.natr, prediction.context.close
    side = direction_sign(direction)
    if side == 0 or natr is None:
        return None, None
    invalidation, target = level_prices(side, close, natr, prediction.horizon_bars)
    usable = min(invalidation, target) > 0.0 and max(invalidation, target) < math.inf
    return (invalidation, target) if usable else (None, None)


def level_prices(side: int, close: float, natr: float, horizon_bars: int) -> tuple[float, float]:
    """Return (invalidation, target) of a side, 1 or -1; what numba cannot read stays out of it."""
    atr = natr * close * math.sqrt(horizon_bars)
    return close - side * INVALIDATION_ATR * atr, close + side * TARGET_ATR * atr


def risk_notes(
    prediction: Prediction, direction: Direction, round_trip: float = DEFAULT_COSTS.round_trip
) -> tuple[str, ...]:
    """Return the reasons against acting on this signal, one sentence each.

    ``round_trip`` is what entry and exit cost, a fraction of notional.
    """
    notes = []
    if not prediction.qualified:
        why = prediction.distrusted or "the model failed its gates out of sample"
        notes.append(f"unqualified: {why}")
    if prediction.context.bars_missing:
        notes.append(f"{prediction.context.bars_missing} bars were missing before this one")
    if direction != "neutral":
        notes.append(f"break-even move is {round_trip:.2%} of notional")
        if getattr(prediction.probabilities, direction) < 0.5:
            notes.append("the direction is less likely than not")
        rate = prediction.context.funding_rate
        if rate is not None and funding_paid(direction, rate) >= HIGH_FUNDING:
            notes.append(f"funding of {rate:.4%} a settlement is paid by this side")
    if len(prediction.members) < 2:
        notes.append(f"only {', '.join(prediction.members)} answered")
    return tuple(notes)
