"""Expectation maximisation of hidden Markov models with diagonal emissions, over many sequences.

Sources: Baum et al. (1970), Annals of Mathematical Statistics 41, 164-171; Rabiner (1989),
Proceedings of the IEEE 77, 257-286; Student-t weights as in Liu and Rubin (1995).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.special import digamma

from streams.regimes.hamilton import Array, make_filter

SMALLEST_SCALE = 1e-3  # in deviations of the sequence: a state cannot shrink onto one bar
FREEDOM_RANGE = (2.5, 100.0)  # above 2 the variance exists; 100 is almost a Gaussian
SMALLEST_PRODUCT = 1e-300  # keeps a logarithm finite
FLUSH_ABOVE = 1e8  # one more factor of at most 1e300 keeps the product finite
STATES = 3  # bull, bear, sideways; a constant, so the compiler unrolls
# Sums may be reordered into vectors. Missing values are masked, so nothing is NaN.
VECTORISED = {"reassoc", "contract", "arcp", "nsz"}


@dataclass(frozen=True)
class HiddenMarkovModel:
    """One hidden Markov model; K states, D observations.

    Attributes:
        initial: Distribution of the state at the first bar of a sequence, shape (K,).
        transition: P[i, j] = Pr(state j at t | state i at t-1), shape (K, K).
        location: Centre of each emission, shape (K, D).
        scale: Scale of each emission, shape (K, D), > 0.
        freedom: Degrees of freedom, shape (K,); infinite for a Gaussian.
    """

    initial: Array
    transition: Array
    location: Array
    scale: Array
    freedom: Array

    def packed(self, power: float = 1.0) -> Array:
        """Return the Hamilton filter of this model; see ``make_filter``."""
        return make_filter(self.transition, self.location, self.scale, self.freedom, power=power)

    def permuted(self, order: list[int]) -> HiddenMarkovModel:
        """Return the same model with state ``order[i]`` in place i."""
        return HiddenMarkovModel(
            self.initial[order],
            np.ascontiguousarray(self.transition[np.ix_(order, order)]),
            np.ascontiguousarray(self.location[order]),
            np.ascontiguousarray(self.scale[order]),
            self.freedom[order],
        )


class Expectations(NamedTuple):
    """Expected values over the hidden states, from one pass over the sequences.

    Attributes:
        log_likelihood: Of all sequences under the model of the pass, in nats.
        starts: Sequences that start in each state, shape (K,).
        moves: Moves from state to state, shape (K, K).
        bars: Bars with a value, shape (K, D).
        weights, firsts, seconds: Sums of w, w y and w y^2 over those bars, shape (K, D);
            w is the Student-t weight (1 for a Gaussian).
        log_weights: Sum of log w - w over those bars, shape (K,).
        states: Smoothed probability of each state at each bar, shape (K, N). It uses the
            future, so it may only name states in training.
    """

    log_likelihood: float
    starts: Array
    moves: Array
    bars: Array
    weights: Array
    firsts: Array
    seconds: Array
    log_weights: Array
    states: Array


@dataclass(frozen=True)
class ObservationSequences:
    """Standardised sequences one after the other, laid out for the kernels.

    Attributes:
        values: Shape (D, N); 0 where missing.
        present: 1 where there is a value, else 0, shape (D, N).
        offsets: First bar of each sequence, and N, shape (S + 1,).
    """

    values: Array
    present: Array
    offsets: NDArray[np.int64]

    @classmethod
    def lay_out(cls, sequences: Sequence[Array]) -> ObservationSequences:
        """Lay out sequences of shape (T, D), NaN where missing; empty ones are left out."""
        blocks = [sequence for sequence in sequences if len(sequence)]
        values = np.ascontiguousarray(np.vstack(blocks).T)
        missing = np.isnan(values)
        offsets = np.cumsum([0, *(len(block) for block in blocks)], dtype=np.int64)
        return cls(np.where(missing, 0.0, values), np.where(missing, 0.0, 1.0), offsets)

    def __len__(self) -> int:
        return int(self.offsets[-1])


@njit(cache=True, fastmath=VECTORISED)
def _emissions(model: Array, values: Array, present: Array) -> tuple[Array, Array]:
    """Return log densities and, for a Student-t, the logs of the product of 1 + z^2 / v, (K, N)."""
    width, length = values.shape
    largest = 10.0 ** (280.0 / width)  # of z^2: the product over all observations stays finite
    logs, tails = np.zeros((STATES, length)), np.zeros((STATES, length))
    for k in range(STATES):
        freedom = model[k, STATES]
        row, tail = logs[k], tails[k]
        if not math.isinf(freedom):
            tail[:] = 1.0
        for d in range(width):
            column = STATES + 1 + d
            centre, precision = model[k, column], model[k, column + width]
            norm = model[k, column + 2 * width]
            y, there = values[d], present[d]
            if math.isinf(freedom):
                for t in range(length):
                    z = (y[t] - centre) * precision
                    row[t] += there[t] * (norm - 0.5 * min(z * z, largest))
            else:
                for t in range(length):
                    z = (y[t] - centre) * precision
                    row[t] += there[t] * norm
                    tail[t] *= 1.0 + there[t] * min(z * z, largest) / freedom
        if not math.isinf(freedom):
            for t in range(length):
                tail[t] = math.log(tail[t])
                row[t] -= 0.5 * (freedom + 1.0) * tail[t]
    return logs, tails


@njit(cache=True)
def _forward(
    model: Array, initial: Array, logs: Array, offsets: NDArray[np.int64]
) -> tuple[float, Array, Array]:
    """Return log-likelihood, filter (N, K), and densities over their bar's normaliser (N, K)."""
    length = logs.shape[1]
    alpha, ahead = np.empty((length, STATES)), np.empty((length, STATES))
    log_likelihood, product = 0.0, 1.0
    for s in range(len(offsets) - 1):
        for t in range(offsets[s], offsets[s + 1]):
            top = max(logs[0, t], logs[1, t], logs[2, t])
            total = 0.0
            for j in range(STATES):
                predicted = initial[j]
                if t > offsets[s]:
                    predicted = 0.0
                    for i in range(STATES):
                        predicted += alpha[t - 1, i] * model[i, j]
                ahead[t, j] = math.exp(logs[j, t] - top)
                alpha[t, j] = predicted * ahead[t, j]
                total += alpha[t, j]
            # Only a state that cannot be reached may have weight left: keep the sum positive.
            scale = 1.0 / max(total, SMALLEST_PRODUCT)
            for j in range(STATES):
                alpha[t, j] *= scale
                ahead[t, j] *= scale
            log_likelihood += top
            product *= scale
            if product > FLUSH_ABOVE:  # one logarithm for many bars
                log_likelihood -= math.log(product)
                product = 1.0
    return log_likelihood - math.log(product), alpha, ahead


@njit(cache=True)
def _backward(
    model: Array, alpha: Array, ahead: Array, offsets: NDArray[np.int64]
) -> tuple[Array, Array, Array]:
    """Return starts, moves and the smoothed states, (K, N)."""
    states = np.empty((STATES, len(alpha)))
    starts, moves = np.zeros(STATES), np.zeros((STATES, STATES))
    beta, coming = np.empty(STATES), np.empty(STATES)
    for s in range(len(offsets) - 1):
        beta[:] = 1.0
        for t in range(offsets[s + 1] - 1, offsets[s] - 1, -1):
            if t < offsets[s + 1] - 1:
                for j in range(STATES):
                    coming[j] = ahead[t + 1, j] * beta[j]
                for i in range(STATES):
                    beta[i] = 0.0
                    for j in range(STATES):
                        beta[i] += model[i, j] * coming[j]
                        moves[i, j] += alpha[t, i] * coming[j]
            for k in range(STATES):
                states[k, t] = alpha[t, k] * beta[k]
        for k in range(STATES):
            starts[k] += states[k, offsets[s]]
    return starts, moves * model[:, :STATES], states


@njit(cache=True, fastmath=VECTORISED)
def _moments(model: Array, values: Array, present: Array, states: Array) -> Array:
    """Return sums of bars, weights, firsts and seconds, shape (4, K, D)."""
    width, length = values.shape
    sums = np.zeros((4, STATES, width))
    for k in range(STATES):
        freedom = model[k, STATES]
        share = states[k]
        for d in range(width):
            column = STATES + 1 + d
            centre, precision = model[k, column], model[k, column + width]
            y, there = values[d], present[d]
            bars, weights, firsts, seconds = 0.0, 0.0, 0.0, 0.0
            if math.isinf(freedom):
                for t in range(length):
                    part = share[t] * there[t]
                    bars += part
                    firsts += part * y[t]
                    seconds += part * y[t] * y[t]
                weights = bars
            else:
                for t in range(length):
                    part = share[t] * there[t]
                    z = (y[t] - centre) * precision
                    weight = part * (freedom + 1.0) / (freedom + z * z)
                    bars += part
                    weights += weight
                    firsts += weight * y[t]
                    seconds += weight * y[t] * y[t]
            sums[0, k, d], sums[1, k, d] = bars, weights
            sums[2, k, d], sums[3, k, d] = firsts, seconds
    return sums


def expectation_step(
    model: HiddenMarkovModel, sequences: ObservationSequences, power: float = 1.0
) -> Expectations:
    """Run the forward-backward pass. Smoothing is for training only, never for a live bar.

    Args:
        model: Of the states and emissions.
        sequences: What is explained.
        power: Of each bar's density; below 1 the likelihood is a composite one.
    """
    packed = model.packed()
    logs, tails = _emissions(packed, sequences.values, sequences.present)
    if power != 1.0:
        logs *= power
    log_likelihood, alpha, ahead = _forward(packed, model.initial, logs, sequences.offsets)
    starts, moves, states = _backward(packed, alpha, ahead, sequences.offsets)
    bars, weights, firsts, seconds = _moments(packed, sequences.values, sequences.present, states)
    finite = np.where(np.isinf(model.freedom), 1.0, model.freedom)
    # log w = log((v + 1) / v) - log(1 + z^2 / v), summed over the bars of each state.
    log_weights = bars.sum(axis=1) * np.log1p(1.0 / finite)
    log_weights -= np.einsum("kt,kt->k", states, tails)
    return Expectations(
        log_likelihood=log_likelihood,
        starts=starts,
        moves=moves,
        bars=bars,
        weights=weights,
        firsts=firsts,
        seconds=seconds,
        log_weights=log_weights - weights.sum(axis=1),
        states=states,
    )


def maximisation_step(model: HiddenMarkovModel, expected: Expectations) -> HiddenMarkovModel:
    """Return the model that maximises the expected log-likelihood (ECM for the Student-t)."""
    visits = expected.moves.sum(axis=1, keepdims=True)
    observed = expected.weights > 0.0
    location = np.where(
        observed, expected.firsts / np.where(observed, expected.weights, 1.0), model.location
    )
    squares = expected.seconds - 2.0 * location * expected.firsts + location**2 * expected.weights
    variance = np.where(observed, squares / np.where(observed, expected.bars, 1.0), model.scale**2)
    return HiddenMarkovModel(
        initial=expected.starts / expected.starts.sum(),
        transition=np.where(
            visits > 0.0, expected.moves / np.where(visits > 0.0, visits, 1.0), model.transition
        ),
        location=location,
        scale=np.sqrt(np.maximum(variance, SMALLEST_SCALE**2)),
        freedom=np.array([_freedom(v, k, expected) for k, v in enumerate(model.freedom)]),
    )


def powered_transition(
    model: HiddenMarkovModel, sequences: ObservationSequences, power: float, iterations: int
) -> Array:
    """Return the chain that explains the sequences when each density enters as a power of it.

    With all of the evidence that overlapping bars repeat, noise looks like changes of regime: the
    dwell comes out at half of the true one. Emissions stay as they are.

    Args:
        model: Where to start.
        sequences: What to explain.
        power: In (0, 1].
        iterations: Of expectation maximisation over the transition alone.
    """
    for _ in range(iterations):
        expected = expectation_step(model, sequences, power)
        moved = maximisation_step(model, expected)
        model = replace(model, transition=moved.transition)
    return model.transition


def _freedom(before: float, state: int, expected: Expectations) -> float:
    from scipy.optimize import brentq

    bars = expected.bars[state].sum()
    if math.isinf(before) or bars <= 0.0:
        return float(before)
    half = (before + 1.0) / 2.0
    rest = expected.log_weights[state] / bars + digamma(half) - math.log(half) + 1.0

    def slope(log_freedom: float) -> float:
        v = math.exp(log_freedom) / 2.0
        return float(math.log(v) - digamma(v) + rest)

    low, high = (math.log(v) for v in FREEDOM_RANGE)
    if slope(low) <= 0.0:
        return FREEDOM_RANGE[0]
    if slope(high) >= 0.0:
        return FREEDOM_RANGE[1]
    return math.exp(brentq(slope, low, high, xtol=1e-6))


@dataclass(frozen=True)
class EmFit:
    """The best model of one run of expectation maximisation."""

    model: HiddenMarkovModel
    log_likelihood: float
    iterations: int
    converged: bool


def run_em(
    model: HiddenMarkovModel, sequences: ObservationSequences, iterations: int, tolerance: float
) -> EmFit:
    """Repeat expectation and maximisation.

    Args:
        model: Where to start.
        sequences: What to explain.
        iterations: At most this many.
        tolerance: Stop when one iteration gains less, in nats per bar.

    Returns: the most likely model; only round-off can lower the likelihood of a later one.
    """
    expected = expectation_step(model, sequences)
    best = EmFit(model, expected.log_likelihood, 0, converged=False)
    for done in range(1, iterations + 1):
        model = maximisation_step(best.model, expected)
        expected = expectation_step(model, sequences)
        gain = expected.log_likelihood - best.log_likelihood
        if gain > 0.0:
            best = EmFit(model, expected.log_likelihood, done, converged=False)
        if gain < tolerance * len(sequences):
            return replace(best, iterations=done, converged=True)
    return best
