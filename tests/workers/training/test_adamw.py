"""Optimiser: torch's own AdamW and one-cycle schedule, step for step."""

from __future__ import annotations

import pytest
import torch

from workers.training.adamw import AdamW, one_cycle


def test_steps_equal_torch_adamw():
    torch.manual_seed(0)
    ours = [torch.randn(4, 3, requires_grad=True), torch.randn(3, requires_grad=True)]
    theirs = [p.detach().clone().requires_grad_() for p in ours]
    optimiser, peer = AdamW(ours, 0.1), torch.optim.AdamW(theirs, lr=1.0, weight_decay=0.1)

    for step in range(20):
        rate = 1e-2 / (step + 1)
        peer.param_groups[0]["lr"] = rate
        for weights, bias in (ours, theirs):
            ((torch.ones(2, 4) @ weights + bias) ** 2 - weights.sum()).sum().backward()
        optimiser.step(rate)
        peer.step()
        peer.zero_grad()

    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-5, atol=1e-6)


def test_a_parameter_without_gradient_stays():
    unused = torch.ones(2, requires_grad=True)

    AdamW([unused], 0.1).step(0.1)

    assert unused.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("steps", [20, 94])
def test_the_schedule_equals_torch_one_cycle(steps):
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=3e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps)
    expected = []
    for _ in range(steps):
        expected.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        if len(expected) < steps:
            schedule.step()

    assert [one_cycle(i, steps, 3e-3) for i in range(steps)] == pytest.approx(expected)
