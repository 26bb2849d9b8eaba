"""Gradient attribution for the LSTM: integrated gradients, added up per feature over the window.

Each feature's share of the change in one class logit between the baseline (every feature at its
training mean on every bar) and the window: (x - baseline) times the gradient averaged along the
straight line between them (Sundararajan, Taly & Yan 2017, ICML). The average is taken by
Gauss-Legendre points, so the shares add up to the change only nearly; the gap is reported.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from workers.models.lstm import Lstm, LstmConfig, advance_block, compile_lstm, standardise

STEPS = 16  # points on the line; the gap is then well below a percent on trained networks


@dataclass(frozen=True, eq=False)
class LstmAttribution:
    """Shares of one class logit; ``shares.sum() + gap`` is the logit less the baseline's."""

    shares: NDArray[np.float64]  # logit units, shape (features,)
    logit: float  # of the window
    baseline: float  # logit of the window of means
    gap: float  # what the finite number of steps leaves unexplained, logit units


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
    # The last two places of the batch are the ends of the line: they give the change to explain.
    along = np.concatenate(((points + 1) / 2, (0.0, 1.0))).astype(np.float32)
    # A point of the line is a multiple of the window, and so is what it pushes the first layer
    # by; what comes back is averaged before it is brought back to the features. Both large
    # products are thus made once, not for every point.
    to_gates, rest = model.weights[: scaled.shape[1]], model.weights[scaled.shape[1] :]
    logits, averaged = _gradients(
        along,
        (weights / 2).astype(np.float32),
        scaled @ to_gates,
        np.concatenate((np.zeros_like(rest[:1]), rest)),
        model.head[:, target].copy(),
    )
    shares = ((averaged @ to_gates.T) * scaled).sum(axis=0, dtype=np.float64)
    baseline, logit = logits[-2:].tolist()
    return LstmAttribution(shares, logit, baseline, gap=logit - baseline - float(shares.sum()))


@functools.cache
def _points(steps: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    points, weights = np.polynomial.legendre.leggauss(steps)
    return np.asarray(points), np.asarray(weights)


def warm_up() -> None:
    """Compile or load the kernels, so that the first explanation does not wait for them."""
    config = LstmConfig(features=1, hidden=1, layers=1, window=1)
    zeros = {name: np.zeros(shape, dtype=np.float32) for name, shape in config.shapes().items()}
    model = compile_lstm(config, zeros | {"input.scale": np.ones(1)})
    attribute(model, np.zeros((1, 1)), target=0)


@njit(cache=True, nogil=True, error_model="numpy")
def _gradients(
    along: NDArray[np.float32],
    shares: NDArray[np.float32],
    pushes: NDArray[np.float32],
    weights: NDArray[np.float32],
    head: NDArray[np.float32],
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Logit of one class at each point; its gradient by the first gates' sums, averaged.

    ``pushes`` is what the whole window adds to those sums at each bar, shape (T, 4 hidden);
    ``weights`` are those of a network with one input, whose row is filled in from it. The last
    two points are the ends of the line: they only give the change to explain.
    """
    batch, length, hidden = len(along), len(pushes), len(head) - 1
    layers = 1 + (len(weights) - hidden - 2) // (2 * hidden + 1)
    between = batch - 2
    states = np.zeros((length + 1, batch, layers, 2, hidden), dtype=np.float32)
    gates = np.empty((length, layers, batch, 4 * hidden), dtype=np.float32)
    for t in range(length):
        weights[0] = pushes[t]
        advance_block(along.reshape(batch, 1), states[t], states[t + 1], weights, gates[t])
    logits = np.empty(batch)
    by_state = np.zeros((batch, layers, 2, hidden), dtype=np.float32)  # d logit / d state
    for i in range(batch):
        logits[i] = head[hidden]
        for j in range(hidden):
            logits[i] += states[length, i, layers - 1, 0, j] * head[j]
            by_state[i, layers - 1, 0, j] = head[j]
    averaged = np.zeros((length, 4 * hidden), dtype=np.float32)
    nothing = np.empty(0, dtype=np.float32)
    for t in range(length - 1, -1, -1):
        first = len(weights)
        for layer in range(layers - 1, -1, -1):
            width = hidden if layer else 1
            first -= width + hidden + 1
            begin = first if layer else first + 1
            block = weights[begin : first + width + hidden]
            for i in range(between):
                gate = gates[t, layer, i]
                _back_through_gates(
                    gate, states[t, i, layer], states[t + 1, i, layer], by_state[i, layer]
                )
                if layer:
                    below = by_state[i, layer - 1, 0]
                else:
                    below = nothing
                    for j in range(4 * hidden):
                        averaged[t, j] += shares[i] * gate[j]
                _back_through_weights(gate, block, below, by_state[i, layer, 0])
    return logits, averaged


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _back_through_gates(
    gates: NDArray[np.float32],
    before: NDArray[np.float32],
    after: NDArray[np.float32],
    by_state: NDArray[np.float32],
) -> None:
    """Turn the activated gates into d logit / d their sums; move by_state's cell one bar back."""
    hidden = before.shape[1]
    one = np.float32(1.0)
    for j in range(hidden):
        admit, keep = gates[j], gates[hidden + j]
        fresh, show = gates[2 * hidden + j], gates[3 * hidden + j]
        shown = after[0, j] / show if show > 0 else np.float32(0.0)  # tanh of the cell
        by_output = by_state[0, j]
        by_cell = by_state[1, j] + by_output * show * (one - shown * shown)
        gates[j] = by_cell * fresh * admit * (one - admit)
        gates[hidden + j] = by_cell * before[1, j] * keep * (one - keep)
        gates[2 * hidden + j] = by_cell * admit * (one - fresh * fresh)
        gates[3 * hidden + j] = by_output * shown * show * (one - show)
        by_state[1, j] = by_cell * keep


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "reassoc"})
def _back_through_weights(
    by_gates: NDArray[np.float32],
    block: NDArray[np.float32],
    below: NDArray[np.float32],
    before: NDArray[np.float32],
) -> None:
    """Add to the gradient of this bar's inputs; replace that of the output one bar before."""
    width = len(below)
    for k in range(len(block)):
        row, total = block[k], np.float32(0.0)
        for j in range(len(row)):
            total += row[j] * by_gates[j]
        if k < width:
            below[k] += total
        else:
            before[k - width] = total
