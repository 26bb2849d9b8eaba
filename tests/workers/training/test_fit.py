"""Members: reproducible, starting from the prior, read by our kernels as their libraries do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.narrow import known
from workers.models import devices, forest, lstm
from workers.models.booster import booster_device, read_booster
from workers.training.fit_boosted import BoostedPlan, boosted_probabilities, fit_boosted
from workers.training.fit_lstm import LstmPlan, fit_lstm, lstm_probabilities
from workers.training.metrics import class_shares, log_loss
from workers.training.table import Windows

FEATURES = 6
SEQUENCE = LstmPlan(hidden=4, window=5, epochs=4, batch=32, learning_rate=0.02)
TREES = BoostedPlan(rounds=30, learning_rate=0.3, leaf_weight=5.0, l2=1.0)


@pytest.fixture(scope="module")
def rows():
    """The class follows from the sign of the first feature, mostly neutral."""
    rng = np.random.default_rng(0)
    made = rng.normal(size=(1_500, FEATURES))
    made[rng.random(made.shape) < 0.01] = np.nan
    classes = np.where(made[:, 0] > 0.8, 2, np.where(made[:, 0] < -0.8, 0, 1))
    return made, classes


def windows(rows):
    made, classes = rows
    ends = np.arange(SEQUENCE.window - 1, len(made))
    return Windows(np.nan_to_num(made), ends, SEQUENCE.window), classes[ends]


def trees(rows, seed):
    made, classes = rows
    return fit_boosted(made, classes, TREES, seed)


def fitted(rows, plan=SEQUENCE, seed=0):
    seen, classes = windows(rows)
    return fit_lstm(seen, classes, plan, seed, lambda _: None)


def test_both_members_learn_what_there_is(rows):
    seen, classes = windows(rows)
    prior = known(log_loss(np.tile(class_shares(classes), (len(classes), 1)), classes))

    boosted = boosted_probabilities(trees(rows, seed=0), rows[0])
    network = lstm_probabilities(fitted(rows), seen.take(np.arange(len(classes))))

    assert known(log_loss(boosted, rows[1])) < 0.7 * prior
    assert known(log_loss(network, classes)) < 0.9 * prior


def test_the_same_seed_gives_the_same_bytes(rows):
    assert trees(rows, seed=3) == trees(rows, seed=3)
    assert fitted(rows, seed=3) == fitted(rows, seed=3)
    assert fitted(rows, seed=3) != fitted(rows, seed=4)


def test_an_untrained_network_says_the_prior(rows):
    seen, classes = windows(rows)

    still = fitted(rows, replace(SEQUENCE, learning_rate=0.0))

    answers = lstm_probabilities(still, seen.take(np.arange(10)))
    np.testing.assert_allclose(answers, np.tile(class_shares(classes), (10, 1)), atol=1e-6)


def test_our_kernels_answer_as_the_libraries_do(rows):
    seen, _ = windows(rows)
    booster, network = trees(rows, seed=0), fitted(rows)
    some = seen.take(np.arange(200))

    boosted = forest.probabilities(forest.compile_forest(read_booster(booster)), rows[0])
    sequence = lstm.probabilities(lstm.window_logits(lstm.read_lstm(network), some))

    np.testing.assert_allclose(boosted, boosted_probabilities(booster, rows[0]), atol=1e-6)
    np.testing.assert_allclose(sequence, lstm_probabilities(network, some), atol=1e-6)


def test_scaling_is_fitted_on_the_training_rows_alone(rows):
    seen, _ = windows(rows)
    some = Windows(seen.rows, seen.ends[:400], seen.length)

    network = lstm.read_lstm(fit_lstm(some, windows(rows)[1][:400], SEQUENCE, 0, lambda _: None))

    np.testing.assert_allclose(network.mean, seen.rows[some.ends].mean(axis=0))


@pytest.mark.skipif(devices.has_cuda(), reason="the device of this machine refuses nothing")
@pytest.mark.filterwarnings("ignore:.*Device is changed from GPU to CPU")
def test_what_a_device_refuses_is_fitted_on_the_cpu_alone(rows, tmp_path, monkeypatch, capsys):
    alone = trees(rows, seed=1), fitted(rows, seed=1)
    monkeypatch.setattr(devices, "NVIDIA_DEVICES", tmp_path)  # a driver without a device

    refused = trees(rows, seed=1), fitted(rows, seed=1)

    assert refused == alone
    assert (booster_device(refused[0]), lstm.lstm_device(refused[1])) == ("cpu", "cpu")
    assert "device.refused" in capsys.readouterr().out
