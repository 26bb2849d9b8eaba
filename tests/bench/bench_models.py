"""Model kernels against the libraries they replace: goals P5 to P9, correctness beside each.

Sizes are those of the goals: 300 rounds x 3 classes of depth 6 on 60 features; an LSTM of 2 x 128
on 64 bars. Models are trained on seeded noise when the bench starts (some 20 s), never stored.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.bench.race import Entry, race
from workers.models import forest, lstm, treeshap
from workers.models.booster import Booster, read_booster

FEATURES, ROUNDS, DEPTH = 60, 300, 6
MODELS = 4  # in rotation, as the general model and three specialists would be
POOL = 4096  # distinct rows
BATCH = 256
HIDDEN, WINDOW = 128, 64

Row = dict[str, object]


@dataclass(frozen=True)
class _Pair:
    """One model in its library and in our kernels."""

    library: Any
    booster: Booster


def rows() -> list[Row]:
    """Run P5 to P9; an AssertionError means that an answer, not a speed, is wrong."""
    pool = _rows(POOL, seed=1)
    pairs = [_trained(seed) for seed in range(MODELS)]
    return [
        *_forest_rows(pairs, pool),
        _lstm_row(),
        *_shap_rows(pairs[0], pool),
    ]


def _forest_rows(pairs: list[_Pair], pool: NDArray[np.float32]) -> list[Row]:
    forests = [forest.compile_forest(pair.booster) for pair in pairs]
    for ours, pair in zip(forests, pairs, strict=True):
        gap = np.abs(forest.probabilities(ours, pool) - pair.library.inplace_predict(pool)).max()
        assert gap <= 1e-6, f"P5: probabilities differ by {gap}"
    one = [pool[i : i + 1] for i in range(POOL)]
    many = [pool[i : i + BATCH] for i in range(0, POOL - BATCH, 32)]
    peer = "xgboost 3.2.0 inplace_predict, 1 thread"
    return [
        race(
            "P5 one row, 900 trees, 4 models in rotation",
            peer,
            8.0,
            Entry(lambda i: forest.probabilities(forests[i % MODELS], one[i % POOL]), 400),
            Entry(lambda i: pairs[i % MODELS].library.inplace_predict(one[i % POOL]), 100),
        ),
        race(
            f"P6 {BATCH} rows, 900 trees",
            peer,
            0.95,
            Entry(lambda i: forest.probabilities(forests[0], many[i % len(many)]), 30),
            Entry(lambda i: pairs[0].library.inplace_predict(many[i % len(many)]), 30),
        ),
    ]


def _lstm_row() -> Row:
    import torch

    from workers.models.lstm_torch import build_torch_module, named_tensors

    torch.set_num_threads(1)
    torch.manual_seed(0)
    config = lstm.LstmConfig(features=FEATURES, hidden=HIDDEN, window=WINDOW)
    network = build_torch_module(config).eval()
    mean, scale = np.zeros(FEATURES), np.ones(FEATURES)
    ours = lstm.compile_lstm(config, named_tensors(network, mean, scale))
    bars = np.random.default_rng(2).normal(size=(POOL, FEATURES))
    # The peer gets its windows standardised and as tensors, outside the clock.
    scaled = torch.from_numpy(lstm.standardise(ours, bars[None])[0])
    windows = [scaled[i : i + WINDOW][None] for i in range(POOL - WINDOW)]

    with torch.inference_mode():
        _, (hidden, _) = network.lstm(windows[0])
    state = lstm.initial_state(ours)
    for t in range(WINDOW):
        state, _ = lstm.step(ours, state, bars[t : t + 1])
    gap = np.abs(state[:, :, 0].swapaxes(0, 1) - hidden.numpy()).max()
    assert gap <= 1e-6, f"P7: hidden states differ by {gap}"

    def whole_window(i: int) -> None:
        with torch.inference_mode():
            network(windows[i % len(windows)])

    return race(
        "P7 LSTM 2x128, one more bar",
        "torch inference_mode, 64-bar window, 1 thread",
        15.0,
        Entry(lambda i: lstm.step(ours, state, bars[i % POOL : i % POOL + 1]), 400),
        Entry(whole_window, 100),
    )


def _shap_rows(pair: _Pair, pool: NDArray[np.float32]) -> list[Row]:
    import xgboost

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # shap's imports warn about their own dependencies
        import shap
    ours, margins = treeshap.compile_explainer(pair.booster), forest.compile_forest(pair.booster)
    tree_explainer = shap.TreeExplainer(pair.library)

    def contributions(x: NDArray[np.float32]) -> NDArray[np.float32]:
        shares: NDArray[np.float32] = pair.library.predict(xgboost.DMatrix(x), pred_contribs=True)
        return shares

    checked = pool[:64]
    values = treeshap.shap_values(ours, checked)
    residue = np.abs(values.sum(axis=2) - forest.margins(margins, checked)).max()
    assert residue <= 1e-5, f"P8: values miss the margin by {residue}"
    gap = np.abs(values - contributions(checked)).max()
    assert gap <= 1e-5, f"P8: values differ from pred_contribs by {gap}"
    theirs = tree_explainer.shap_values(checked).transpose(0, 2, 1)
    gap = np.abs(values[:, :, :-1] - theirs).max()
    assert gap <= 1e-5, f"P8: values differ from shap.TreeExplainer by {gap}"

    one = [pool[i : i + 1] for i in range(POOL)]
    many = [pool[i : i + BATCH] for i in range(0, POOL - BATCH, 32)]
    single = Entry(lambda i: treeshap.shap_values(ours, one[i % POOL]), 100)
    return [
        race(
            "P8 exact TreeSHAP, one row",
            "xgboost 3.2.0 pred_contribs, 1 thread",
            4.0,
            single,
            Entry(lambda i: contributions(one[i % POOL]), 10),
        ),
        race(
            "P8 exact TreeSHAP, one row",
            "shap 0.51.0 TreeExplainer",
            4.0,
            single,
            Entry(lambda i: tree_explainer.shap_values(one[i % POOL]), 10),
        ),
        race(
            f"P9 exact TreeSHAP, {BATCH} rows",
            "xgboost 3.2.0 pred_contribs, 1 thread",
            10.0,
            Entry(lambda i: treeshap.shap_values(ours, many[i % len(many)]), 3),
            Entry(lambda i: contributions(many[i % len(many)]), 1),
        ),
    ]


def _rows(count: int, seed: int) -> NDArray[np.float32]:
    """Seeded noise with one value in fifty missing."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(count, FEATURES)).astype(np.float32)
    rows[rng.random(rows.shape) < 0.02] = np.nan
    return rows


def _trained(seed: int) -> _Pair:
    import xgboost

    x = _rows(6000, seed=100 + seed)
    y = np.random.default_rng(seed).integers(0, 3, len(x))
    parameters = {
        "objective": "multi:softprob",
        "num_class": 3,
        "max_depth": DEPTH,
        "max_bin": 64,
        "min_child_weight": 0.0,
        "eta": 0.1,
        "seed": seed,
    }
    trained = xgboost.train(parameters | {"nthread": 2}, xgboost.DMatrix(x, y), ROUNDS)
    model = trained.save_raw("json")
    library = xgboost.Booster({"nthread": 1}, model_file=model)  # forgets the training's threads
    return _Pair(library, read_booster(bytes(model)))
