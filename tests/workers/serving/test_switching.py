"""Switching: models are promoted and rolled back under a flow of bars, and no bar notices."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from tests.fakes.small_models import small_model
from tests.fakes.switching import SwitchedModels
from workers.serving.slots import MODELS_IN_MEMORY


def test_each_bar_is_answered_once_by_the_version_that_counts_under_twenty_switches(tmp_path):
    models = [small_model(tmp_path, seed=seed) for seed in range(MODELS_IN_MEMORY + 1)]
    switched = SwitchedModels(models)

    flow = switched.run(switches=20, lead=5, between=2)

    assert flow.wrong == []
    assert flow.bars.keys() == {model.model_version for model in models}
    assert flow.bars.total() >= 20 * 3
    assert flow.loads == 11


@pytest.mark.audit
def test_a_thousand_switches_lose_no_bar_keep_no_memory_and_hold_no_prediction_up(tmp_path, capsys):
    models = [small_model(tmp_path, seed=seed) for seed in range(MODELS_IN_MEMORY + 1)]
    switched = SwitchedModels(models)

    flow = switched.run(switches=1_000, lead=60, between=20)

    steady, switching = (
        float(np.quantile(seconds, 0.99)) * 1e3 for seconds in (flow.steady_s, flow.switching_s)
    )
    grown = flow.resident[-1] / flow.resident[99] - 1.0
    with capsys.disabled():
        sys.stdout.write(
            f"\n{flow.loads} loads, {flow.bars.total()} bars; p99 {steady:.2f} ms, while a "
            f"model loads {switching:.2f} ms; memory {grown:+.1%} since switch 100\n"
        )
    assert flow.wrong == []
    assert flow.loads == 501
    assert grown <= 0.05
    assert switching <= 1.5 * steady
