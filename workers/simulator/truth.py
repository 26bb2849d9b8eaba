"""The true regimes and parameters of the simulated market, which no client can see.

They score a regime filter: run it once with these parameters and once with fitted ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workers.simulator import kernel
from workers.simulator.kernel import Floats, Ints
from workers.simulator.market import BAR_MS, EPOCH_MS, SimulatedBars, SimulatedMarket


@dataclass(frozen=True)
class TrueParameters:
    """The law of one contract's bars; regime order is (bull, bear, sideways).

    The log return of bar t, given the regime s and the past, is ``return_mean[s]`` plus
    ``return_scale[s] * exp(h - volatility_sd @ volatility_sd)`` times a Student-t variable of
    unit variance, less a small reversion of earlier shocks. h, the log-volatility swing, is the
    sum of two first-order autoregressions with the given persistence and standard deviation.
    """

    symbol: str
    transition: Floats  # P[i, j] = Pr(regime j at t | regime i at t-1), shape (3, 3)
    stationary: Floats  # long-run share, shape (3,)
    return_mean: Floats  # log return a bar, shape (3,)
    return_scale: Floats  # root mean square of its innovation, shape (3,)
    degrees_of_freedom: float
    volatility_persistence: Floats  # a bar, shape (2,)
    volatility_sd: Floats  # stationary, shape (2,)


@dataclass(frozen=True)
class Emissions:
    """Moments of an observation by true regime: with the transition, all that a filter needs."""

    mean: Floats  # shape (K, d)
    covariance: Floats  # shape (K, d, d)


def true_regimes(market: SimulatedMarket, symbol: str, from_ms: int, to_ms: int) -> Ints:
    """Return the true regime of each minute with from_ms <= open < to_ms, shape (n,).

    Values index ``REGIMES``. Times before the market's epoch have no bars.
    """
    first = max(0, -((EPOCH_MS - from_ms) // BAR_MS))
    last = max(first, -((EPOCH_MS - to_ms) // BAR_MS))
    return market.bars(symbol, first, last).regimes


def true_parameters(market: SimulatedMarket, symbol: str) -> TrueParameters:
    """Return the exact parameters of a contract's bars."""
    table = market.model.table(market.contract(symbol))
    scalars = market.model.scalars(market.contract(symbol))
    return TrueParameters(
        symbol=symbol,
        transition=market.model.transition,
        stationary=market.model.stationary,
        return_mean=table[kernel.P_DRIFT],
        return_scale=table[kernel.P_SIGMA],
        degrees_of_freedom=float(kernel.DEGREES_OF_FREEDOM),
        volatility_persistence=scalars[[kernel.C_FAST_PHI, kernel.C_SLOW_PHI]],
        volatility_sd=scalars[[kernel.C_FAST_SD, kernel.C_SLOW_SD]],
    )


def true_emissions(observations: Floats, regimes: Ints) -> Emissions:
    """Return the moments of an observation vector by true regime.

    Args:
        observations: What the filter observes, shape (n, d), finite.
        regimes: True regime of each row, shape (n,); each of the three must occur.

    Raises: ValueError when a regime does not occur more than d times.
    """
    rows = [observations[regimes == regime] for regime in range(3)]
    if min(len(group) for group in rows) <= observations.shape[1]:
        raise ValueError(f"regime counts {[len(r) for r in rows]}: take a longer span")
    return Emissions(
        mean=np.array([group.mean(axis=0) for group in rows]),
        covariance=np.array(
            [np.cov(group, rowvar=False).reshape(group.shape[1], -1) for group in rows]
        ),
    )


def observations(bars: SimulatedBars) -> Floats:
    """Return log return, log range and log volume of each bar but the first, shape (n - 1, 3)."""
    high, low = bars.prices(kernel.HIGH), bars.prices(kernel.LOW)
    half_tick = 0.5 * float(bars.contract.tick_size)
    span = np.log((high + half_tick) / (low - half_tick))
    returns = np.diff(np.log(bars.prices(kernel.CLOSE)))
    return np.column_stack([returns, np.log(span[1:]), np.log(bars.volume[1:])])
