"""Fits the boosted member: XGBoost softmax trees, saved as JSON.

On a CUDA device where there is one, else on one thread.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.models.devices import CPU, on_best_device
from workers.training.dataset import Array


@dataclass(frozen=True)
class BoostedPlan:
    """Parameters of the trees: small, because the signal is weak and labels overlap."""

    rounds: int = 60
    depth: int = 3
    learning_rate: float = 0.08
    row_share: float = 0.7
    feature_share: float = 0.3
    leaf_weight: float = 100.0  # hessian: some 250 rows, a dozen outcomes that do not overlap
    l2: float = 20.0
    bins: int = 64
    stride: int = 3  # every third row: neighbouring labels share most of their horizon


def fit_boosted(
    rows: Array,
    classes: NDArray[np.int64],
    plan: BoostedPlan,
    seed: int,
    weights: Array | None = None,
) -> bytes:
    """Return the fitted booster as JSON bytes; the same input and seed give the same trees.

    ``weights`` are how much each row counts, in [0, 1]; None: all alike.

    The trees of a CUDA device name it in their attribute ``device``; those of a CPU name none.
    """
    return on_best_device(
        lambda device, _: _fitted(rows, (classes, weights), plan, seed, device), "trees"
    )


def _fitted(
    rows: Array,
    targets: tuple[NDArray[np.int64], Array | None],
    plan: BoostedPlan,
    seed: int,
    device: str,
) -> bytes:
    import xgboost

    classes, weights = targets
    matrix = xgboost.QuantileDMatrix(
        rows.astype(np.float32), label=classes, weight=weights, nthread=1, max_bin=plan.bins
    )
    booster = xgboost.train(
        {
            "objective": "multi:softprob",
            "num_class": 3,
            "tree_method": "hist",
            "max_bin": plan.bins,
            "max_depth": plan.depth,
            "eta": plan.learning_rate,
            "subsample": plan.row_share,
            "colsample_bytree": plan.feature_share,
            "min_child_weight": plan.leaf_weight,
            "lambda": plan.l2,
            "nthread": 1,
            "seed": seed,
            "verbosity": 0,
            "device": device,
        },
        matrix,
        num_boost_round=plan.rounds,
    )
    config = json.loads(booster.save_config())
    if (used := config["learner"]["generic_param"]["device"]) != CPU:
        booster.set_attr(device=used)  # xgboost takes the CPU by itself where it sees no device
    return bytes(booster.save_raw("json"))


def boosted_probabilities(model: bytes, rows: Array) -> Array:
    """Return xgboost's own answers, shape (N, 3): the reference of the parity check."""
    import xgboost

    booster = xgboost.Booster({"nthread": 1})
    booster.load_model(bytearray(model))
    return np.asarray(booster.inplace_predict(rows.astype(np.float32)), dtype=np.float64)
