"""Where models are fitted and run: the CPU, or a CUDA device where there is one."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import structlog
from numpy.typing import NDArray

from workers.models import lstm as lstms

if TYPE_CHECKING:
    from workers.models.lstm_torch import TorchLstm

NVIDIA_DEVICES = Path("/dev/nvidiactl")
CPU, CUDA = "cpu", "cuda:0"
LARGEST_BATCH = 512  # symbols; a device that has no room for them is not used
HIDDEN = "CUDA_VISIBLE_DEVICES"  # the drivers' own variable: empty or -1 hides every device

Fitted = TypeVar("Fitted")

log = structlog.get_logger()


def has_cuda() -> bool:
    """Whether there is a CUDA device; no library is imported to look.

    ``CUDA_VISIBLE_DEVICES`` hides it where it is empty or -1.
    """
    return NVIDIA_DEVICES.exists() and os.environ.get(HIDDEN, "0") not in ("", "-1")


def on_best_device(work: Callable[[str, str], Fitted], what: str) -> Fitted:
    """Return what ``work`` makes on the CUDA device, or on the CPU.

    Where there is no device, or the work does not fit in its memory, or its library cannot use it,
    the CPU does it; the last two are logged.

    Args:
        work: Gets the device, ``cuda:0`` or ``cpu``, and why it is not the former where there is
            one, else an empty text.
        what: For the log, such as ``trees``.
    """
    if not has_cuda():
        return work(CPU, "")
    try:
        return work(CUDA, "")
    except (RuntimeError, AssertionError, ValueError) as failed:  # XGBoostError is a ValueError
        cause = (str(failed).splitlines() or [type(failed).__name__])[0]
    log.warning(
        "device.refused",
        what=what,
        device=CUDA,
        cause=cause,
        remedy=f"none is needed: the CPU does it; {HIDDEN}= keeps it there from the start",
    )
    return work(CPU, cause)


@dataclass(frozen=True)
class PlacedNetwork:
    """An LSTM on its device: the compiled kernels, or the same network in torch on a GPU.

    Attributes:
        refused: Why it is not on the GPU that there is; empty where it is, or there is none.
    """

    model: lstms.Lstm
    on_gpu: TorchLstm | None = None
    refused: str = ""

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
    """Return the network on CUDA where there is a device that has room for it, else on the CPU.

    Without a driver torch is not imported: that would take 4 s and 270 MB.
    """
    return on_best_device(functools.partial(_placed, model), "network of a model")


def _placed(model: lstms.Lstm, device: str, refused: str) -> PlacedNetwork:
    if device == CPU:
        return PlacedNetwork(model, refused=refused)
    from workers.models.lstm_torch import TorchLstm

    on_gpu = TorchLstm(model, device)
    config = model.config
    on_gpu.scaled_logits(np.zeros((LARGEST_BATCH, config.window, config.features), np.float32))
    return PlacedNetwork(model, on_gpu)
