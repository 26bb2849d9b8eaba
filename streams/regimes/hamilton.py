"""The forward filter of a hidden Markov model with diagonal Gaussian or Student-t emissions.

Observations of neighbouring bars overlap, so a bar is less than one bar's new evidence: its density
enters the recursion as a power of it. The recursion keeps its own posterior; what is published is
that posterior, calibrated. Without a power and a calibration both are the plain filter.

Sources: Hamilton (1989), Econometrica 57(2), 357-384; heavy tails as in Liu and Rubin (1995),
Statistica Sinica 5, 19-39; the power as in Pauli, Racugno and Ventura (2011), Statistica Sinica 21,
149-164, and Ribatet, Cooley and Davison (2012), Statistica Sinica 22, 813-845; the calibration
keeps the order of the states, as in Rahimi et al. (2020), NeurIPS 33. State order is bull, bear,
sideways wherever three states have names.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from schemas.regimes import RegimeParameters, Triple

Array = NDArray[np.float64]

LARGEST_DEVIATION = 1e30  # in scales; a larger one could overflow its square or their product
FLUSH_ABOVE = 1e200  # one more factor, at most 1e60, still gives a finite product
LONGEST_GAP_BARS = 100_000  # far beyond any dwell: the chain has forgotten its start
SMALLEST_SCALE = 1e-7  # a thousandth of a bp: a bar without any range still has a logarithm
SMALLEST_PROBABILITY = 1e-300  # its logarithm is finite


def make_filter(
    transition: Array,
    location: Array,
    scale: Array,
    freedom: Array,
    *,
    logarithmic: Sequence[bool] | None = None,
    power: float = 1.0,
) -> Array:
    """Pack parameters as the kernels read them: one array, because each argument costs a call.

    Args:
        transition: P[i, j] = Pr(regime j at t | regime i at t-1), shape (K, K).
        location: Centre of each emission, shape (K, D).
        scale: Scale of each emission, shape (K, D), > 0.
        freedom: Degrees of freedom of each state, shape (K,); infinite for a Gaussian.
        logarithmic: Whether the logarithm of each observation is read, D; None for none.
        power: Of each density inside the recursion, in (0, 1].

    Returns: shape (K, K + 2 + 4 D), one row a state: its transition row, its degrees of freedom,
    for each observation the location, one over the scale, the log density at the centre, and 1
    where its logarithm is read; at last the power.
    """
    log_norm = np.empty_like(scale)
    for k, v in enumerate(freedom):
        if math.isinf(v):
            log_norm[k] = -0.5 * math.log(2.0 * math.pi) - np.log(scale[k])
        else:
            gammas = math.lgamma((v + 1.0) / 2.0) - math.lgamma(v / 2.0)
            log_norm[k] = gammas - 0.5 * math.log(v * math.pi) - np.log(scale[k])
    flags = np.tile(np.array(logarithmic or [False] * scale.shape[1], np.float64), (len(scale), 1))
    powers = np.full((len(scale), 1), power)
    packed = np.hstack(
        [transition, freedom[:, None], location, 1.0 / scale, log_norm, flags, powers]
    )
    packed.setflags(write=False)  # it is shared, and one array type compiles once
    return packed


@lru_cache(maxsize=1024)
def packed_filter(parameters: RegimeParameters) -> Array:
    """Return the packed filter of a parameter record, in the units of the features themselves."""
    centre, spread = np.array(parameters.centre), np.array(parameters.spread)
    return make_filter(
        np.array(parameters.transition),
        centre + spread * np.array(parameters.location),
        spread * np.array(parameters.scale),
        np.array(parameters.degrees_of_freedom or (math.inf,) * 3),
        logarithmic=parameters.logarithmic,
        power=parameters.evidence_power or 1.0,
    )


@njit(cache=True, inline="always")
def emission_logs(model: Array, observation: Array, out: Array) -> int:
    """Write the log density of one observation in each state; return how many values it has.

    A NaN in ``observation`` is a missing value: its factor is left out, which is its exact
    marginal under diagonal emissions. A logarithm is read of at least ``SMALLEST_SCALE``.
    """
    states, width = len(model), len(observation)
    present = 0
    for k in range(states):
        freedom = model[k, states]
        gaussian = math.isinf(freedom)
        total, product = 0.0, 1.0
        present = 0
        for d in range(width):
            y = observation[d]
            if math.isnan(y):
                continue
            column = states + 1 + d
            if model[k, column + 3 * width] > 0.0:
                y = math.log(max(SMALLEST_SCALE, y))
            present += 1
            z = (y - model[k, column]) * model[k, column + width]
            z = min(max(z, -LARGEST_DEVIATION), LARGEST_DEVIATION)
            total += model[k, column + 2 * width]
            if gaussian:
                total -= 0.5 * z * z
            else:
                product *= 1.0 + z * z / freedom
                if product > FLUSH_ABOVE:
                    total -= 0.5 * (freedom + 1.0) * math.log(product)
                    product = 1.0
        out[k] = total if gaussian else total - 0.5 * (freedom + 1.0) * math.log(product)
    return present


@njit(cache=True, inline="always")
def log_mixture(weights: Array, logs: Array) -> float:
    """Return the log of the mean of ``exp(logs)`` under some weights; never underflows."""
    top = -math.inf
    for k in range(len(logs)):
        if weights[k] > 0.0:
            top = max(top, logs[k])
    total = 0.0
    for k in range(len(logs)):
        total += weights[k] * math.exp(min(logs[k] - top, 0.0))
    return top + math.log(total)


@njit(cache=True)
def hamilton_step(model: Array, posterior: Array, observation: Array, elapsed_bars: int) -> float:
    """Advance a regime posterior to one bar close, in place.

    Args:
        model: Packed filter of ``make_filter``, in the units of the observation.
        posterior: Of the recursion at the bar before, shape (K,), sums to 1; becomes that at t.
        observation: Values at t, shape (D,); NaN is missing and leaves its factor out.
        elapsed_bars: Bars from that bar to t: 1 without a hole; the chain moves through a hole.

    Returns:
        Log-likelihood of the observation given the past, 0 when all of it is missing. Uses no
        data after t. The largest log weight is taken out before the exponential, so a 50-sigma
        bar cannot underflow every state.
    """
    states = len(posterior)
    logs = np.empty(states)
    for _ in range(min(elapsed_bars, LONGEST_GAP_BARS)):
        for j in range(states):
            logs[j] = 0.0
            for i in range(states):
                logs[j] += posterior[i] * model[i, j]
        posterior[:] = logs
    present = emission_logs(model, observation, logs)
    power = model[0, -1]
    increment = 0.0
    if power != 1.0 and present > 0:
        increment = log_mixture(posterior, logs)
    top = -math.inf
    for k in range(states):
        logs[k] = power * logs[k] + math.log(posterior[k]) if posterior[k] > 0.0 else -math.inf
        top = max(top, logs[k])
    total = 0.0
    for k in range(states):
        posterior[k] = math.exp(logs[k] - top)
        total += posterior[k]
    for k in range(states):
        posterior[k] /= total
    if power == 1.0 and present > 0:
        increment = top + math.log(total)
    return increment


@njit(cache=True)
def calibrate(slope: float, exponent: float, posterior: Array, out: Array) -> None:
    """Write what is published of a posterior of the recursion, shape (K,); in place too.

    The chance of a state is proportional to ``exp(-slope * s ** exponent)``; ``s`` is minus the log
    of its probability. An exponent of 1 is a temperature of 1 / slope (Guo et al., 2017). The order
    of the states stays.
    """
    states = len(posterior)
    least = math.inf
    for k in range(states):
        surprise = max(-math.log(max(posterior[k], SMALLEST_PROBABILITY)), 0.0)
        out[k] = slope * surprise**exponent
        least = min(least, out[k])
    total = 0.0
    for k in range(states):
        out[k] = math.exp(least - out[k])
        total += out[k]
    for k in range(states):
        out[k] /= total


@njit(cache=True)
def calibrate_history(slope: float, exponent: float, posteriors: Array) -> Array:
    """Return what is published of each posterior, shape (T, K); see ``calibrate``."""
    published = np.empty_like(posteriors)
    for t in range(len(posteriors)):
        calibrate(slope, exponent, posteriors[t], published[t])
    return published


@njit(cache=True)
def hamilton_filter(
    model: Array, initial: Array, observations: Array, elapsed_bars: NDArray[np.int64]
) -> tuple[Array, Array]:
    """Run the same step over a whole history; row t uses rows up to t only.

    Args:
        model: Packed filter of ``make_filter``, in the units of the observations.
        initial: Posterior at the bar before the first one, shape (K,).
        observations: Shape (T, D), NaN where missing.
        elapsed_bars: Bars since the row before, shape (T,); see ``hamilton_step``.

    Returns:
        Posteriors, shape (T, K), and log-likelihood increments, shape (T,); bit-equal to T calls
        of ``hamilton_step``.
    """
    length, states = len(observations), len(initial)
    posteriors = np.empty((length, states))
    increments = np.empty(length)
    current = initial.copy()
    for t in range(length):
        increments[t] = hamilton_step(model, current, observations[t], elapsed_bars[t])
        posteriors[t] = current
    return posteriors, increments


class FilteredBar(NamedTuple):
    """The filter at one bar close; (bull, bear, sideways), each sums to 1.

    Attributes:
        posterior: What the recursion goes on from.
        published: The same, calibrated: the chances that anybody else reads.
        log_likelihood: Of the bar given the past; None without any value.
    """

    posterior: Triple
    published: Triple
    log_likelihood: float | None


def observe(
    parameters: RegimeParameters,
    posterior: Triple,
    values: Sequence[float | None],
    elapsed_bars: int,
) -> FilteredBar:
    """Return the filter after one bar; see ``hamilton_step``.

    Args:
        parameters: Of the symbol and timeframe.
        posterior: Of the recursion at the bar before, or the initial one.
        values: Features named ``parameters.observations`` at t; None where undefined.
        elapsed_bars: Bars from that bar to t.
    """
    observation = np.array(values, np.float64)  # None becomes NaN
    after = np.array(posterior)
    increment = hamilton_step(packed_filter(parameters), after, observation, elapsed_bars)
    log_likelihood = None if values.count(None) == len(values) else increment
    filtered: Triple = tuple(after.tolist())
    slope, exponent = parameters.calibration_slope, parameters.calibration_exponent
    if slope is None or exponent is None:
        return FilteredBar(filtered, filtered, log_likelihood)
    calibrate(slope, exponent, after, after)
    return FilteredBar(filtered, tuple(after.tolist()), log_likelihood)


def recursion(
    parameters: RegimeParameters, event_time_ms: NDArray[np.int64], observations: Array
) -> Array:
    """Return the posterior that the filter carries on, before its calibration, at each bar.

    Arguments and shape as of ``filtered_probabilities``.
    """
    elapsed = np.diff(event_time_ms) // parameters.timeframe_ms
    steps = np.concatenate([np.ones(1, np.int64), np.maximum(elapsed, 1)])[: len(observations)]
    posteriors, _ = hamilton_filter(
        packed_filter(parameters),
        np.array(parameters.initial),
        np.ascontiguousarray(observations, dtype=np.float64),
        steps,
    )
    return posteriors


def filtered_probabilities(
    parameters: RegimeParameters, event_time_ms: NDArray[np.int64], observations: Array
) -> Array:
    """Return the calibrated posterior at each bar of a history, as the processor publishes it.

    Args:
        parameters: Of the symbol and timeframe of the history.
        event_time_ms: Bar closes, shape (T,), increasing.
        observations: Features named ``parameters.observations``, shape (T, D), NaN where null.

    Returns: (bull, bear, sideways), shape (T, 3); row t uses rows up to t only.
    """
    return calibrated(parameters, recursion(parameters, event_time_ms, observations))


def calibrated(parameters: RegimeParameters, posteriors: Array) -> Array:
    """Return what is published of the recursion's posteriors, shape (T, 3)."""
    slope, exponent = parameters.calibration_slope, parameters.calibration_exponent
    if slope is None or exponent is None:
        return posteriors
    return calibrate_history(slope, exponent, posteriors)


def prepare() -> None:
    """Compile the filter, or load it from the cache."""
    even = np.full((3, 3), 1 / 3)
    packed = make_filter(even, np.zeros((3, 1)), np.ones((3, 1)), np.full(3, np.inf))
    hamilton_step(packed, np.full(3, 1 / 3), np.zeros(1), 1)
    hamilton_filter(packed, np.full(3, 1 / 3), np.zeros((1, 1)), np.ones(1, np.int64))
    calibrate(1.0, 1.0, np.full(3, 1 / 3), np.empty(3))
    calibrate_history(1.0, 1.0, np.full((1, 3), 1 / 3))


def stationary_distribution(transition: Array) -> Array:
    """Return the stationary distribution of the chain, shape (K,), sums to 1.

    Least-squares solution of ``p P = p, sum p = 1``; among several, the one nearest to zero.
    """
    states = len(transition)
    equations = np.vstack([transition.T - np.eye(states), np.ones(states)])
    answer = np.linalg.lstsq(equations, np.append(np.zeros(states), 1.0), rcond=None)[0]
    positive = np.clip(answer, 0.0, None)
    return np.asarray(positive / positive.sum())
