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

    def logits(self, windows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return class logits, shape (N, 3), of raw windows (N, window, F)."""
        if self.on_gpu is None:
            return lstms.window_logits(self.model, windows)
        return self.on_gpu.logits(windows)


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
