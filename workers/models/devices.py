"""Where the network runs: our kernels on the CPU, torch on a CUDA device; the device is told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from workers.models import lstm as lstms

if TYPE_CHECKING:
    from workers.models.lstm_torch import TorchLstm

NVIDIA_DEVICES = Path("/dev/nvidiactl")


class Network(Protocol):
    """An LSTM on some device."""

    @property
    def device(self) -> str:
        """``cpu`` or ``cuda:N``."""

    @property
    def window(self) -> int:
        """Bars it looks at."""

    @property
    def parameters(self) -> int:
        """Number of weights."""

    def logits(self, windows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return class logits, shape (N, 3), of raw windows (N, window, F)."""


@dataclass(frozen=True)
class CpuNetwork:
    """The compiled kernels."""

    model: lstms.Lstm
    device: str = "cpu"

    @property
    def window(self) -> int:
        """Bars it looks at."""
        return self.model.config.window

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return sum(tensor.size for tensor in self.model.tensors.values())

    def logits(self, windows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return class logits of raw windows."""
        return lstms.window(self.model, windows)


@dataclass(frozen=True)
class CudaNetwork:
    """The same network in torch on a GPU."""

    model: lstms.Lstm
    served: TorchLstm

    @property
    def device(self) -> str:
        """``cuda:N``."""
        return str(self.served.device)

    @property
    def window(self) -> int:
        """Bars it looks at."""
        return self.model.config.window

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return sum(tensor.size for tensor in self.model.tensors.values())

    def logits(self, windows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return class logits of raw windows."""
        return self.served.window(windows)


def network_on(model: lstms.Lstm) -> Network:
    """Return the network on CUDA where there is a device, else on the CPU.

    Without a driver torch is not even imported: that takes 4 s and 270 MB.
    """
    if NVIDIA_DEVICES.exists():
        import torch

        if torch.cuda.is_available():
            from workers.models.lstm_torch import TorchLstm

            return CudaNetwork(model, TorchLstm(model, "cuda:0"))
    return CpuNetwork(model)
