"""Compiled LSTM: class logits of a window of feature rows, or of one more row on a state.

The weights have torch's names and gate order (input, forget, cell, output), so a network trained
with ``lstm_torch`` is served without torch. Rows are raw features; the file holds the mean and
scale that standardise them. Everything is batched over symbols.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
from numba import njit
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

if TYPE_CHECKING:
    from collections.abc import Mapping

INPUT_LIMIT = np.float32(10.0)  # standard deviations; beyond it an input is just "extreme"
BLOCK = 16  # symbols worked on together: their gates stay in the first-level cache


class LstmFileError(ValueError):
    """The file does not hold the weights of an LSTM that these kernels can run."""


@dataclass(frozen=True)
class LstmConfig:
    """Shape of the network; travels in the header of the weights file."""

    features: int
    hidden: int = 48
    layers: int = 2
    window: int = 64  # bars
    classes: int = 3
    dropout: float = 0.0  # between layers, in training only

    def to_json(self) -> str:
        """Write the config as JSON with sorted keys."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> LstmConfig:
        """Read what ``to_json`` wrote; an unknown or missing key raises TypeError."""
        return cls(**json.loads(text))

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every tensor that the weights file must hold."""
        gates = 4 * self.hidden
        named: dict[str, tuple[int, ...]] = {}
        for layer in range(self.layers):
            inputs = self.hidden if layer else self.features
            named[f"lstm.weight_ih_l{layer}"] = (gates, inputs)
            named[f"lstm.weight_hh_l{layer}"] = (gates, self.hidden)
            named[f"lstm.bias_ih_l{layer}"] = named[f"lstm.bias_hh_l{layer}"] = (gates,)
        return named | {
            "head.weight": (self.classes, self.hidden),
            "head.bias": (self.classes,),
            "input.mean": (self.features,),
            "input.scale": (self.features,),
        }


@dataclass(frozen=True, eq=False)
class Lstm:
    """Weights laid out for the kernels, and by torch's names in ``tensors``."""

    config: LstmConfig
    tensors: Mapping[str, NDArray[np.floating]]
    mean: NDArray[np.float64]  # raw feature units, shape (features,)
    scale: NDArray[np.float64]  # raw feature units, > 0, shape (features,)
    weights: NDArray[np.float32]  # per layer: input, hidden and one bias row; columns 4 * hidden
    head: NDArray[np.float32]  # shape (hidden + 1, classes); the last row is the bias

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return sum(tensor.size for tensor in self.tensors.values())


def write_lstm(config: LstmConfig, tensors: Mapping[str, NDArray[np.floating]]) -> bytes:
    """Write a safetensors file that ``read_lstm`` reads; raises LstmFileError on a wrong shape."""
    _check(config, tensors)
    compact = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    return save(compact, metadata={"config": config.to_json()})


def read_lstm(blob: bytes) -> Lstm:
    """Read a file made by ``write_lstm``; raises LstmFileError naming what is wrong."""
    try:
        tensors = load(blob)
        header = json.loads(blob[8 : 8 + int.from_bytes(blob[:8], "little")])
        config = LstmConfig.from_json(header["__metadata__"]["config"])
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise LstmFileError(f"not an LSTM weights file: {error!r}") from error
    return compile_lstm(config, tensors)


def compile_lstm(config: LstmConfig, tensors: Mapping[str, NDArray[np.floating]]) -> Lstm:
    """Lay named tensors out for the kernels; raises LstmFileError on a wrong shape."""
    _check(config, tensors)
    blocks: list[NDArray[np.floating]] = []
    for layer in range(config.layers):
        blocks += [
            tensors[f"lstm.weight_ih_l{layer}"].T,
            tensors[f"lstm.weight_hh_l{layer}"].T,
            (tensors[f"lstm.bias_ih_l{layer}"] + tensors[f"lstm.bias_hh_l{layer}"])[None],
        ]
    head = np.vstack((tensors["head.weight"].T, tensors["head.bias"][None]))
    return Lstm(
        config=config,
        tensors=tensors,
        mean=tensors["input.mean"].astype(np.float64),
        scale=tensors["input.scale"].astype(np.float64),
        weights=np.ascontiguousarray(np.vstack(blocks), dtype=np.float32),
        head=np.ascontiguousarray(head, dtype=np.float32),
    )


def initial_state(model: Lstm, symbols: int = 1) -> NDArray[np.float32]:
    """State before any bar: zeros of shape (symbols, layers, 2, hidden); 0 = output, 1 = cell."""
    config = model.config
    return np.zeros((symbols, config.layers, 2, config.hidden), dtype=np.float32)


def step(
    model: Lstm, state: NDArray[np.float32], rows: NDArray[np.floating]
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Advance by one bar: rows (B, features) -> new state and logits (B, classes).

    A state carried on is another function than a fresh window: serve it only if the network was
    trained that way. The old state is not changed. Uses no data after the bar.
    """
    if rows.ndim != 2:
        raise ValueError(f"rows have shape {rows.shape}, expected (B, {model.config.features})")
    logits, after = _advance(model, rows[:, None], state)
    return after, logits


def window_logits(model: Lstm, windows: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return logits (B, classes) after the last bar of each window (B, T, features)."""
    return last_logits_and_state(model, windows)[0]


def last_logits_and_state(
    model: Lstm, windows: NDArray[np.floating]
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Return ``window_logits`` and the state from which ``step`` goes on."""
    return _advance(model, windows, initial_state(model, len(windows)))


def probabilities(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the softmax over the last axis."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))


def standardise(model: Lstm, rows: NDArray[np.floating]) -> NDArray[np.float32]:
    """Scale raw rows (N, T, features) as the network sees them: missing = 0, limited to +-10."""
    raw = np.ascontiguousarray(rows, dtype=np.float64)
    return _standardise(raw, model.mean, model.scale)


def warm_up() -> None:
    """Compile or load the kernels, so that the first bar does not wait for them."""
    model = smallest_lstm()
    step(model, initial_state(model), np.zeros((1, 1)))


def smallest_lstm() -> Lstm:
    """Return a network of one unit on one feature: enough to warm the kernels up."""
    config = LstmConfig(features=1, hidden=1, layers=1, window=1)
    zeros = {name: np.zeros(shape, dtype=np.float32) for name, shape in config.shapes().items()}
    return compile_lstm(config, zeros | {"input.scale": np.ones(1)})


def _check(config: LstmConfig, tensors: Mapping[str, NDArray[np.floating]]) -> None:
    expected = config.shapes()
    if expected.keys() != tensors.keys():
        differing = sorted(expected.keys() ^ tensors.keys())
        raise LstmFileError(f"tensors missing or not known: {differing}")
    for name, shape in expected.items():
        if tensors[name].shape != shape:
            raise LstmFileError(f"{name} has shape {tensors[name].shape}, expected {shape}")
        if not np.isfinite(tensors[name]).all():
            raise LstmFileError(f"{name} holds values that are not finite")
    if not (tensors["input.scale"] > 0).all():
        raise LstmFileError("input.scale holds values <= 0; use 1 for a constant feature")


def _advance(
    model: Lstm, windows: NDArray[np.floating], state: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    config = model.config
    if windows.ndim != 3 or windows.shape[2] != config.features or windows.shape[1] == 0:
        raise ValueError(
            f"windows have shape {windows.shape}, expected (B, T >= 1, {config.features})"
        )
    if state.shape != (len(windows), config.layers, 2, config.hidden):
        raise ValueError(f"state has shape {state.shape}, made for another batch or network")
    return _run(standardise(model, windows), state, model.weights, model.head)


@njit(cache=True, nogil=True, error_model="numpy")
def _standardise(
    rows: NDArray[np.float64], mean: NDArray[np.float64], scale: NDArray[np.float64]
) -> NDArray[np.float32]:
    scaled = np.empty(rows.shape, dtype=np.float32)
    for i in range(rows.shape[0]):
        for t in range(rows.shape[1]):
            for j in range(rows.shape[2]):
                z = (rows[i, t, j] - mean[j]) / scale[j]
                z = 0.0 if np.isnan(z) else z
                scaled[i, t, j] = min(max(z, -INPUT_LIMIT), INPUT_LIMIT)
    return scaled


@njit(cache=True, nogil=True, error_model="numpy")
def _run(
    windows: NDArray[np.float32],
    state: NDArray[np.float32],
    weights: NDArray[np.float32],
    head: NDArray[np.float32],
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
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


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "reassoc"})
def advance_block(
    rows: NDArray[np.float32],
    before: NDArray[np.float32],
    after: NDArray[np.float32],
    weights: NDArray[np.float32],
    gates: NDArray[np.float32],
) -> None:
    """Advance all layers by one standardised row per symbol (kernel; callable from kernels).

    Fills ``after`` (B, layers, 2, hidden) and the activated ``gates`` (layers, B, 4 hidden).
    """
    symbols, features = rows.shape
    layers, hidden = before.shape[1], before.shape[3]
    inputs = np.empty((symbols, max(features, hidden) + hidden), dtype=np.float32)
    first = 0
    for layer in range(layers):
        width = hidden if layer else features
        for i in range(symbols):
            for j in range(width):
                inputs[i, j] = after[i, layer - 1, 0, j] if layer else rows[i, j]
            for j in range(hidden):
                inputs[i, width + j] = before[i, layer, 0, j]
        block = weights[first : first + width + hidden + 1]
        _multiply(inputs, block, gates[layer])
        for i in range(symbols):
            _activate(gates[layer, i], before[i, layer], after[i, layer])
        first += width + hidden + 1


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "reassoc"})
def _multiply(
    inputs: NDArray[np.float32], block: NDArray[np.float32], gates: NDArray[np.float32]
) -> None:
    """Set gates to bias + inputs @ block, four rows of weights at a time."""
    rows = len(block) - 1
    gates[:] = block[rows]
    fours = rows - rows % 4
    for k in range(0, fours, 4):
        wa, wb, wc, wd = block[k], block[k + 1], block[k + 2], block[k + 3]
        for i in range(len(gates)):
            a, b, c, d = inputs[i, k], inputs[i, k + 1], inputs[i, k + 2], inputs[i, k + 3]
            gate = gates[i]
            for j in range(len(gate)):
                gate[j] += a * wa[j] + b * wb[j] + c * wc[j] + d * wd[j]
    for k in range(fours, rows):
        for i in range(len(gates)):
            gates[i] += inputs[i, k] * block[k]


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
        input_gate[j] = half + half * _tanh(half * input_gate[j])
        forget_gate[j] = half + half * _tanh(half * forget_gate[j])
        candidate[j] = _tanh(candidate[j])
        output_gate[j] = half + half * _tanh(half * output_gate[j])
    for j in range(hidden):
        cell = forget_gate[j] * before[1, j] + input_gate[j] * candidate[j]
        after[1, j] = cell
        after[0, j] = output_gate[j] * _tanh(cell)


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _tanh(x: np.float32) -> np.float32:
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
