"""On a CUDA device: the same answers as the CPU kernels, and the status names the device."""

from __future__ import annotations

import numpy as np
import pytest

from tests.fakes.small_models import NAMES, WINDOW, small_model
from workers.models.artifact import read_model
from workers.models.devices import NVIDIA_DEVICES, PlacedNetwork, place_network
from workers.models.lstm import LstmConfig, compile_lstm, read_lstm
from workers.serving.slots import load_ensemble

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not NVIDIA_DEVICES.exists(), reason="no CUDA device on this machine"),
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
    from workers.models.lstm import probabilities

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
    answers = loaded.members(np.hstack((rows[:, -1], np.full((5, 3), 1 / 3))), windows)

    assert loaded.status().device == "cuda:0"
    _, contents = read_model(loaded.registered)
    cpu = PlacedNetwork(read_lstm(contents["lstm"]))
    from workers.models.lstm import probabilities

    np.testing.assert_allclose(
        answers["lstm"], probabilities(cpu.logits(cpu.prepare(rows))), atol=1e-6
    )
