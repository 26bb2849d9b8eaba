"""How much evidence a bar is, and what the posterior means: learnt on markets of the fitted model.

Observations of neighbouring bars overlap, and volatility and basis swing within a regime. A filter
that takes each bar for new evidence is sure of itself and often wrong. So its evidence is weakened
inside the recursion, and its posterior calibrated after it.

Real bars carry no true regime. The target is that of markets simulated from the fitted model:
regimes from its chain, bars with the volatility, drift and basis of each regime and with swings as
persistent as those of the training bars, features through the kernel of the pipeline. A published
probability is the chance that a market of this law is in that regime. A hindsight classification
was the other candidate; it repeats the filter's errors, and left it twice as sure as right.

Sources: the power as in Pauli, Racugno and Ventura (2011) and Ribatet et al. (2012); least false
alarms at a bound on the delay as in Shiryaev (1963), Theory of Probability 8, 22-46; simulated
calibration as in Dawid (1982), JASA 77, 605-610; the autocorrelation time as in Sokal (1997).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from streams.features.catalog import FEATURE_NAMES
from streams.features.kernel import BarColumns, batch_features
from streams.regimes.hamilton import (
    SMALLEST_SCALE,
    Array,
    calibrate_history,
    hamilton_filter,
    stationary_distribution,
)
from workers.training.baum_welch import (
    STATES,
    HiddenMarkovModel,
    ObservationSequences,
    powered_transition,
)
from workers.training.regime_metrics import Regimes, switch_lags

VOLATILITY, BASIS = "garman_klass_volatility_20", "mark_basis"
LOGARITHMIC = frozenset({VOLATILITY, "log_range"})  # scales: their logarithms are near Gaussian

SIMULATED_BARS = 60_000
WARM_UP_BARS = 260
SAMPLING_VARIANCE = 0.018  # of the log of a 20-bar volatility of the shocks below
CHAIN_ITERATIONS = 8
POWERS = (0.02, 1.0)
# Where the search starts, and the centre of what is believed before: a simulated market of a few
# hundred spells must not move the power far. Chosen on the simulated exchange, seeds 11 to 20.
FIRST_POWER = 0.09
# The median delay of the filter on a simulated market. Weaker evidence: fewer false changes and
# a longer delay; the window of the volatility alone is 20 bars.
LONGEST_LAG_BARS = 23.5
BISECTIONS = 7
LONGEST_MEMORY_BARS = 1_000
LONGEST_REACH = 150.0  # of a simulated log price, either way; prices are at most 1e100
THINNED = 5  # bars: neighbouring posteriors say the same
SLOPES, EXPONENTS = (1e-6, 1e3), (0.2, 6.0)
TAIL_FREEDOM = 6.0  # of one-bar shocks, as in returns of minutes and hours


@dataclass(frozen=True)
class Evidence:
    """What the recursion and the calibration of a fitted model are.

    Attributes:
        power: Of each bar's density in the recursion, in (0, 1].
        transition: The chain fitted under that power, shape (K, K).
        slope, exponent: Of the calibration.
        lag_bars: Median delay on the simulated market.
    """

    power: float
    transition: Array
    slope: float
    exponent: float
    lag_bars: float


@dataclass(frozen=True)
class RegimeMarket:
    """A market with known regimes: what its law is, in the units of the filter's observations.

    Attributes:
        names: Observations of the filter, D of them.
        model: In those units; locations and scales of what is logarithmic are of the logarithm.
        drift: Mean log return a bar by regime, shape (K,).
        memory_bars: Integrated autocorrelation time of each observation within a regime, D.
    """

    names: tuple[str, ...]
    model: HiddenMarkovModel
    drift: Array
    memory_bars: Array

    def simulate(self, bars: int, seed: int) -> tuple[Regimes, Array]:
        """Return true regimes and the filter's observations, shapes (T,) and (T, D).

        The first bars are left out, in which features warm up.
        """
        rng = np.random.default_rng(seed)
        chain = self.model.transition
        regimes = _regime_path(chain, bars + WARM_UP_BARS, rng)
        # Without the drift of all, which would carry prices out of the range of a double.
        drift = self.drift - self.drift @ stationary_distribution(chain)
        log_sigma, spread, memory = self._column(VOLATILITY)
        unexplained = np.sqrt(np.maximum(spread**2 - SAMPLING_VARIANCE, 0.0))
        swing = _persistent(np.zeros(len(regimes)), unexplained[regimes], memory, rng)
        sigma = np.exp(log_sigma[regimes] + swing)
        basis = np.zeros(len(regimes))
        if BASIS in self.names:
            location, spread, memory = self._column(BASIS)
            target = _targets(chain, location, memory)
            basis = _persistent(target[regimes], spread[regimes], memory, rng)
        features = _features(drift[regimes], sigma, basis, rng)
        seen = features[:, [FEATURE_NAMES.index(name) for name in self.names]]
        return regimes[WARM_UP_BARS:], as_read(seen, self.names)[WARM_UP_BARS:]

    def _column(self, name: str) -> tuple[Array, Array, float]:
        """Return location and deviation of one observation by regime, and its memory."""
        d, freedom = self.names.index(name), self.model.freedom
        heavy = np.where(np.isinf(freedom), 4.0, np.maximum(freedom, 2.5))
        widening = np.where(np.isinf(freedom), 1.0, np.sqrt(heavy / (heavy - 2.0)))
        return self.model.location[:, d], self.model.scale[:, d] * widening, self.memory_bars[d]


def _features(drift: Array, sigma: Array, basis: Array, rng: np.random.Generator) -> Array:
    """Return all features of bars drawn with a drift, a volatility and a basis each."""
    count = len(sigma)
    shock = sigma * np.sqrt((TAIL_FREEDOM - 2.0) / rng.chisquare(TAIL_FREEDOM, count))
    move = drift + shock * rng.standard_normal(count)
    # Extremes of a Brownian path between its two ends.
    up, down = (
        np.sqrt(move**2 - 2.0 * shock**2 * np.log(1.0 - rng.random(count))) for _ in range(2)
    )
    # A market that moves by half its price a bar would leave the range of prices: it is calmed.
    reach = float((np.abs(np.cumsum(move)) + np.maximum(up, down)).max())
    calm = min(1.0, LONGEST_REACH / reach) if reach > 0.0 else 1.0
    move, up, down = move * calm, up * calm, down * calm
    opened = np.exp(np.cumsum(move) - move)
    closed = opened * np.exp(move)
    columns = BarColumns.of(
        np.arange(1, count + 1),
        open=opened,
        high=opened * np.exp(0.5 * (move + up)),
        low=opened * np.exp(0.5 * (move - down)),
        close=closed,
        volume=np.ones(count),
        mark_price=closed * (1.0 + basis),
    )
    return batch_features(columns)


def _targets(chain: Array, location: Array, memory: float) -> Array:
    """Return what an autoregression is pulled to, so that its mean by regime is the location.

    A spell begins where the one before left it: the pull is stronger than the mean shows.
    """
    phi, shares = _persistence(memory), stationary_distribution(chain)
    backwards = chain.T * shares / np.maximum(shares[:, None], 1e-12)
    return np.asarray((location - phi * backwards @ location) / (1.0 - phi))


def as_read(observations: Array, names: tuple[str, ...]) -> Array:
    """Return observations as the filter reads them: scales by their logarithm, NaN where null."""
    read = np.array(observations, np.float64)
    for d, name in enumerate(names):
        if name in LOGARITHMIC:
            read[:, d] = np.log(np.maximum(read[:, d], SMALLEST_SCALE))
    return read


def settle_evidence(
    model: HiddenMarkovModel, sequences: ObservationSequences, market: RegimeMarket, seed: int
) -> Evidence:
    """Return the power, the chain under it and the calibration of a fitted model.

    Args:
        model: In standardised units, as the sequences.
        sequences: The training bars.
        market: The law of the same model in the units of one symbol.
        seed: Of the simulation.
    """
    chain = powered_transition(model, sequences, FIRST_POWER, CHAIN_ITERATIONS)
    market = replace(market, model=replace(market.model, transition=chain))
    regimes, seen = market.simulate(SIMULATED_BARS, seed)
    power = math.sqrt(FIRST_POWER * _weakest_power(market.model, regimes, seen))
    chain = powered_transition(model, sequences, power, CHAIN_ITERATIONS)
    posteriors = _filtered(replace(market.model, transition=chain), power, seen)
    slope, exponent = fit_calibration(posteriors[::THINNED], regimes[::THINNED])
    lag = float(np.median(switch_lags(posteriors.argmax(axis=1), regimes)))
    return Evidence(power, chain, slope, exponent, lag)


def _weakest_power(model: HiddenMarkovModel, regimes: Regimes, seen: Array) -> float:
    """Return the least power whose filter names a new regime in time; the largest if none does."""

    def in_time(power: float) -> bool:
        named = _filtered(model, power, seen).argmax(axis=1)
        return float(np.median(switch_lags(named, regimes))) <= LONGEST_LAG_BARS

    low, high = (math.log(power) for power in POWERS)
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if in_time(math.exp(middle)) else (middle, high)
    return math.exp(high)


def _filtered(model: HiddenMarkovModel, power: float, seen: Array) -> Array:
    start, steps = stationary_distribution(model.transition), np.ones(len(seen), np.int64)
    return hamilton_filter(model.packed(power), start, seen, steps)[0]


def fit_calibration(posteriors: Array, regimes: Regimes) -> tuple[float, float]:
    """Return slope and exponent of least log-loss; see ``streams.regimes.hamilton.calibrate``.

    Args:
        posteriors: Of the recursion, shape (T, 3).
        regimes: The true ones, shape (T,).
    """
    from scipy.optimize import minimize

    rows = np.arange(len(regimes))
    bounds = [(math.log(low), math.log(high)) for low, high in (SLOPES, EXPONENTS)]

    def loss(logs: Array) -> float:
        slope, exponent = (float(np.exp(v)) for v in logs)
        chosen = calibrate_history(slope, exponent, posteriors)[rows, regimes]
        return float(-np.log(np.maximum(chosen, 1e-12)).mean())

    best = minimize(
        loss,
        np.array([math.log(0.1), math.log(1.7)]),
        method="Nelder-Mead",
        bounds=bounds,
        options={"maxiter": 80, "xatol": 1e-3, "fatol": 1e-6},
    )
    slope, exponent = (float(np.exp(v)) for v in best.x)
    return slope, exponent


def memory_bars(model: HiddenMarkovModel, sequences: ObservationSequences, states: Array) -> Array:
    """Return the integrated autocorrelation time of each observation within a regime, bars, D.

    Args:
        model: In standardised units, as the sequences.
        sequences: The training bars.
        states: Smoothed probability of each state, shape (K, N).
    """
    missing = sequences.present == 0.0
    residuals = (sequences.values - model.location.T @ states) / (model.scale.T @ states)
    residuals[missing] = 0.0
    spans = list(zip(sequences.offsets[:-1], sequences.offsets[1:], strict=True))
    return np.array(
        [np.mean([autocorrelation_time(row[a:b]) for a, b in spans]) for row in residuals]
    )


def autocorrelation_time(values: Array) -> float:
    """Return the integrated autocorrelation time, in values, at least 1."""
    centred = values - values.mean()
    spectrum = np.fft.rfft(centred, 2 * len(centred))
    covariance = np.fft.irfft(spectrum * spectrum.conj())[: min(len(centred), LONGEST_MEMORY_BARS)]
    if covariance[0] <= 0.0:
        return 1.0
    times = 2.0 * np.cumsum(covariance / covariance[0]) - 1.0
    # Beyond five times themselves, correlations are noise (Sokal, 1997).
    enough = np.flatnonzero(np.arange(len(times)) >= 5.0 * times)
    return max(float(times[enough[0]] if len(enough) else times[-1]), 1.0)


def _regime_path(transition: Array, bars: int, rng: np.random.Generator) -> Regimes:
    regimes = np.empty(bars, np.int64)
    regime, bar = int(rng.choice(STATES, p=stationary_distribution(transition))), 0
    while bar < bars:
        leave = transition[regime].copy()
        leave[regime] = 0.0
        chance = max(float(leave.sum()), 1e-9)
        stay = int(rng.geometric(min(chance, 1.0)))
        regimes[bar : bar + stay] = regime
        bar += stay
        regime = int(rng.choice(STATES, p=leave / leave.sum())) if leave.any() else regime
    return regimes


def _persistence(memory: float) -> float:
    return (memory - 1.0) / (memory + 1.0)


def _persistent(target: Array, spread: Array, memory: float, rng: np.random.Generator) -> Array:
    """Return a first-order autoregression towards a target, of a given autocorrelation time."""
    from scipy.signal import lfilter

    phi = _persistence(memory)
    pushed = (1.0 - phi) * target
    pushed += spread * math.sqrt(1.0 - phi * phi) * rng.standard_normal(len(target))
    start = np.array([phi * target[0]])
    return np.asarray(lfilter([1.0], [1.0, -phi], pushed, zi=start)[0])
