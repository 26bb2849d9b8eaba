"""The compiled kernels of the LSTM: rows prepared once, then advanced bar by bar in blocks.

A symbol's result never depends on the others of its batch: every sum has one written order, and no
fast-math may change it.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

INPUT_LIMIT = np.float32(10.0)  # standard deviations; beyond it an input is just "extreme"
BLOCK = 16  # symbols worked on together: their gates stay in the first-level cache


@njit(cache=True, nogil=True, error_model="numpy")
def standardise_rows(
    rows: NDArray[np.float64], mean: NDArray[np.float64], scale: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Return rows (N, T, features) less the mean, over the scale, missing = 0, limited."""
    scaled = np.empty(rows.shape, dtype=np.float32)
    for i in range(rows.shape[0]):
        for t in range(rows.shape[1]):
            for j in range(rows.shape[2]):
                z = (rows[i, t, j] - mean[j]) / scale[j]
                z = 0.0 if np.isnan(z) else z
                scaled[i, t, j] = min(max(z, -INPUT_LIMIT), INPUT_LIMIT)
    return scaled


@njit(cache=True, nogil=True, error_model="numpy")
def prepare_rows(
    scaled: NDArray[np.float32],
    weights: NDArray[np.float32],
    bias: NDArray[np.float32],
    prepared: NDArray[np.float32],
) -> None:
    """Write the first layer's gates from the early features, then the others as they are."""
    early, width = weights.shape
    gates = np.empty((BLOCK, width), dtype=np.float32)
    for start in range(0, len(scaled), BLOCK):
        stop = min(start + BLOCK, len(scaled))
        gates[:] = bias
        _add_products(scaled[start:stop], weights, gates[: stop - start])
        for i in range(start, stop):
            prepared[i, :width] = gates[i - start]
            prepared[i, width:] = scaled[i, early:]


@njit(cache=True, nogil=True, error_model="numpy")
def run_windows(
    windows: NDArray[np.float32],
    state: NDArray[np.float32],
    weights: NDArray[np.float32],
    head: NDArray[np.float32],
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Return logits (B, classes) and the last state after windows of prepared rows."""
    symbols, length, _ = windows.shape
    layers, hidden = state.shape[1], state.shape[3]
    logits = np.empty((symbols, head.shape[1]))
    last = np.empty_like(state)
    for start in range(0, symbols, BLOCK):
        stop = min(start + BLOCK, symbols)
        before, after = state[start:stop].copy(), np.empty_like(state[start:stop])
        gates = np.empty((layers, stop - start, 4 * hidden), dtype=np.float32)
        for t in range(length):
            advance_block(windows[start:stop, t], before, after, weights, gates)
            before, after = after, before
        last[start:stop] = before
    for i in range(symbols):
        for k in range(head.shape[1]):
            logits[i, k] = head[hidden, k]
            for j in range(hidden):
                logits[i, k] += last[i, -1, 0, j] * head[j, k]
    return logits, last


@njit(cache=True, nogil=True, error_model="numpy")
def advance_block(
    rows: NDArray[np.float32],
    before: NDArray[np.float32],
    after: NDArray[np.float32],
    weights: NDArray[np.float32],
    gates: NDArray[np.float32],
) -> None:
    """Advance all layers by one prepared row per symbol (kernel; callable from kernels).

    Fills ``after`` (B, layers, 2, hidden) and the activated ``gates`` (layers, B, 4 hidden).
    ``rows`` and ``weights`` are what ``prepare`` leaves to do.
    """
    symbols = len(rows)
    layers, hidden = before.shape[1], before.shape[3]
    rest = rows.shape[1] - 4 * hidden
    inputs = np.empty((symbols, max(rest, hidden) + hidden), dtype=np.float32)
    first = 0
    for layer in range(layers):
        width = hidden if layer else rest
        block = weights[first : first + width + hidden]
        for i in range(symbols):
            for j in range(width):
                inputs[i, j] = after[i, layer - 1, 0, j] if layer else rows[i, 4 * hidden + j]
            for j in range(hidden):
                inputs[i, width + j] = before[i, layer, 0, j]
            for j in range(4 * hidden):
                gates[layer, i, j] = weights[first + width + hidden, j] if layer else rows[i, j]
        _add_products(inputs, block, gates[layer])
        for i in range(symbols):
            _activate(gates[layer, i], before[i, layer], after[i, layer])
        first += width + hidden + 1


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _add_products(
    inputs: NDArray[np.float32], block: NDArray[np.float32], gates: NDArray[np.float32]
) -> None:
    """Add inputs @ block to gates, eight rows of weights at a time, then four, then one.

    Every gate is summed in one written order, whatever the batch and however the compiler cuts the
    loops: 1, 0, 2, 3, 5, 4, 6, 7, ... of the rows, and no product is rounded but the last ones.
    """
    rows = len(block)
    eights, fours = rows - rows % 8, rows - rows % 4
    for k in range(0, eights, 8):
        wa, wb, wc, wd = block[k], block[k + 1], block[k + 2], block[k + 3]
        we, wf, wg, wh = block[k + 4], block[k + 5], block[k + 6], block[k + 7]
        for i in range(len(gates)):
            a, b, c, d = inputs[i, k], inputs[i, k + 1], inputs[i, k + 2], inputs[i, k + 3]
            e, f, g, h = inputs[i, k + 4], inputs[i, k + 5], inputs[i, k + 6], inputs[i, k + 7]
            gate = gates[i]
            for j in range(len(gate)):
                half = (((gate[j] + b * wb[j]) + a * wa[j]) + c * wc[j]) + d * wd[j]
                gate[j] = (((half + f * wf[j]) + e * we[j]) + g * wg[j]) + h * wh[j]
    for k in range(eights, fours, 4):
        wa, wb, wc, wd = block[k], block[k + 1], block[k + 2], block[k + 3]
        for i in range(len(gates)):
            a, b, c, d = inputs[i, k], inputs[i, k + 1], inputs[i, k + 2], inputs[i, k + 3]
            gate = gates[i]
            for j in range(len(gate)):
                gate[j] = (((gate[j] + b * wb[j]) + a * wa[j]) + c * wc[j]) + d * wd[j]
    if fours < rows:
        _add_rounded(inputs[:, fours:], block[fours:], gates)


@njit(cache=True, nogil=True, error_model="numpy")
def _add_rounded(
    inputs: NDArray[np.float32], block: NDArray[np.float32], gates: NDArray[np.float32]
) -> None:
    product = np.empty_like(block[0])  # filled in a loop of its own, so that it is rounded
    for k in range(len(block)):
        weights = block[k]
        for i in range(len(gates)):
            value, gate = inputs[i, k], gates[i]
            for j in range(len(gate)):
                product[j] = value * weights[j]
            for j in range(len(gate)):
                gate[j] += product[j]


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _activate(
    gates: NDArray[np.float32], before: NDArray[np.float32], after: NDArray[np.float32]
) -> None:
    hidden = before.shape[1]
    half = np.float32(0.5)
    input_gate, forget_gate, candidate, output_gate = (
        gates[:hidden],
        gates[hidden : 2 * hidden],
        gates[2 * hidden : 3 * hidden],
        gates[3 * hidden :],
    )
    for j in range(hidden):
        input_gate[j] = half + half * fitted_tanh(half * input_gate[j])
        forget_gate[j] = half + half * fitted_tanh(half * forget_gate[j])
        candidate[j] = fitted_tanh(candidate[j])
        output_gate[j] = half + half * fitted_tanh(half * output_gate[j])
    for j in range(hidden):
        cell = forget_gate[j] * before[1, j] + input_gate[j] * candidate[j]
        after[1, j] = cell
        after[0, j] = output_gate[j] * fitted_tanh(cell)


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def fitted_tanh(x: np.float32) -> np.float32:
    """Float32 tanh within 3e-7 as a ratio of polynomials, so that loops over it vectorise.

    Coefficients: the float tanh of the Eigen library (MPL-2.0), a fitted minimax ratio.
    """
    x = min(max(x, np.float32(-7.9053111)), np.float32(7.9053111))
    s = x * x
    p = np.float32(-2.76076847742355e-16)
    p = p * s + np.float32(2.00018790482477e-13)
    p = p * s + np.float32(-8.60467152213735e-11)
    p = p * s + np.float32(5.12229709037114e-08)
    p = p * s + np.float32(1.48572235717979e-05)
    p = p * s + np.float32(6.37261928875436e-04)
    p = p * s + np.float32(4.89352455891786e-03)
    q = np.float32(1.19825839466702e-06)
    q = q * s + np.float32(1.18534705686654e-04)
    q = q * s + np.float32(2.26843463243900e-03)
    q = q * s + np.float32(4.89352518554385e-03)
    return x * p / q
