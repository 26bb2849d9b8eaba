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
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from workers.models.lstm_kernels import prepare_rows, run_windows, standardise_rows

if TYPE_CHECKING:
    from collections.abc import Mapping


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


def write_lstm(
    config: LstmConfig, tensors: Mapping[str, NDArray[np.floating]], device: str = "cpu"
) -> bytes:
    """Write a safetensors file that ``read_lstm`` reads; raises LstmFileError on a wrong shape.

    A ``device`` other than the CPU, where it was fitted, stands in the file's header.
    """
    _check(config, tensors)
    compact = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    fitted = {} if device == "cpu" else {"device": device}
    return save(compact, metadata={"config": config.to_json(), **fitted})


def read_lstm(blob: bytes) -> Lstm:
    """Read a file made by ``write_lstm``; raises LstmFileError naming what is wrong."""
    try:
        tensors = load(blob)
        config = LstmConfig.from_json(_metadata(blob)["config"])
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise LstmFileError(f"not an LSTM weights file: {error!r}") from error
    return compile_lstm(config, tensors)


def lstm_device(blob: bytes) -> str:
    """Return where the network of a file was fitted: ``cpu``, or the CUDA device it names."""
    return _metadata(blob).get("device", "cpu")


def _metadata(blob: bytes) -> dict[str, str]:
    header = json.loads(blob[8 : 8 + int.from_bytes(blob[:8], "little")])
    metadata: dict[str, str] = header["__metadata__"]
    return metadata


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
    return standardise_rows(raw, model.mean, model.scale)


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
    return advance_prepared(model, prepare(model, windows), state)


def prepare(model: Lstm, rows: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return what the network makes of raw rows (N, T, features) before it looks at other bars.

    Of each row: what most of its features add to the first layer's gates, 4 hidden values, then
    its last few features standardised; shape (N, T, 4 hidden + features % 4). So a row that many
    windows share is prepared once.
    """
    features, hidden = model.config.features, model.config.hidden
    early = features - features % 4  # the sum of the first gates goes on in fours
    scaled = standardise(model, rows).reshape(-1, features)
    prepared = np.empty((len(scaled), 4 * hidden + features % 4), dtype=np.float32)
    prepare_rows(scaled, model.weights[:early], model.weights[features + hidden], prepared)
    return prepared.reshape(*rows.shape[:2], -1)


def advance_prepared(
    model: Lstm, windows: NDArray[np.float32], state: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Return logits (B, classes) and states after windows of prepared rows."""
    features = model.config.features
    return run_windows(windows, state, model.weights[features - features % 4 :], model.head)
