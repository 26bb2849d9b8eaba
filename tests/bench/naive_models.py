"""The models of the naive composition: 900 trees of depth 6 four times, and a 2 x 128 LSTM."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import xgboost

FEATURES = 60
ROWS = 4_000
ROUNDS = 300


def boosters(extra: int = 0) -> list[xgboost.Booster]:
    """Return four boosters fitted to random labels, which give trees of full size.

    ``extra`` columns stand for a regime posterior behind the features.
    """
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(ROWS, FEATURES + extra)).astype(np.float32)
    settings = {"objective": "multi:softprob", "num_class": 3, "max_depth": 6, "nthread": 1}
    labels = rng.integers(0, 3, ROWS)
    trained = xgboost.train(settings, xgboost.DMatrix(rows, labels, nthread=1), ROUNDS)
    return [trained, *(trained.copy() for _ in range(3))]


def lstm() -> Any:
    """Return a 2-layer LSTM over a 64-bar window, with a softmax head."""
    torch.set_num_threads(1)

    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = torch.nn.LSTM(FEATURES, 128, 2, batch_first=True)
            self.head = torch.nn.Linear(128, 3)

        def forward(self, window: torch.Tensor) -> torch.Tensor:
            return torch.softmax(self.head(self.lstm(window)[0][:, -1]), -1)

    return Network().eval()
