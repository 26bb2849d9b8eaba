"""Against extremes: buys where the RSI is low, sells where it is high, until it comes back."""

from __future__ import annotations

from workers.bars.arrays import Bars
from workers.research.indicators import indicator
from workers.research.strategies.strategy import (
    SHORT,
    Floats,
    Params,
    Strategy,
    both_sides,
    held,
    number,
    whole_number,
)


def decide(bars: Bars, params: Params) -> Floats:
    """Return the target; thresholds are distances of the RSI from 50. Source: Wilder (1978)."""
    rsi = indicator("rsi", bars.close, (int(params["window"]),))[0]
    entry, leave = params["entry"], params["exit"]
    long = held(rsi < -entry, rsi >= -leave)
    short = held(rsi > entry, rsi <= leave)
    return both_sides(long, short, params)


STRATEGY = Strategy(
    name="rsi_reversion",
    summary="Reversion: long below 50 - entry of the RSI until 50 - exit, short mirrored",
    parameters={
        "window": whole_number(2, 100, 14, "buy"),
        "entry": number(10.0, 45.0, 20.0, "buy"),
        "exit": number(0.0, 9.0, 0.0, "sell"),
        "short": SHORT,
    },
    decide=decide,
)
