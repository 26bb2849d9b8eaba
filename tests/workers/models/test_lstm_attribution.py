"""LSTM attribution: captum's integrated gradients, added up per feature, with the gap told."""

from __future__ import annotations

import numpy as np
import pytest

from tests.workers.models.test_lstm import SMALL, model, windows
from workers.models import lstm
from workers.models.lstm import LstmConfig, standardise
from workers.models.lstm_attribution import (
    LARGEST_GAP,
    attribute,
    attribute_closely,
    warm_up,
)


@pytest.mark.parametrize("target", [0, 1, 2])
@pytest.mark.parametrize(
    "config",
    [SMALL, LstmConfig(features=60, hidden=48), LstmConfig(features=4, hidden=6, layers=3)],
    ids=lambda config: f"{config.layers}x{config.hidden}",
)
def test_shares_equal_captum(config, target):
    import torch
    from captum.attr import IntegratedGradients

    from workers.models.lstm_torch import TorchLstm

    ours, x = model(config), windows(config, 1)
    explained = IntegratedGradients(TorchLstm(ours, "cpu").network)
    expected = explained.attribute(
        torch.from_numpy(standardise(ours, x)), target=target, n_steps=16, method="gausslegendre"
    )

    found = attribute(ours, x[0], target, steps=16)

    per_feature = expected.sum(dim=1)[0].detach().numpy()
    np.testing.assert_allclose(found.shares, per_feature, rtol=1e-4, atol=1e-6)


def test_shares_and_gap_add_up_to_the_change_of_the_logit():
    ours, x = model(), windows(SMALL, 1)
    mean = np.tile(ours.mean, (1, SMALL.window, 1))

    found = attribute(ours, x[0], target=1, steps=4)

    change = lstm.window_logits(ours, x)[0, 1] - lstm.window_logits(ours, mean)[0, 1]
    assert found.logit - found.baseline == pytest.approx(change, abs=1e-6)
    assert found.shares.sum() + found.gap == pytest.approx(change, abs=1e-6)


def test_more_steps_close_the_gap():
    loud = {name: value * 3 for name, value in model().tensors.items()}
    ours, x = lstm.compile_lstm(SMALL, loud), windows(SMALL, 1, seed=5)[0]

    few, many = (abs(attribute(ours, x, target=0, steps=steps).gap) for steps in (1, 32))

    assert many < 1e-4 < few


@pytest.mark.parametrize("kind", ["three times as wide", "last ten bars at ten deviations"])
def test_a_window_far_from_the_mean_gets_more_points_until_the_gap_is_small(kind):
    config = LstmConfig(features=20, hidden=32, window=24)
    wide = {n: v if n.startswith("input") else 3.0 * v for n, v in model(config).tensors.items()}
    ours = lstm.compile_lstm(config, wide)
    rng = np.random.default_rng(2)
    points = []
    for x in windows(config, 40, seed=6).astype(np.float64):
        far = ours.mean + 3.0 * (x - ours.mean)
        if kind != "three times as wide":
            far[-10:] = ours.mean + 10.0 * ours.scale * rng.choice([-1.0, 1.0], far[-10:].shape)

        closely = attribute_closely(ours, far, target=1)

        points.append(closely.steps)
        assert abs(closely.gap) <= LARGEST_GAP
        change = closely.logit - closely.baseline
        assert closely.shares.sum() + closely.gap == pytest.approx(change, abs=1e-6)
    assert max(points) > 8


def test_a_window_near_the_mean_needs_the_fewest_points():
    found = attribute_closely(model(), windows(SMALL, 1)[0], target=0)

    assert found.steps == 8


def test_many_points_are_computed_in_parts():
    ours, x = model(), windows(SMALL, 1)[0]

    one, parts = (attribute(ours, x, target=0, steps=steps) for steps in (64, 200))

    np.testing.assert_allclose(one.shares, parts.shares, rtol=1e-4, atol=1e-6)


def test_a_window_of_means_or_missing_values_has_nothing_to_explain():
    ours = model()
    x = np.tile(ours.mean, (SMALL.window, 1))
    x[3] = np.nan

    found = attribute(ours, x, target=2)

    assert not found.shares.any()
    assert found.gap == pytest.approx(0.0, abs=1e-7)


def test_a_window_of_the_wrong_width_is_refused():
    with pytest.raises(ValueError, match=r"expected \(T, 5\)"):
        attribute(model(), np.zeros((12, 4)), target=0)


def test_warming_up_needs_no_model():
    warm_up()
