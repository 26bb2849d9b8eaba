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

from workers.inference.lstm import Lstm, LstmConfig, advance_block, compile_lstm, standardise

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
    logits, gradients = _gradients(
        along[:, None, None] * scaled, model.weights, model.head, target, model.config.layers
    )
    averaged = np.tensordot(weights / 2, gradients[:steps], axes=1)
    shares = (averaged * scaled).sum(axis=0)
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
    windows: NDArray[np.float32],
    weights: NDArray[np.float32],
    head: NDArray[np.float32],
    target: int,
    layers: int,
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Logit of the target class per window; its gradient by every input for all but two."""
    batch, length, features = windows.shape
    between = batch - 2  # the ends of the line only give the change to explain
    hidden = len(head) - 1
    states = np.zeros((length + 1, batch, layers, 2, hidden), dtype=np.float32)
    gates = np.empty((length, layers, batch, 4 * hidden), dtype=np.float32)
    for t in range(length):
        advance_block(windows[:, t], states[t], states[t + 1], weights, gates[t])
    logits = np.empty(batch)
    by_state = np.zeros((batch, layers, 2, hidden), dtype=np.float32)  # d logit / d state
    for i in range(batch):
        logits[i] = head[hidden, target]
        for j in range(hidden):
            logits[i] += states[length, i, layers - 1, 0, j] * head[j, target]
            by_state[i, layers - 1, 0, j] = head[j, target]
    by_input = np.zeros((batch, length, features), dtype=np.float32)
    for t in range(length - 1, -1, -1):
        first = len(weights)
        for layer in range(layers - 1, -1, -1):
            width = hidden if layer else features
            first -= width + hidden + 1
            block = weights[first : first + width + hidden]
            for i in range(between):
                gate = gates[t, layer, i]
                _back_through_gates(
                    gate, states[t, i, layer], states[t + 1, i, layer], by_state[i, layer]
                )
                below = by_state[i, layer - 1, 0] if layer else by_input[i, t]
                _back_through_weights(gate, block, below, by_state[i, layer, 0])
    return logits, by_input


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
