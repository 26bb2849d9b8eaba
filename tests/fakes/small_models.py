"""Small real models for tests of serving: trained in a second, written as training writes them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from schemas.models import ModelChanged, ModelRegistered
from schemas.predictions import ClassProbabilities
from schemas.specialists import ModelSelection, SelectionRule, Specialist, SpecialistName
from schemas.timeframes import MINUTE_MS
from tests.build import FEATURE_SET, close_time, registered
from workers.models.artifact import MANIFEST, Manifest, ParityCase, model_file, write_model
from workers.models.ensemble import class_probabilities
from workers.models.lstm import LstmConfig, write_lstm
from workers.models.symbol_forests import encode_forests
from workers.training.fit_boosted import BoostedPlan, boosted_probabilities, fit_boosted
from workers.training.fit_lstm import lstm_probabilities
from workers.training.specialists import FittedSpecialists

NAMES = ("rsi_14", "natr_14", "realised_volatility_60", "log_return_1")
WINDOW = 6
PLAN = BoostedPlan(rounds=8, leaf_weight=1.0, l2=1.0)
Array = NDArray[np.float64]


def small_model(
    root: Path,
    seed: int = 0,
    names: tuple[str, ...] = NAMES,
    feature_set: str = FEATURE_SET,
    timeframe_ms: int = MINUTE_MS,
    *,
    selection: ModelSelection | None = None,
    own: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
) -> ModelRegistered:
    """Train on seeded noise, write under ``root`` and return the registration.

    Its fitted specialists are those of ``selection``; each symbol of ``own`` has these features and
    a forest of its own.
    """
    forest, network, rows, windows = _fitted(seed, len(names))
    report = b'{"plan": {"seed": %d, "boosted": {"rounds": 8}}}' % seed
    contents = {"forest.json": forest, "lstm.safetensors": network, "report.json": report}
    selection = selection or ModelSelection(reason="the first model tries no specialists")
    specialists = FittedSpecialists(
        selection,
        {each.name: _fitted(ord(each.name[1]), len(names))[0] for each in selection.fitted},
    )
    forests = {s: _fitted(sum(map(ord, s)), len(names))[0] for s in own}
    contents["forests.json"] = encode_forests(forests)
    manifest = Manifest(
        strategy="ensemble",
        feature_set_id=feature_set,
        feature_names=names,
        timeframe_ms=timeframe_ms,
        horizon_bars=15,
        volatility_feature="realised_volatility_60",
        label_width=0.5,
        member_weights={"xgboost": 0.55, "lstm": 0.45},
        class_prior=(0.25, 0.5, 0.25),
        temperature=1.1,
        trained_from_ms=0,
        trained_to_ms=1,
        seed=seed,
        libraries={"xgboost": "3.2.0"},
        files=(
            model_file("forest", "forest.json", forest),
            model_file("lstm", "lstm.safetensors", network),
            model_file("report", "report.json", report),
            *specialists.files,
            *([model_file("forests", "forests.json", contents["forests.json"])] if own else []),
        ),
        selection=selection,
        features=dict(own),
        parity=(
            ParityCase(
                row=tuple(rows[0].tolist()),
                window=tuple(tuple(bar) for bar in windows[0].tolist()),
                forest=class_probabilities(boosted_probabilities(forest, rows[:1]))[0],
                lstm=class_probabilities(lstm_probabilities(network, windows[:1]))[0],
                specialists=specialists.parity(rows[:1])[0],
                symbols={s: _own_answer(forests[s], rows[:1], names, own[s]) for s in own},
            ),
        ),
    )
    folder = write_model(root, manifest, contents | specialists.contents)
    return registered(
        model_version=manifest.version,
        feature_names=names,
        timeframe_ms=timeframe_ms,
        base_ms=None if timeframe_ms == MINUTE_MS else MINUTE_MS,
        uri=folder.as_uri(),
        files=(*manifest.files, model_file("report", MANIFEST, manifest.encode())),
    )


def _own_answer(
    forest: bytes, row: Array, names: tuple[str, ...], own: tuple[str, ...]
) -> ClassProbabilities:
    """Return what xgboost says of a row without the features that are not a symbol's own."""
    masked = row.copy()
    masked[:, [i for i, name in enumerate(names) if name not in own]] = np.nan
    return class_probabilities(boosted_probabilities(forest, masked))[0]


def selecting(rule: SelectionRule) -> ModelSelection:
    """Return a selection with a qualified bull, a poor bear and a sideways that is missing."""
    return ModelSelection(
        rule=rule,
        reason="for a test",
        specialists=(
            _specialist("bull_specialist", qualified=True),
            _specialist("bear_specialist", qualified=False),
            Specialist(name="sideways_specialist", effective_rows=12.0, reason="12 rows"),
        ),
    )


def _specialist(name: SpecialistName, *, qualified: bool) -> Specialist:
    reason = "better" if qualified else "no better"
    return Specialist(
        name=name, effective_rows=900.0, temperature=1.5, qualified=qualified, reason=reason
    )


def change_to(model: ModelRegistered, minute: int = 0) -> ModelChanged:
    """Return the change after which a model serves from a minute's close on."""
    return ModelChanged(
        strategy=model.strategy,
        event_time_ms=close_time(minute),
        effective_from_ms=close_time(minute),
        model=model,
        reason="qualified",
    )


def _fitted(seed: int, features: int) -> tuple[bytes, bytes, Array, Array]:
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(300, features + 3))
    classes = (rows[:, 0] > 0.4).astype(np.int64) - (rows[:, 0] < -0.4) + 1
    config = LstmConfig(features=features, hidden=5, window=WINDOW)
    tensors: dict[str, NDArray[np.floating]] = {
        name: rng.normal(scale=0.5, size=shape).astype(np.float32)
        for name, shape in config.shapes().items()
    }
    tensors |= {"input.mean": np.zeros(features), "input.scale": np.ones(features)}
    windows = rng.normal(size=(2, WINDOW, features))
    return fit_boosted(rows, classes, PLAN, seed), write_lstm(config, tensors), rows, windows
