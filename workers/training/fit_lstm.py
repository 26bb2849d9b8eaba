"""The sequence member: a 2-layer LSTM in torch, saved as safetensors (never pickled)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.inference.lstm import LstmConfig, read_lstm, standardise, write_lstm
from workers.training.dataset import Array

Progress = Callable[[float], None]


@dataclass(frozen=True)
class LstmPlan:
    """Small and short: early stopping would need data that calibration needs more."""

    hidden: int = 24
    window: int = 64
    dropout: float = 0.2
    epochs: int = 3
    batch: int = 128
    learning_rate: float = 3e-3
    weight_decay: float = 1e-3
    samples: int = 6_000  # windows a fit; neighbouring windows say almost the same


@dataclass(frozen=True)
class Windows:
    """Windows as views into the rows of one or more series.

    Attributes:
        rows: All rows, shape (T, F).
        ends: Row number of the last bar of each window, shape (N,).
        length: Bars in a window.
    """

    rows: Array
    ends: NDArray[np.int64]
    length: int

    def take(self, which: NDArray[np.int64]) -> Array:
        """Return the chosen windows, shape (n, length, F), oldest bar first."""
        offsets = np.arange(-self.length + 1, 1)
        return np.asarray(self.rows[self.ends[which][:, None] + offsets])


def fit_lstm(
    windows: Windows,
    classes: NDArray[np.int64],
    plan: LstmPlan,
    seed: int,
    progress: Progress,
) -> bytes:
    """Return the fitted network with its input scaling as safetensors bytes.

    Args:
        windows: Training windows; scaling is fitted on their last bars alone.
        classes: Label of each window, 0..2.
        plan: Shape and schedule.
        seed: The same input and seed give the same weights on one device.
        progress: Told the share done.
    """
    import torch

    from workers.inference.lstm_torch import build_torch_module, named_tensors

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    device = "cuda:0" if torch.cuda.is_available() else "cpu"
    last = windows.rows[windows.ends]
    mean, scale = last.mean(axis=0), np.maximum(last.std(axis=0), 1e-12)
    config = LstmConfig(
        features=last.shape[1], hidden=plan.hidden, window=plan.window, dropout=plan.dropout
    )
    network = build_torch_module(config)
    scaler = read_lstm(write_lstm(config, named_tensors(network, mean, scale)))
    network.to(device).train()
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(classes))[: plan.samples]
    steps = -(-len(chosen) // plan.batch)
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=plan.learning_rate, weight_decay=plan.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, plan.learning_rate, total_steps=plan.epochs * steps
    )
    for epoch in range(plan.epochs):
        order = rng.permutation(chosen)
        for step in range(steps):
            which = order[step * plan.batch : (step + 1) * plan.batch]
            inputs = torch.from_numpy(standardise(scaler, windows.take(which))).to(device)
            targets = torch.from_numpy(classes[which]).to(device)
            optimiser.zero_grad()
            loss = torch.nn.functional.cross_entropy(network(inputs), targets)
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            progress((epoch * steps + step + 1) / (plan.epochs * steps))
    network.eval()
    return write_lstm(config, named_tensors(network, mean, scale))


def lstm_probabilities(model: bytes, windows: Array) -> Array:
    """Return what torch itself answers on the CPU, shape (N, 3): the reference of parity."""
    import torch

    from workers.inference.lstm_torch import TorchLstm

    torch.set_num_threads(1)
    logits = TorchLstm(read_lstm(model), "cpu").window(windows)
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))
