"""AdamW and its one-cycle schedule: ``torch.optim`` would load torch's compiler, 4 s of CPU."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch

KEPT_MEAN, KEPT_SQUARE = 0.9, 0.999
SMALLEST = 1e-8
RISING, FIRST, LAST = 0.3, 1 / 25, 1 / 250_000  # share of steps; rates as shares of the peak


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
        """Move every parameter against its gradient, then forget the gradients."""
        self._steps += 1
        first, second = 1.0 - KEPT_MEAN**self._steps, 1.0 - KEPT_SQUARE**self._steps
        for parameter, mean, square in zip(
            self._parameters, self._means, self._squares, strict=True
        ):
            gradient = parameter.grad
            if gradient is None:
                continue
            mean.lerp_(gradient, 1.0 - KEPT_MEAN)
            square.mul_(KEPT_SQUARE).addcmul_(gradient, gradient, value=1.0 - KEPT_SQUARE)
            parameter.mul_(1.0 - rate * self._weight_decay)
            root = (square / second).sqrt_().add_(SMALLEST)
            parameter.addcdiv_(mean, root, value=-rate / first)
            parameter.grad = None


def one_cycle(step: int, steps: int, peak: float) -> float:
    """Return the learning rate of a step, 0..steps-1: up to the peak, then down to nothing.

    Cosine on both sides (Smith, Topin, 2018).
    """
    turn = RISING * steps - 1.0
    if step <= turn:
        begin, end, done = FIRST, 1.0, step / turn
    else:
        begin, end, done = 1.0, LAST, (step - turn) / (steps - 1.0 - turn)
    return peak * (end + (begin - end) * (1.0 + math.cos(math.pi * done)) / 2.0)
