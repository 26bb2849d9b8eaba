"""The fits of a fold against plain scripts of xgboost and torch that do the same, to the digit."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.bench.race import Entry, race
from workers.training.dataset import Array
from workers.training.fit_boosted import BoostedPlan, boosted_probabilities, fit_boosted
from workers.training.fit_lstm import LstmPlan, fit_lstm, input_scaling, lstm_probabilities
from workers.training.metrics import class_shares
from workers.training.table import Windows

ROWS, FEATURES = 30_000, 100  # four symbols at the first fold of a first training
CHECKED = 500
BAR = 1 / 1.15  # at most so much slower
BOOSTED, LSTM = BoostedPlan(), LstmPlan()
SEED = 7

Row = dict[str, object]
Classes = NDArray[np.int64]


def rows() -> list[Row]:
    """Run both fits; an AssertionError means that an answer, not a speed, is wrong."""
    rng = np.random.default_rng(SEED)
    features = rng.normal(size=(ROWS, FEATURES))
    edge = features[:, :3].sum(axis=1) + rng.normal(scale=4.0, size=ROWS)
    classes = np.digitize(edge, [-2.0, 2.0]).astype(np.int64)
    return [_boosted_row(features, classes), _lstm_row(features, classes)]


def _boosted_row(features: Array, classes: Classes) -> Row:
    sampled, labels = features[:: BOOSTED.stride], classes[:: BOOSTED.stride]
    ours = boosted_probabilities(fit_boosted(sampled, labels, BOOSTED, SEED), features[:CHECKED])
    theirs = _plain_trees(sampled, labels).inplace_predict(features[:CHECKED].astype(np.float32))
    gap = np.abs(ours - theirs).max()
    assert gap <= 1e-6, f"the trees' probabilities differ by {gap}"
    return race(
        f"trees of a fold, {len(sampled)} rows",
        "xgboost 3.2.0 script, hist, 1 thread",
        BAR,
        Entry(lambda _: fit_boosted(sampled, labels, BOOSTED, SEED), 1, time.process_time),
        Entry(lambda _: _plain_trees(sampled, labels), 1, time.process_time),
    )


def _plain_trees(features: Array, classes: Classes) -> Any:
    import xgboost

    parameters = {
        "objective": "multi:softprob", "num_class": 3, "tree_method": "hist", "nthread": 1,
        "max_bin": BOOSTED.bins, "max_depth": BOOSTED.depth, "eta": BOOSTED.learning_rate,
        "subsample": BOOSTED.row_share, "colsample_bytree": BOOSTED.feature_share,
        "min_child_weight": BOOSTED.leaf_weight, "lambda": BOOSTED.l2, "seed": SEED,
    }  # fmt: skip
    matrix = xgboost.DMatrix(features.astype(np.float32), label=classes, nthread=1)
    return xgboost.train(parameters, matrix, num_boost_round=BOOSTED.rounds)


def _lstm_row(features: Array, classes: Classes) -> Row:
    ends = np.arange(LSTM.window, ROWS)
    windows, labels = Windows(features, ends, LSTM.window), classes[ends]

    def ours() -> bytes:
        return fit_lstm(windows, labels, LSTM, SEED, lambda _done: None)

    checked = windows.take(np.arange(CHECKED))
    gap = np.abs(lstm_probabilities(ours(), checked) - _plain_lstm(windows, labels, checked)).max()
    assert gap <= 1e-4, f"the networks' probabilities differ by {gap}"
    return race(
        f"network of a fold, {LSTM.samples} windows",
        "torch script, nn.LSTM and AdamW, 1 thread",
        BAR,
        Entry(lambda _: ours(), 1, time.process_time),
        Entry(lambda _: _plain_lstm(windows, labels, checked[:1]), 1, time.process_time),
    )


def _plain_lstm(windows: Windows, classes: Classes, checked: Array) -> Array:
    """Fit as a script would, and return its answers to some windows, shape (N, 3)."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    mean, scale = input_scaling(windows)
    scaled = ((windows.rows - mean) / scale).astype(np.float32)
    layers = torch.nn.LSTM(len(mean), LSTM.hidden, 2, batch_first=True, dropout=LSTM.dropout)
    head = torch.nn.Linear(LSTM.hidden, 3)
    with torch.no_grad():
        head.weight.zero_()
        head.bias.copy_(torch.from_numpy(np.log(class_shares(classes))))
    weights = [*layers.parameters(), *head.parameters()]
    chosen = torch.randperm(len(classes))[: LSTM.samples].numpy()
    steps = -(-len(chosen) // LSTM.batch)
    optimiser = torch.optim.AdamW(weights, weight_decay=LSTM.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser,
        LSTM.learning_rate,
        total_steps=LSTM.epochs * steps,
        cycle_momentum=False,
        final_div_factor=1e4,
    )
    blank = torch.nn.Dropout1d(LSTM.input_dropout)
    offsets = np.arange(1 - LSTM.window, 1)
    for _ in range(LSTM.epochs):
        order = chosen[torch.randperm(len(chosen)).numpy()]
        for which in np.array_split(order, steps):
            taken = torch.from_numpy(scaled[windows.ends[which][:, None] + offsets])
            inputs = blank(taken.transpose(1, 2)).transpose(1, 2)
            outputs, _ = layers(inputs)
            loss = torch.nn.functional.cross_entropy(
                head(outputs[:, -1]), torch.from_numpy(classes[which])
            )
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimiser.step()
            schedule.step()
    layers.eval()
    with torch.inference_mode():
        outputs, _ = layers(torch.from_numpy(((checked - mean) / scale).astype(np.float32)))
        return np.asarray(torch.softmax(head(outputs[:, -1]), dim=1).double().numpy())
