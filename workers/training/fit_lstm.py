"""The sequence member: a 2-layer LSTM in torch, saved as safetensors (never pickled)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.models.lstm import LstmConfig, read_lstm, standardise, write_lstm
from workers.training.dataset import Array
from workers.training.report import prior_of
from workers.training.table import Windows

Progress = Callable[[float], None]


@dataclass(frozen=True)
class LstmPlan:
    """Small, short and noisy: it can learn little here, and must not learn the rest by heart.

    There is no early stopping: it would need rows that calibration needs more.
    """

    hidden: int = 16
    window: int = 64
    dropout: float = 0.3
    input_dropout: float = 0.2  # share of features blanked over a whole window
    epochs: int = 2
    batch: int = 128
    learning_rate: float = 3e-3
    weight_decay: float = 0.1
    samples: int = 6_000  # windows a fit; neighbouring windows say almost the same


def fit_lstm(
    windows: Windows,
    classes: NDArray[np.int64],
    plan: LstmPlan,
    seed: int,
    progress: Progress,
) -> bytes:
    """Return the fitted network with its input scaling as safetensors bytes.

    On the CPU, also where there is a GPU: a network this small is not faster there, and cuDNN's
    gradients differ from run to run.

    Args:
        windows: Training windows; scaling is fitted on their last bars alone.
        classes: Label of each window, 0..2.
        plan: Shape and schedule.
        seed: The same input and seed give the same weights.
        progress: Told the share done.
    """
    import torch

    from workers.models.lstm_torch import build_torch_module, named_tensors

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    last = windows.rows[windows.ends]
    mean, scale = last.mean(axis=0), np.maximum(last.std(axis=0), 1e-12)
    config = LstmConfig(
        features=last.shape[1], hidden=plan.hidden, window=plan.window, dropout=plan.dropout
    )
    network = build_torch_module(config).train()
    with torch.no_grad():  # training starts at the class prior, not at a random opinion
        network.head.weight.zero_()
        network.head.bias.copy_(torch.from_numpy(np.log(prior_of(classes))))
    scaler = read_lstm(write_lstm(config, named_tensors(network, mean, scale)))
    scaled = standardise(scaler, windows.rows[None])[0]
    _descend(network, Windows(scaled, windows.ends, windows.length), classes, plan, progress)
    network.eval()
    return write_lstm(config, named_tensors(network, mean, scale))


def _descend(
    network: Any,
    windows: Windows,
    classes: NDArray[np.int64],
    plan: LstmPlan,
    progress: Progress,
) -> None:
    """Run the schedule over the network's weights; draws from torch's generator alone."""
    import torch

    from workers.training.adamw import AdamW, one_cycle

    chosen = torch.randperm(len(classes))[: plan.samples].numpy()
    steps = -(-len(chosen) // plan.batch)
    total, done = plan.epochs * steps, 0
    optimiser = AdamW(network.parameters(), plan.weight_decay)
    blank = torch.nn.Dropout1d(plan.input_dropout)
    for _ in range(plan.epochs):
        order = chosen[torch.randperm(len(chosen)).numpy()]
        for which in np.array_split(order, steps):
            inputs = torch.from_numpy(windows.take(which))
            inputs = blank(inputs.transpose(1, 2)).transpose(1, 2)
            loss = torch.nn.functional.cross_entropy(
                network(inputs), torch.from_numpy(classes[which])
            )
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step(one_cycle(done, total, plan.learning_rate))
            done += 1
            progress(done / total)


def lstm_probabilities(model: bytes, windows: Array) -> Array:
    """Return what torch itself answers on the CPU, shape (N, 3): the reference of parity."""
    import torch

    from workers.models.lstm_torch import TorchLstm

    torch.set_num_threads(1)
    logits = TorchLstm(read_lstm(model), "cpu").window(windows)
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))
