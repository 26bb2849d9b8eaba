"""Compiled LSTM: the same function as torch's, by window and by kept state."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.models.lstm import (
    Lstm,
    LstmConfig,
    LstmFileError,
    advance_prepared,
    compile_lstm,
    initial_state,
    last_logits_and_state,
    prepare,
    probabilities,
    read_lstm,
    standardise,
    step,
    warm_up,
    window_logits,
    write_lstm,
)
from workers.models.lstm_kernels import _add_products, fitted_tanh

SMALL = LstmConfig(features=5, hidden=7, window=12)


def tensors(config, seed=0):
    """Random weights of torch's usual size, with a scaling that is not trivial."""
    rng = np.random.default_rng(seed)
    bound = config.hidden**-0.5
    named = {
        name: rng.uniform(-bound, bound, shape).astype(np.float32)
        for name, shape in config.shapes().items()
    }
    return named | {
        "input.mean": rng.normal(size=config.features),
        "input.scale": rng.uniform(0.5, 2.0, config.features),
    }


def model(config=SMALL) -> Lstm:
    return compile_lstm(config, tensors(config))


def windows(config, count, seed=1):
    return np.random.default_rng(seed).normal(size=(count, config.window, config.features)) * 2


@pytest.mark.parametrize(
    ("config", "count"),
    [
        (SMALL, 1),
        (SMALL, 37),
        (LstmConfig(features=60, hidden=128), 3),
        (LstmConfig(features=1, hidden=1, layers=1, window=3), 2),
        (LstmConfig(features=9, hidden=4, layers=3, classes=2), 17),
    ],
)
def test_logits_and_state_equal_torch(config, count):
    import torch

    from workers.models.lstm_torch import TorchLstm

    ours, x = model(config), windows(config, count)
    theirs = TorchLstm(ours, "cpu")
    with torch.inference_mode():
        _, (output, cell) = theirs.network.lstm(torch.from_numpy(standardise(ours, x)))

    logits, state = last_logits_and_state(ours, x)

    np.testing.assert_allclose(logits, theirs.logits(x), rtol=0, atol=1e-6)
    np.testing.assert_allclose(state[:, :, 0].swapaxes(0, 1), output, rtol=0, atol=1e-6)
    # Cells are not bounded by 1 as outputs are: float32 leaves a few units of the last place.
    np.testing.assert_allclose(state[:, :, 1].swapaxes(0, 1), cell, rtol=1e-6, atol=1e-6)


def test_stepping_through_a_window_gives_the_window_exactly():
    ours, x = model(), windows(SMALL, 20)
    state = initial_state(ours, symbols=20)

    for t in range(SMALL.window):
        state, logits = step(ours, state, x[:, t])

    expected, end = last_logits_and_state(ours, x)
    np.testing.assert_array_equal(logits, expected)
    np.testing.assert_array_equal(state, end)


def test_a_step_leaves_the_old_state_as_it_was():
    ours = model()
    state = initial_state(ours, symbols=2)

    step(ours, state, np.ones((2, SMALL.features)))

    assert not state.any()


def test_a_symbol_alone_answers_as_in_a_batch():
    ours, x = model(), windows(SMALL, 35)

    alone = np.vstack([window_logits(ours, x[i : i + 1]) for i in range(35)])

    np.testing.assert_array_equal(alone, window_logits(ours, x))


@pytest.mark.parametrize("rows", [1, 3, 4, 7, 8, 13, 111])
@pytest.mark.parametrize("width", [4, 20, 64])
def test_a_gate_is_summed_in_the_written_order(rows, width):
    rng = np.random.default_rng(rows)
    inputs = rng.normal(size=(5, rows)).astype(np.float32)
    weights = rng.normal(size=(rows, width)).astype(np.float32)
    gates = np.zeros((5, width), np.float32)

    _add_products(inputs, weights, gates)

    expected = np.zeros((5, width), np.float32)
    fours = rows - rows % 4
    for k in range(rows):
        at = (k + (1, -1, 0, 0)[k % 4]) if k < fours else k
        product = np.multiply.outer(inputs[:, at].astype(np.float64), weights[at])
        rounded = product if k < fours else product.astype(np.float32)
        expected = (expected + rounded).astype(np.float32)
    np.testing.assert_array_equal(gates, expected)


def test_rows_prepared_alone_give_the_windows_logits():
    ours, x = model(), windows(SMALL, 5)

    alone = np.concatenate([prepare(ours, x[:, t : t + 1]) for t in range(SMALL.window)], axis=1)
    logits, _ = advance_prepared(ours, alone, initial_state(ours, 5))

    np.testing.assert_array_equal(logits, window_logits(ours, x))


def test_missing_counts_as_the_training_mean_and_extremes_are_limited():
    ours = model()
    rows = np.tile(ours.mean, (1, 3, 1))
    rows[0, 0, 0], rows[0, 1, 1], rows[0, 2, 2] = np.nan, np.inf, -1e300

    scaled = standardise(ours, rows)

    assert scaled[0, 0, 0] == 0.0
    assert (scaled[0, 1, 1], scaled[0, 2, 2]) == (10.0, -10.0)
    assert np.count_nonzero(scaled) == 2


@settings(max_examples=200, deadline=None)
@given(st.floats(-50, 50, width=32))
def test_the_fitted_tanh_is_within_three_float_steps(x):
    assert abs(float(fitted_tanh(np.float32(x))) - np.tanh(x)) <= 3e-7


def test_probabilities_survive_large_logits():
    found = probabilities(np.array([[1000.0, 1000.0, -1000.0], [0.0, 0.0, 0.0]]))

    np.testing.assert_allclose(found, [[0.5, 0.5, 0.0], [1 / 3, 1 / 3, 1 / 3]])


def test_a_written_file_reads_back_as_the_same_network():
    ours, x = model(), windows(SMALL, 2)

    read = read_lstm(write_lstm(SMALL, ours.tensors))

    assert read.config == SMALL
    np.testing.assert_array_equal(window_logits(read, x), window_logits(ours, x))


def test_the_config_survives_json():
    config = LstmConfig(features=3, hidden=4, layers=1, window=5, classes=2, dropout=0.25)

    assert LstmConfig.from_json(config.to_json()) == config


def test_what_torch_trained_is_what_is_served():
    import torch

    from workers.models.lstm_torch import build_torch_module, named_tensors

    torch.manual_seed(0)
    network = build_torch_module(SMALL).eval()
    mean, scale = np.zeros(SMALL.features), np.ones(SMALL.features)
    x = windows(SMALL, 4)

    served = read_lstm(write_lstm(SMALL, named_tensors(network, mean, scale)))

    with torch.inference_mode():
        expected = network(torch.from_numpy(x.astype(np.float32)))
    np.testing.assert_allclose(window_logits(served, x), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"head.bias": None}, r"missing or not known: \['head.bias'\]"),
        ({"extra": np.zeros(1)}, r"missing or not known: \['extra'\]"),
        ({"head.bias": np.zeros(2)}, r"head.bias has shape \(2,\), expected \(3,\)"),
        ({"head.bias": np.array([0.0, np.nan, 0.0])}, "head.bias holds values that are not finite"),
        ({"input.scale": np.zeros(5)}, "input.scale holds values <= 0"),
    ],
)
def test_wrong_weights_are_refused_by_name(change, message):
    wrong = {name: value for name, value in (tensors(SMALL) | change).items() if value is not None}

    with pytest.raises(LstmFileError, match=message):
        compile_lstm(SMALL, wrong)


@pytest.mark.parametrize("keep", [0, 4, 40, -1])
def test_a_cut_file_is_refused(keep):
    blob = write_lstm(SMALL, tensors(SMALL))

    with pytest.raises(LstmFileError, match="not an LSTM weights file"):
        read_lstm(blob[:keep])


def test_a_safetensors_file_without_config_is_refused():
    from safetensors.numpy import save

    with pytest.raises(LstmFileError, match="__metadata__"):
        read_lstm(save({"a": np.zeros(1)}))


@pytest.mark.parametrize("shape", [(1, 12, 4), (12, 5), (1, 0, 5)])
def test_windows_of_the_wrong_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"expected \(B, T >= 1, 5\)"):
        last_logits_and_state(model(), np.zeros(shape))


def test_a_state_of_another_batch_is_refused():
    with pytest.raises(ValueError, match="another batch"):
        step(model(), initial_state(model(), symbols=1), np.zeros((2, SMALL.features)))


def test_warming_up_needs_no_model():
    warm_up()


@pytest.mark.gpu
def test_cuda_gives_the_logits_of_the_cpu_kernel():
    import torch

    from workers.models.lstm_torch import TorchLstm

    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    config = LstmConfig(features=60, hidden=128)
    ours, x = model(config), windows(config, 64)

    found = TorchLstm(ours, "cuda:0").logits(x)

    np.testing.assert_allclose(found, window_logits(ours, x), rtol=0, atol=1e-5)
