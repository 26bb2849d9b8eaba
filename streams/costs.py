"""Fees, slippage, funding and the label they imply: one place for labels, scoring and backtest.

All values are fractions of notional.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

USUAL_FUNDING_MS = 28_800_000  # between settlements, where two of them have not been seen yet

Label = Literal["sell", "neutral", "buy"]


@dataclass(frozen=True)
class Costs:
    """What one side of a trade costs, as a fraction of notional.

    Attributes:
        taker_fee: Binance USD-M regular tier, 2026.
        slippage: Half spread and impact of a small order in a liquid contract.
    """

    taker_fee: float = 0.0005
    slippage: float = 0.0001

    @property
    def round_trip(self) -> float:
        """Cost of one entry and one exit."""
        return 2.0 * (self.taker_fee + self.slippage)


DEFAULT_COSTS = Costs()


def label_threshold(
    volatility: float, horizon_bars: int, width: float, costs: Costs = DEFAULT_COSTS
) -> float:
    """Return the return beyond which a move counts as buy or sell.

    Args:
        volatility: Deviation of one bar's log return, known at t.
        horizon_bars: Bars the label looks ahead.
        width: Multiple of the horizon's deviation.
        costs: Its round trip is the floor: a smaller move earns nothing.

    Returns: ``max(width * volatility * sqrt(horizon), round trip)``, a fraction > 0.
    """
    return max(width * volatility * math.sqrt(horizon_bars), costs.round_trip)


def label_return(forward_return: float, threshold: float) -> Label:
    """Return the ternary label of a simple return from next open to the horizon's close."""
    if forward_return > threshold:
        return "buy"
    return "sell" if forward_return < -threshold else "neutral"


def direction_sign(direction: Label) -> int:
    """Return +1 for buy, -1 for sell, 0 for neutral."""
    return {"buy": 1, "sell": -1, "neutral": 0}[direction]


def funding_paid(direction: Label, rate: float) -> float:
    """Return what one settlement costs (+) or earns (-): longs pay a positive rate."""
    return direction_sign(direction) * rate


def settlements_due(stamp_ms: int, interval_ms: int | None, from_ms: int, to_ms: int) -> int:
    """Return how many settlements of funding follow ``from_ms`` until ``to_ms``, that one included.

    Args:
        stamp_ms: Of the last settlement.
        interval_ms: Between settlements; None where it is unknown: eight hours.
        from_ms: A position pays no settlement at or before its entry.
        to_ms: Its end.
    """
    interval = interval_ms or USUAL_FUNDING_MS
    first = max((from_ms - stamp_ms) // interval, 0)
    return max((to_ms - stamp_ms) // interval - first, 0)
