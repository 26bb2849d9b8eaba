"""On a CUDA device: fitted and served there with the CPU kernels' answers, and named."""

from __future__ import annotations

import numpy as np
import pytest

from tests.fakes.small_models import NAMES, WINDOW, small_model
from workers.models import forest
from workers.models.artifact import read_model
from workers.models.booster import booster_device, read_booster
from workers.models.devices import PlacedNetwork, has_cuda, place_network
from workers.models.lstm import LstmConfig, compile_lstm, lstm_device, probabilities, read_lstm
from workers.serving.slots import load_ensemble
from workers.training.fit_boosted import BoostedPlan, boosted_probabilities, fit_boosted
from workers.training.fit_lstm import LstmPlan, fit_lstm, lstm_probabilities
from workers.training.table import Windows

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not has_cuda(), reason="no CUDA device on this machine"),
]


def random_network(config):
    rng = np.random.default_rng(0)
    tensors = {
        name: rng.normal(scale=0.2, size=shape).astype(np.float32)
        for name, shape in config.shapes().items()
    }
    scaling = {"input.mean": np.zeros(config.features), "input.scale": np.ones(config.features)}
    return compile_lstm(config, tensors | scaling)


@pytest.mark.parametrize("batch", [1, 200])
@pytest.mark.parametrize(
    "config",
    [LstmConfig(features=96, hidden=16), LstmConfig(features=60, hidden=128)],
    ids=lambda config: f"2x{config.hidden}",
)
def test_probabilities_equal_the_cpu_kernel_within_1e_6(config, batch):
    model = random_network(config)
    windows = np.random.default_rng(1).normal(size=(batch, config.window, config.features))
    served, cpu = place_network(model), PlacedNetwork(model)

    on_gpu = probabilities(served.logits(served.prepare(windows)))

    assert served.on_gpu is not None
    assert served.device == "cuda:0"
    np.testing.assert_allclose(on_gpu, probabilities(cpu.logits(cpu.prepare(windows))), atol=1e-6)


def test_a_registered_model_is_served_on_the_device_and_passes_its_parity_check(tmp_path):
    loaded = load_ensemble(small_model(tmp_path))

    rows = np.random.default_rng(2).normal(size=(5, WINDOW, len(NAMES)))
    windows = loaded.network.prepare(rows)
    values = np.hstack((rows[:, -1], np.full((5, 3), 1 / 3)))
    answers = loaded.members(loaded.forest_rows(values), windows)

    assert loaded.status().device == "cuda:0"
    _, contents = read_model(loaded.registered)
    cpu = PlacedNetwork(read_lstm(contents["lstm"]))
    np.testing.assert_allclose(
        answers["lstm"], probabilities(cpu.logits(cpu.prepare(rows))), atol=1e-6
    )


def test_members_are_fitted_on_the_device_and_their_files_name_it():
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(1_500, 6))
    classes = np.where(rows[:, 0] > 0.8, 2, np.where(rows[:, 0] < -0.8, 0, 1))
    plan = LstmPlan(hidden=4, window=5, epochs=2, batch=64)
    windows = Windows(rows, np.arange(4, len(rows)), plan.window)

    trees = [fit_boosted(rows, classes, BoostedPlan(rounds=10), 0) for _ in range(2)]
    networks = [fit_lstm(windows, classes[4:], plan, 0, lambda _: None) for _ in range(2)]

    assert trees[0] == trees[1]
    assert networks[0] == networks[1]
    assert booster_device(trees[0]).startswith("cuda")
    assert lstm_device(networks[0]) == "cuda:0"
    boosted = forest.probabilities(forest.compile_forest(read_booster(trees[0])), rows)
    np.testing.assert_allclose(boosted, boosted_probabilities(trees[0], rows), atol=1e-6)
    some = windows.take(np.arange(200))
    network = PlacedNetwork(read_lstm(networks[0]))
    answers = probabilities(network.logits(network.prepare(some.astype(np.float64))))
    np.testing.assert_allclose(answers, lstm_probabilities(networks[0], some), atol=1e-6)


def test_a_network_that_does_not_fit_in_memory_serves_from_the_cpu_alone():
    import torch

    model = random_network(LstmConfig(features=96, hidden=16))
    torch.cuda.set_per_process_memory_fraction(1e-9)
    torch.cuda.empty_cache()
    try:
        placed = place_network(model)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)

    assert placed.device == "cpu"
    assert "out of memory" in placed.refused
