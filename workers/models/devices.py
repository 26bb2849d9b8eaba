"""Where the network runs: our kernels on the CPU, or torch on a CUDA device."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from workers.models import lstm as lstms

if TYPE_CHECKING:
    from workers.models.lstm_torch import TorchLstm

NVIDIA_DEVICES = Path("/dev/nvidiactl")


@dataclass(frozen=True)
class PlacedNetwork:
    """An LSTM on its device: the compiled kernels, or the same network in torch on a GPU."""

    model: lstms.Lstm
    on_gpu: TorchLstm | None = None

    @property
    def device(self) -> str:
        """``cpu`` or ``cuda:N``."""
        return "cpu" if self.on_gpu is None else str(self.on_gpu.device)

    @property
    def window(self) -> int:
        """Bars it looks at."""
        return self.model.config.window

    def prepare(self, rows: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return what a row gives alone, shape (N, T, P), of raw rows (N, T, F)."""
        if self.on_gpu is None:
            return lstms.prepare(self.model, rows)
        return lstms.standardise(self.model, rows)

    def logits(self, windows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return class logits, shape (N, 3), of windows of prepared rows (N, window, P)."""
        if self.on_gpu is None:
            state = lstms.initial_state(self.model, len(windows))
            return lstms.advance_prepared(self.model, windows, state)[0]
        return self.on_gpu.scaled_logits(windows)


def place_network(model: lstms.Lstm) -> PlacedNetwork:
    """Return the network on CUDA where there is a device, else on the CPU.

    Without a driver torch is not imported: that would take 4 s and 270 MB.
    """
    if NVIDIA_DEVICES.exists():
        import torch

        if torch.cuda.is_available():
            from workers.models.lstm_torch import TorchLstm

            return PlacedNetwork(model, TorchLstm(model, "cuda:0"))
    return PlacedNetwork(model)
