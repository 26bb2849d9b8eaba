"""Fits the sequence member: a 2-layer LSTM in torch, saved as safetensors."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.models.devices import CPU, on_best_device
from workers.models.lstm import LstmConfig, probabilities, read_lstm, standardise, write_lstm
from workers.training.dataset import Array
from workers.training.metrics import class_shares
from workers.training.table import Windows


@dataclass(frozen=True)
class LstmPlan:
    """Shape and schedule: small, short and noisy, because the signal is weak.

    There is no early stopping: calibration needs the rows that it would take.
    """

    hidden: int = 16
    window: int = 64
    dropout: float = 0.3
    input_dropout: float = 0.2  # share of features blanked over a whole window
    epochs: int = 2
    batch: int = 128
    learning_rate: float = 1e-3
    weight_decay: float = 0.1
    samples: int = 6_000  # windows for one fit; neighbouring windows are almost the same


def fit_lstm(
    windows: Windows,
    classes: NDArray[np.int64],
    plan: LstmPlan,
    seed: int,
    on_step: Callable[[float], None],
) -> bytes:
    """Return the fitted network with its input scaling as safetensors bytes.

    On a CUDA device where there is one; its file names the device then, and the same input and
    seed give the same weights there too, as far as its kernels allow.

    Args:
        windows: Training windows; the scaling is fitted on their last bars alone.
        classes: Label of each window, 0..2.
        plan: Shape and schedule.
        seed: The same input and seed give the same weights.
        on_step: Called after each step with the share done.
    """
    return on_best_device(
        lambda device, _: _fitted(windows, classes, plan, (seed, device), on_step), "network"
    )


def _fitted(
    windows: Windows,
    classes: NDArray[np.int64],
    plan: LstmPlan,
    place: tuple[int, str],
    on_step: Callable[[float], None],
) -> bytes:
    import torch

    from workers.models.lstm_torch import build_torch_module, named_tensors

    seed, device = place
    if device != CPU:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # for equal results
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    mean, scale = input_scaling(windows)
    config = LstmConfig(
        features=len(mean), hidden=plan.hidden, window=plan.window, dropout=plan.dropout
    )
    network = build_torch_module(config).train()
    with torch.no_grad():  # training starts at the class prior, not at random probabilities
        network.head.weight.zero_()
        network.head.bias.copy_(torch.from_numpy(np.log(class_shares(classes))))
    scaler = read_lstm(write_lstm(config, named_tensors(network, mean, scale)))
    scaled = standardise(scaler, windows.rows[None])[0]
    network.to(device)
    # What cuDNN offers for equal and full results; without a device nothing of it is asked.
    with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
        _optimise(network, Windows(scaled, windows.ends, windows.length), classes, plan, on_step)
    network.eval()
    return write_lstm(config, named_tensors(network, mean, scale), device)


def _optimise(
    network: Any,
    windows: Windows,
    classes: NDArray[np.int64],
    plan: LstmPlan,
    on_step: Callable[[float], None],
) -> None:
    """Train the network by the schedule; all randomness is torch's generator."""
    import torch

    from workers.training.adamw import AdamW, one_cycle

    device = next(network.parameters()).device
    chosen = torch.randperm(len(classes))[: plan.samples].numpy()
    steps = -(-len(chosen) // plan.batch)
    total, done = plan.epochs * steps, 0
    optimiser = AdamW(network.parameters(), plan.weight_decay)
    blank = torch.nn.Dropout1d(plan.input_dropout)
    for _ in range(plan.epochs):
        order = chosen[torch.randperm(len(chosen)).numpy()]
        for which in np.array_split(order, steps):
            inputs = torch.from_numpy(windows.take(which)).to(device)
            inputs = blank(inputs.transpose(1, 2)).transpose(1, 2)
            loss = torch.nn.functional.cross_entropy(
                network(inputs), torch.from_numpy(classes[which]).to(device)
            )
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step(one_cycle(done, total, plan.learning_rate))
            done += 1
            on_step(done / total)


def input_scaling(windows: Windows) -> tuple[Array, Array]:
    """Return mean and deviation of each feature over the windows' last bars, shape (F,) each."""
    last = windows.rows[windows.ends]
    return last.mean(axis=0), np.maximum(last.std(axis=0), 1e-12)


def lstm_probabilities(model: bytes, windows: Array) -> Array:
    """Return torch's own answers on the CPU, shape (N, 3): the reference of the parity check."""
    import torch

    from workers.models.lstm_torch import TorchLstm

    torch.set_num_threads(1)
    return probabilities(TorchLstm(read_lstm(model), "cpu").logits(windows))
