"""The same LSTM in torch: the network that training fits, and serving on a CUDA device.

Importing this module imports torch (seconds), so only training and GPU serving do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from workers.models.lstm import standardise

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workers.models.lstm import Lstm, LstmConfig


class LstmNetwork(nn.Module):
    """Stacked LSTM and a linear head on the last bar's output."""

    def __init__(self, config: LstmConfig) -> None:
        super().__init__()
        self.lstm = nn.LSTM(
            config.features,
            config.hidden,
            config.layers,
            batch_first=True,
            dropout=config.dropout if config.layers > 1 else 0.0,
        )
        self.head = nn.Linear(config.hidden, config.classes)

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """Return logits (B, classes) of standardised windows (B, T, features)."""
        outputs, _ = self.lstm(windows)
        logits: torch.Tensor = self.head(outputs[:, -1])
        return logits


def build_torch_module(config: LstmConfig) -> LstmNetwork:
    """Return an untrained network of this shape; seed torch first for a reproducible one."""
    return LstmNetwork(config)


def named_tensors(
    network: LstmNetwork, mean: NDArray[np.float64], scale: NDArray[np.float64]
) -> dict[str, NDArray[np.floating]]:
    """Return weights by name, with the input scaling, as ``lstm.write_lstm`` expects them."""
    weights = {name: value.cpu().numpy() for name, value in network.state_dict().items()}
    return weights | {"input.mean": mean, "input.scale": scale}


class TorchLstm:
    """A served network on a torch device, for batches of windows on a GPU."""

    def __init__(self, model: Lstm, device: str) -> None:
        self.model = model
        self.device = torch.device(device)
        weights = {
            name: torch.tensor(value)
            for name, value in model.tensors.items()
            if not name.startswith("input.")
        }
        self.network = build_torch_module(model.config)
        self.network.load_state_dict(weights)
        self.network.to(self.device).eval()

    def logits(self, windows: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return logits (B, classes) of raw windows (B, T, features), as ``lstm.window_logits``."""
        return self.scaled_logits(standardise(self.model, windows))

    def scaled_logits(self, windows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return logits (B, classes) of standardised windows (B, T, features).

        TF32 is off: its 10-bit products would differ from the CPU kernel by 1e-3.
        """
        rows = torch.from_numpy(windows).to(self.device)
        with torch.inference_mode(), torch.backends.cudnn.flags(allow_tf32=False):
            logits: NDArray[np.float64] = self.network(rows).double().cpu().numpy()
        return logits
