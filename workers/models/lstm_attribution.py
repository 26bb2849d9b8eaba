"""Integrated gradients of the LSTM, summed per feature over the window.

The baseline has every feature at its training mean on every bar. A feature's share of the change
in one class logit between baseline and window is (x - baseline) times the gradient averaged along
the straight line between them (Sundararajan, Taly & Yan 2017, ICML). The average is taken at
Gauss-Legendre points, so the shares add up to the change only nearly: the gap is reported, and
``attribute_closely`` takes more points until it is small.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from workers.models.lstm import Lstm, smallest_lstm, standardise
from workers.models.lstm_kernels import advance_block

STEPS = 16  # points on the line: the gap is well below a percent on trained networks
# Tried in this order until the gap is small. Few do for most windows; one far from the training
# mean saturates the gates, and the gradient changes fast somewhere on the line.
LADDER_OF_STEPS = (8, 32, 128, 512)
LARGEST_GAP = 0.01  # logit units
CHUNK = 64  # points computed at once, so that many of them need no more memory


@dataclass(frozen=True, eq=False)
class LstmAttribution:
    """Shares of one class logit; ``shares.sum() + gap`` is the logit less the baseline's."""

    shares: NDArray[np.float64]  # logit units, shape (features,)
    logit: float  # of the window
    baseline: float  # logit of the window of means
    gap: float  # left unexplained by the finite number of steps, logit units
    steps: int


def attribute_closely(
    model: Lstm, window: NDArray[np.floating], target: int, largest_gap: float = LARGEST_GAP
) -> LstmAttribution:
    """Attribute with as many points as the gap needs; it may stay larger with the most of them.

    Arguments as in ``attribute``.
    """
    attribution = attribute(model, window, target, LADDER_OF_STEPS[0])
    for steps in LADDER_OF_STEPS[1:]:
        if abs(attribution.gap) <= largest_gap:
            break
        attribution = attribute(model, window, target, steps)
    return attribution


def attribute(
    model: Lstm, window: NDArray[np.floating], target: int, steps: int = STEPS
) -> LstmAttribution:
    """Attribute the logit of class ``target`` for one raw window (T, features).

    Uses the window alone. Missing values sit at the baseline and get no share.
    """
    if window.ndim != 2 or window.shape[1] != model.config.features:
        raise ValueError(f"window has shape {window.shape}, expected (T, {model.config.features})")
    scaled = standardise(model, window[None])[0]
    points, weights = _points(steps)
    # A point of the line is a multiple of the window, so its input to the first layer's gates is
    # the same multiple of the window's. The gradients by these gates are averaged before they are
    # carried on to the features. So both large products are computed once, not for every point.
    to_gates, rest = model.weights[: scaled.shape[1]], model.weights[scaled.shape[1] :]
    gate_inputs = scaled @ to_gates
    averaged = np.zeros_like(gate_inputs)
    for first in range(0, steps, CHUNK):
        part = slice(first, first + CHUNK)
        # The last two places of the batch are the ends of the line. They give what to explain.
        fractions = np.concatenate(((points[part] + 1) / 2, (0.0, 1.0))).astype(np.float32)
        logits, partial = _gradients(
            fractions,
            (weights[part] / 2).astype(np.float32),
            gate_inputs,
            np.concatenate((np.zeros_like(rest[:1]), rest)),
            model.head[:, target].copy(),
        )
        averaged += partial
    shares = ((averaged @ to_gates.T) * scaled).sum(axis=0, dtype=np.float64)
    baseline, logit = logits[-2:].tolist()
    gap = logit - baseline - float(shares.sum())
    return LstmAttribution(shares, logit, baseline, gap, steps)


@functools.cache
def _points(steps: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    points, weights = np.polynomial.legendre.leggauss(steps)
    return np.asarray(points), np.asarray(weights)


def warm_up() -> None:
    """Compile or load the kernels, so that the first explanation does not wait for them."""
    attribute(smallest_lstm(), np.zeros((1, 1)), target=0)


@njit(cache=True, nogil=True, error_model="numpy")
def _gradients(
    fractions: NDArray[np.float32],
    shares: NDArray[np.float32],
    gate_inputs: NDArray[np.float32],
    weights: NDArray[np.float32],
    head: NDArray[np.float32],
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Return the logit of one class at each point, and its averaged gradient by the first gates.

    ``gate_inputs``, shape (T, 4 hidden), is what the whole window adds to the first layer's gates
    at each bar. ``weights`` are those of a network with one input, whose row is filled in from
    it. The last two points are the ends of the line: they only give the change to explain.
    """
    batch, length, hidden = len(fractions), len(gate_inputs), len(head) - 1
    layers = 1 + (len(weights) - hidden - 2) // (2 * hidden + 1)
    inner = batch - 2
    rows = np.empty((batch, 4 * hidden + 1), dtype=np.float32)  # prepared: bias, then the input
    rows[:, : 4 * hidden] = weights[1 + hidden]
    rows[:, 4 * hidden] = fractions
    states = np.zeros((length + 1, batch, layers, 2, hidden), dtype=np.float32)
    gates = np.empty((length, layers, batch, 4 * hidden), dtype=np.float32)
    for t in range(length):
        weights[0] = gate_inputs[t]
        advance_block(rows, states[t], states[t + 1], weights, gates[t])
    logits = np.empty(batch)
    grad_state = np.zeros((batch, layers, 2, hidden), dtype=np.float32)  # d logit / d state
    for i in range(batch):
        logits[i] = head[hidden]
        for j in range(hidden):
            logits[i] += states[length, i, layers - 1, 0, j] * head[j]
            grad_state[i, layers - 1, 0, j] = head[j]
    averaged = np.zeros((length, 4 * hidden), dtype=np.float32)
    nothing = np.empty(0, dtype=np.float32)
    for t in range(length - 1, -1, -1):
        first = len(weights)
        for layer in range(layers - 1, -1, -1):
            width = hidden if layer else 1
            first -= width + hidden + 1
            begin = first if layer else first + 1
            block = weights[begin : first + width + hidden]
            for i in range(inner):
                gate = gates[t, layer, i]
                _back_through_gates(
                    gate, states[t, i, layer], states[t + 1, i, layer], grad_state[i, layer]
                )
                if layer:
                    below = grad_state[i, layer - 1, 0]
                else:
                    below = nothing
                    for j in range(4 * hidden):
                        averaged[t, j] += shares[i] * gate[j]
                _back_through_weights(gate, block, below, grad_state[i, layer, 0])
    return logits, averaged


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _back_through_gates(
    gates: NDArray[np.float32],
    before: NDArray[np.float32],
    after: NDArray[np.float32],
    grad_state: NDArray[np.float32],
) -> None:
    """Replace the activated gates by the gradient of their sums; move the cell's one bar back."""
    hidden = before.shape[1]
    zero, one = np.float32(0.0), np.float32(1.0)
    input_gate, forget_gate, candidate, output_gate = (
        gates[:hidden],
        gates[hidden : 2 * hidden],
        gates[2 * hidden : 3 * hidden],
        gates[3 * hidden :],
    )
    # Three loops took three quarters of the time of one, to the same bits.
    for j in range(hidden):
        gate, grad_output = output_gate[j], grad_state[0, j]
        quotient = after[0, j] / gate
        tanh_cell = quotient if gate > zero else zero
        grad_cell = grad_state[1, j] + grad_output * gate * (one - tanh_cell * tanh_cell)
        output_gate[j] = grad_output * tanh_cell * gate * (one - gate)
        grad_state[1, j] = grad_cell
    for j in range(hidden):
        grad_cell, gate, new = grad_state[1, j], input_gate[j], candidate[j]
        input_gate[j] = grad_cell * new * gate * (one - gate)
        candidate[j] = grad_cell * gate * (one - new * new)
    for j in range(hidden):
        grad_cell, gate = grad_state[1, j], forget_gate[j]
        forget_gate[j] = grad_cell * before[1, j] * gate * (one - gate)
        grad_state[1, j] = grad_cell * gate


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "reassoc"})
def _back_through_weights(
    grad_gates: NDArray[np.float32],
    block: NDArray[np.float32],
    below: NDArray[np.float32],
    before: NDArray[np.float32],
) -> None:
    """Add to the gradient of this bar's inputs; replace that of the previous bar's output."""
    width = len(below)
    for k in range(len(block)):
        row, total = block[k], np.float32(0.0)
        for j in range(len(row)):
            total += row[j] * grad_gates[j]
        if k < width:
            below[k] += total
        else:
            before[k - width] = total
