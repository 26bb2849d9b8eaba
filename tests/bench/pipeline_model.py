"""A model of the size of a trained one, built in a second: fitted trees, an untrained network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from schemas.models import ModelRegistered
from streams.features.catalog import FEATURE_SET_ID
from tests.build import registered
from workers.models.artifact import Manifest, ParityCase, model_file, write_model
from workers.models.ensemble import class_probabilities
from workers.models.lstm import LstmConfig, write_lstm
from workers.training.fit_boosted import BoostedPlan, boosted_probabilities, fit_boosted
from workers.training.fit_lstm import LstmPlan, lstm_probabilities
from workers.training.train import MODEL_FEATURES

Floats = NDArray[np.float64]


def default_size_model(
    root: Path,
    timeframe_ms: int,
    features: Floats,
    posteriors: Floats,
    classes: NDArray[np.int64],
) -> ModelRegistered:
    """Write a model under ``root`` and return its registration.

    Args:
        root: Of all models.
        timeframe_ms: Length of the bars that it predicts.
        features: Consecutive rows of ``MODEL_FEATURES``, shape (T, F).
        posteriors: Of the regimes, shape (T, 3).
        classes: 0, 1 or 2, shape (T,).
    """
    rows = np.hstack((features, posteriors))
    forest = fit_boosted(rows, classes, BoostedPlan(), 7)
    network = _network(features)
    files = (
        model_file("forest", "forest.json", forest),
        model_file("lstm", "lstm.safetensors", network),
    )
    manifest = Manifest(
        strategy="ensemble",
        feature_set_id=FEATURE_SET_ID,
        feature_names=MODEL_FEATURES,
        timeframe_ms=timeframe_ms,
        horizon_bars=15,
        volatility_feature="realised_volatility_60",
        label_width=0.8,
        member_weights={"xgboost": 0.55, "lstm": 0.45},
        class_prior=(0.3, 0.4, 0.3),
        temperature=1.5,
        trained_from_ms=0,
        trained_to_ms=1,
        seed=7,
        libraries={},
        files=files,
        parity=(_parity(forest, network, rows[:1], features[None, : LstmPlan().window]),),
    )
    folder = write_model(root, manifest, {"forest.json": forest, "lstm.safetensors": network})
    return registered(
        model_version=manifest.version,
        timeframe_ms=timeframe_ms,
        feature_set_id=FEATURE_SET_ID,
        feature_names=MODEL_FEATURES,
        uri=folder.as_uri(),
        files=files,
        regimes=(),
    )


def _network(rows: Floats) -> bytes:
    import torch

    from workers.models.lstm_torch import build_torch_module, named_tensors

    torch.manual_seed(7)
    plan = LstmPlan()
    config = LstmConfig(features=rows.shape[1], hidden=plan.hidden, window=plan.window)
    scale = np.maximum(rows.std(axis=0), 1e-12)
    return write_lstm(config, named_tensors(build_torch_module(config), rows.mean(axis=0), scale))


def _parity(forest: bytes, network: bytes, row: Floats, window: Floats) -> ParityCase:
    """Return the libraries' own answers: loading checks that the kernels give the same."""
    return ParityCase(
        row=tuple(row[0].tolist()),
        window=tuple(map(tuple, window[0].tolist())),
        forest=class_probabilities(boosted_probabilities(forest, row))[0],
        lstm=class_probabilities(lstm_probabilities(network, window))[0],
    )
