"""Parameters of the simulated market: regimes, volatility, volume, premium.

All scales are for one minute of BTCUSDT; a contract multiplies drift and volatility by its
beta. Regime order is (bull, bear, sideways) throughout.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from workers.simulator.instruments import Instrument

Floats = NDArray[np.float64]

REGIMES = ("bull", "bear", "sideways")
BP = 1e-4


@dataclass(frozen=True)
class RegimeLaw:
    """Parameters of one regime, per minute of BTCUSDT."""

    dwell_bars: float  # expected length of a spell
    drift: float  # log return a bar
    sigma: float  # root mean square of the log return's innovation
    log_volume: float  # turnover relative to a quiet minute, natural log
    premium: float  # contract over index that the premium is pulled to


def _default_laws() -> tuple[RegimeLaw, RegimeLaw, RegimeLaw]:
    bull = RegimeLaw(320.0, 0.05 * 5.0 * BP, 5.0 * BP, 0.8, 8.0 * BP)
    # The bear's drift offsets the bull's exactly: see MarketModel.drift.
    bear = RegimeLaw(260.0, math.nan, 13.0 * BP, 1.6, -6.0 * BP)
    sideways = RegimeLaw(380.0, 0.0, 2.7 * BP, 0.0, 1.0 * BP)
    return bull, bear, sideways


@dataclass(frozen=True)
class MarketModel:
    """Parameters of the simulated market; the defaults are compared with BTC in the tests."""

    trend: float = 1.0  # every drift is so many times as strong
    laws: tuple[RegimeLaw, RegimeLaw, RegimeLaw] = field(default_factory=_default_laws)
    # Where a spell goes when it ends: row = from, column = to.
    jumps: tuple[tuple[float, ...], ...] = ((0.0, 0.4, 0.6), (0.5, 0.0, 0.5), (0.6, 0.4, 0.0))
    fast_half_life_bars: float = 40.0  # log-volatility swings within the hour
    fast_sd: float = 0.15
    slow_half_life_bars: float = 2 * 1440.0  # and over days
    slow_sd: float = 0.2
    overreaction: float = 0.3  # share of a shock that is taken back later
    reversion_half_life_bars: float = 120.0
    anchor_half_life_bars: float = 60 * 1440.0  # keeps prices plausible over months
    factor_share: float = 0.85  # correlation of the Gaussian parts of any two contracts
    premium_half_life_bars: float = 60.0
    premium_sd: float = 3.0 * BP
    volume_half_life_bars: float = 0.5
    volume_sd: float = 0.35

    @property
    def transition(self) -> Floats:
        """P[i, j] = Pr(regime j at t | regime i at t-1), shape (3, 3), rows sum to 1."""
        leave = np.array([1.0 / law.dwell_bars for law in self.laws])
        matrix: Floats = np.diag(1.0 - leave) + leave[:, None] * np.array(self.jumps)
        return matrix

    @property
    def stationary(self) -> Floats:
        """Long-run share of each regime, shape (3,), sums to 1."""
        system = np.vstack([self.transition.T - np.eye(3), np.ones(3)])
        share: Floats = np.linalg.lstsq(system, np.array([0.0, 0.0, 0.0, 1.0]), rcond=None)[0]
        return share

    @property
    def drift(self) -> Floats:
        """Log return a bar by regime, shape (3,); its long-run mean is zero."""
        bull = self.trend * self.laws[0].drift
        share = self.stationary
        return np.array([bull, -bull * share[0] / share[1], 0.0])

    def table(self, contract: Instrument) -> Floats:
        """Parameters by regime for one contract, shape (4, 3): drift, sigma, volume, premium."""
        return np.array(
            [
                self.drift * contract.beta,
                [law.sigma * contract.beta for law in self.laws],
                [law.log_volume for law in self.laws],
                [law.premium for law in self.laws],
            ]
        )

    def scalars(self, contract: Instrument) -> Floats:
        """Constants of the walk for one contract, in the kernel's order, shape (16,)."""
        return np.array(
            [
                _persistence(self.fast_half_life_bars),
                self.fast_sd,
                _persistence(self.slow_half_life_bars),
                self.slow_sd,
                self.overreaction,
                1.0 - _persistence(self.reversion_half_life_bars),
                1.0 - _persistence(self.anchor_half_life_bars),
                self.factor_share,
                _persistence(self.premium_half_life_bars),
                self.premium_sd,
                _persistence(self.volume_half_life_bars),
                self.volume_sd,
                float(contract.tick_size),
                float(contract.step_size),
                math.log(contract.anchor_price_usd),
                math.log(contract.turnover_usd),
            ]
        )


def _persistence(half_life_bars: float) -> float:
    return float(0.5 ** (1.0 / half_life_bars))
