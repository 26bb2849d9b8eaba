"""AdamW and the one-cycle schedule; importing ``torch.optim`` would cost 4 s of CPU."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch

BETA_1, BETA_2 = 0.9, 0.999  # decay of the running means of gradients and of their squares
EPSILON = 1e-8
PCT_START = 0.3  # share of the steps in which the rate rises
START_SHARE, FINAL_SHARE = 1 / 25, 1 / 250_000  # first and last rate, as shares of the peak


class AdamW:
    """Adam with decoupled weight decay (Loshchilov, Hutter, 2019) over some parameters."""

    def __init__(self, parameters: Iterable[torch.Tensor], weight_decay: float) -> None:
        self._parameters = list(parameters)
        self._weight_decay = weight_decay
        self._means = [torch.zeros_like(p) for p in self._parameters]
        self._squares = [torch.zeros_like(p) for p in self._parameters]
        self._steps = 0

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Move every parameter against its gradient, then drop the gradients."""
        self._steps += 1
        correction_1, correction_2 = 1.0 - BETA_1**self._steps, 1.0 - BETA_2**self._steps
        for parameter, mean, square in zip(
            self._parameters, self._means, self._squares, strict=True
        ):
            gradient = parameter.grad
            if gradient is None:
                continue
            mean.lerp_(gradient, 1.0 - BETA_1)
            square.mul_(BETA_2).addcmul_(gradient, gradient, value=1.0 - BETA_2)
            parameter.mul_(1.0 - rate * self._weight_decay)
            root = (square / correction_2).sqrt_().add_(EPSILON)
            parameter.addcdiv_(mean, root, value=-rate / correction_1)
            parameter.grad = None


def one_cycle(step: int, steps: int, peak: float) -> float:
    """Return the learning rate of a step, 0..steps-1: up to the peak, then down to almost 0.

    Cosine on both sides (Smith, Topin, 2018).
    """
    turn = PCT_START * steps - 1.0
    if step <= turn:
        begin, end, done = START_SHARE, 1.0, step / turn
    else:
        begin, end, done = 1.0, FINAL_SHARE, (step - turn) / (steps - 1.0 - turn)
    return peak * (end + (begin - end) * (1.0 + math.cos(math.pi * done)) / 2.0)
