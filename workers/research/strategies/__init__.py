"""The shipped strategies, one file each; to add one, write its file and name it here."""

from __future__ import annotations

import numpy as np

from schemas.timeframes import MINUTE_MS
from workers.bars.arrays import Bars
from workers.research.strategies import (
    bollinger_breakout,
    donchian,
    ema_cross,
    regime_weighted,
    rsi_reversion,
)
from workers.research.strategies.packages import allow_packages, load_strategy
from workers.research.strategies.strategy import ParametersRejected, Strategy

__all__ = [
    "STRATEGIES",
    "ParametersRejected",
    "Strategy",
    "allow_packages",
    "strategy_named",
    "warm_up",
]

STRATEGIES = (
    ema_cross.STRATEGY,
    rsi_reversion.STRATEGY,
    bollinger_breakout.STRATEGY,
    donchian.STRATEGY,
    regime_weighted.STRATEGY,
)


def strategy_named(name: str) -> Strategy:
    """Return the strategy of that name, or of ``package.module:Class`` of an allowed package.

    Raises ParametersRejected listing those there are, or saying what is wrong with the package's.
    """
    if ":" in name:
        return load_strategy(name)
    for strategy in STRATEGIES:
        if strategy.name == name:
            return strategy
    known = ", ".join(strategy.name for strategy in STRATEGIES)
    raise ParametersRejected(f"there is no strategy {name!r}; there are {known}")


def warm_up() -> None:
    """Compile or load what the strategies compute with."""
    price = np.ones(2)
    bars = Bars("BTCUSDT", MINUTE_MS, np.array([0, MINUTE_MS]), price, price, price, price, price)
    for strategy in STRATEGIES:
        strategy.target(bars)
