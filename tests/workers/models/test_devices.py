"""Where a device refuses, the CPU does the work alone, and both the log and the status say so."""

from __future__ import annotations

import pytest

from tests.fakes.small_models import small_model
from workers.models import devices
from workers.models.lstm import smallest_lstm
from workers.serving.slots import device_concern, load_ensemble


@pytest.mark.skipif(devices.has_cuda(), reason="the device of this machine refuses nothing")
def test_a_network_that_the_device_refuses_serves_from_the_cpu_and_says_so(tmp_path, monkeypatch):
    model = small_model(tmp_path / "models")
    monkeypatch.setattr(devices, "NVIDIA_DEVICES", tmp_path)  # a driver without a device

    loaded = load_ensemble(model)

    assert loaded.status().device == "cpu"
    assert "runs on the CPU alone: the GPU refused its network (" in device_concern(loaded)


def test_without_a_device_nothing_is_refused():
    network = devices.place_network(smallest_lstm())

    assert (network.device, network.refused) == ("cpu", "")


def test_what_the_device_refuses_is_done_once_more_on_the_cpu(monkeypatch, tmp_path):
    monkeypatch.setattr(devices, "NVIDIA_DEVICES", tmp_path)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    asked: list[tuple[str, str]] = []

    def work(device, refused):
        asked.append((device, refused))
        if device != "cpu":
            raise RuntimeError("CUDA out of memory. Tried to allocate 90 GiB\nmore lines")
        return "done"

    assert devices.on_best_device(work, "trees") == "done"
    assert asked == [("cuda:0", ""), ("cpu", "CUDA out of memory. Tried to allocate 90 GiB")]
