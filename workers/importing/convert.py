"""A model file of another maker becomes a bundle: a version like any other, unqualified."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.models import ModelMetrics, ModelRegistered
from schemas.specialists import ModelSelection
from streams.features.catalog import FEATURE_NAMES, FEATURE_SET_ID
from workers.importing.unpickle import (
    ANSWER,
    ANSWERS,
    ASKED,
    CASES,
    FOREST,
    MODEL,
    NETWORK,
    SCALER,
)
from workers.models.artifact import (
    MANIFEST,
    REGISTERED,
    ArtifactError,
    Manifest,
    ParityCase,
    bundle_uri,
    model_file,
    read_model,
    write_model,
)
from workers.models.bundle_store import is_remote, publish
from workers.models.ensemble import class_probabilities
from workers.models.lstm import LstmConfig, read_lstm, write_lstm

SUFFIXES = {".pkl": ".pkl", ".joblib": ".pkl", ".pth": ".pth", ".pt": ".pth"}
LARGEST = 256 << 20  # bytes of a file
WITHIN_S = 300.0
CHILD = "from workers.importing.unpickle import main; main()"
SEED = 7


class ImportRefused(ValueError):
    """A file cannot become a model; the message names it and says why."""


@dataclass(frozen=True)
class ImportedFile:
    """A file to import, and what it does not say of itself.

    Attributes:
        path: A ``.pkl`` or ``.joblib`` of XGBoost, or a ``.pth`` or ``.pt`` of torch.
        features: Names of its inputs in its order; empty: its own, else those of the base.
        scaler: A ``StandardScaler`` that was fitted before it.
        window: Bars that an LSTM looks at; None: as many as that of the base.
        activation: What stands between two linear layers behind an LSTM.
    """

    path: Path
    features: tuple[str, ...] = ()
    scaler: Path | None = None
    window: int | None = None
    activation: str = "unknown"


def import_model(
    file: ImportedFile, base: ModelRegistered, models: Path, market_time_ms: int
) -> ModelRegistered:
    """Convert a file, write its bundle and return the event that announces it.

    It answers alone: a second member, which knows nothing, has the weight 0. Its labels, its
    regime filters and the cases on which its answers are checked are those of another version.

    Args:
        file: The file; opened by a child without network and rights.
        base: A version of the strategy and timeframe that it is for.
        models: Root folder of all models.
        market_time_ms: The newest time of the clock topic.

    Raises:
        ImportRefused: It holds no model that can be converted.
        ArtifactError: The files of the base cannot be read.
        StoreError: The bundle cannot be stored.
        OSError: The bundle cannot be written; nothing is left of it.
    """
    suffix = _checked(file)
    about, contents = read_model(base)
    window = file.window or read_lstm(contents["lstm"]).config.window
    windows = np.array([case.window for case in about.parity], dtype=np.float64)
    if window > windows.shape[1]:
        raise ImportRefused(f"--window {window} is more than the {windows.shape[1]} bars kept here")
    regimes = np.array([case.row[-3:] for case in about.parity], dtype=np.float64)
    asked = {
        "suffix": suffix,
        "names": list(file.features or base.feature_names),
        "named": bool(file.features),
        "known": list(FEATURE_NAMES),
        "columns": list(about.feature_names),
        "volatility": about.volatility_feature,
        "activation": file.activation,
    }
    with tempfile.TemporaryDirectory(prefix="regimeflow-import-") as folder:
        place = Path(folder)
        (place / f"{MODEL}{suffix}").write_bytes(file.path.read_bytes())
        if file.scaler is not None:
            (place / SCALER).write_bytes(file.scaler.read_bytes())
        (place / ASKED).write_text(json.dumps(asked))
        np.savez(place / CASES, windows=windows[:, -window:], regimes=regimes)
        answer = _answer(place, file)
        manifest, files = _bundle(place, answer, about, (window, market_time_ms))
    digest = hashlib.sha256(file.path.read_bytes()).hexdigest()
    return _registered(manifest, files, (base, f"import-{digest[:16]}"), (models, market_time_ms))


def _checked(file: ImportedFile) -> str:
    suffix = SUFFIXES.get(file.path.suffix)
    if suffix is None:
        raise ImportRefused(f"{file.path} is no {', '.join(SUFFIXES)} file")
    for path in filter(None, (file.path, file.scaler)):
        try:
            size = path.stat().st_size
        except OSError as error:
            raise ImportRefused(f"{path} cannot be read: {error.strerror}") from None
        if not path.is_file() or not 0 < size <= LARGEST:
            raise ImportRefused(f"{path} has {size} bytes, expected a file of 1 to {LARGEST}")
    return suffix


def _answer(folder: Path, file: ImportedFile) -> dict[str, Any]:
    """Let the child convert; return what it says."""
    command = [sys.executable, "-I", "-c", CHILD]
    try:
        ended = subprocess.run(
            command, cwd=folder, env={}, capture_output=True, timeout=WITHIN_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise ImportRefused(f"{file.path}: opening it took over {WITHIN_S:.0f} s") from None
    try:
        answer: dict[str, Any] = json.loads((folder / ANSWER).read_bytes())
    except (OSError, ValueError):
        said = ended.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no word"]
        raise ImportRefused(
            f"{file.path}: the child that opened it ended with {ended.returncode}, beyond its "
            f"limits or by the file's doing ({said[0][:200]})"
        ) from None
    if "error" in answer:
        raise ImportRefused(f"{file.path}: {answer['error']}")
    return answer


def _bundle(
    folder: Path, answer: dict[str, Any], about: Manifest, times: tuple[int, int]
) -> tuple[Manifest, dict[str, bytes]]:
    """Return the manifest and the files, of what the child has written."""
    window, now_ms = times
    names, forest = tuple(answer["names"]), folder / FOREST
    is_forest = forest.exists()
    if is_forest:
        trees, network = forest.read_bytes(), _blank_network(len(names))
    else:
        trees, network = _blank_forest(len(names)), _network(folder / NETWORK, window)
    with np.load(folder / ANSWERS, allow_pickle=False) as cases:
        rows, windows, answers = cases["rows"], cases["windows"], cases["answers"]
    even = np.full_like(answers, 1.0 / 3.0, dtype=np.float64)
    spoken = class_probabilities(np.asarray(answers, dtype=np.float64)), class_probabilities(even)
    boosted, sequence = spoken if is_forest else spoken[::-1]
    files = {"forest.json": trees, "lstm.safetensors": network}
    manifest = Manifest(
        strategy=about.strategy,
        feature_set_id=FEATURE_SET_ID,
        feature_names=names,
        timeframe_ms=about.timeframe_ms,
        horizon_bars=about.horizon_bars,
        volatility_feature=about.volatility_feature,
        label_width=about.label_width,
        member_weights={"xgboost": float(is_forest), "lstm": float(not is_forest)},
        class_prior=about.class_prior,
        temperature=1.0,
        selection=ModelSelection(reason="an imported model has no specialists"),
        trained_from_ms=0,
        trained_to_ms=now_ms,  # nothing says when it was trained: no row is new to it
        seed=SEED,
        libraries=dict([answer["library"].split(" ")]),
        files=(
            model_file("forest", "forest.json", trees),
            model_file("lstm", "lstm.safetensors", network),
        ),
        parity=tuple(
            ParityCase(
                row=_known(rows[i]),
                window=tuple(map(_known, windows[i])),
                forest=boosted[i],
                lstm=sequence[i],
            )
            for i in range(len(rows))
        ),
    )
    return manifest, files


def _registered(
    manifest: Manifest,
    files: dict[str, bytes],
    origin: tuple[ModelRegistered, str],
    place: tuple[Path, int],
) -> ModelRegistered:
    (base, request_id), (models, now_ms) = origin, place
    folder = models / manifest.strategy / manifest.version
    model = ModelRegistered(
        strategy=manifest.strategy,
        model_version=manifest.version,
        request_id=request_id,
        event_time_ms=now_ms,
        timeframe_ms=manifest.timeframe_ms,
        symbols=base.symbols,
        left_out=base.left_out,
        trained_from_ms=manifest.trained_from_ms,
        trained_to_ms=manifest.trained_to_ms,
        feature_set_id=manifest.feature_set_id,
        feature_names=manifest.feature_names,
        horizon_bars=manifest.horizon_bars,
        uri=bundle_uri(folder),
        files=(*manifest.files, model_file("manifest", MANIFEST, manifest.encode())),
        metrics=ModelMetrics(
            rows=0,
            folds=0,
            log_loss=None,
            prior_log_loss=None,
            brier=None,
            accuracy=None,
            macro_f1=None,
            calibration_error=None,
        ),
        gates={"trained_here": False},
        qualified=False,
        regimes=tuple(
            regime.model_copy(update={"model_version": manifest.version}) for regime in base.regimes
        ),
        base_ms=base.base_ms,
        selection=manifest.selection,
    )
    _check_answers(write_model(models, manifest, files, {REGISTERED: model.encode()}), model)
    return model


def _check_answers(folder: Path, model: ModelRegistered) -> None:
    """Load the bundle as serving will, and store it; a model that answers otherwise is refused."""
    from workers.serving.slots import load_ensemble

    local = model.model_copy(update={"uri": folder.resolve().as_uri()})
    try:
        load_ensemble(local)
    except ArtifactError as error:
        shutil.rmtree(folder)
        raise ImportRefused(f"the converted model is not the file's: {error}") from None
    if is_remote(model.uri):
        publish(folder, model.uri)


def _network(path: Path, window: int) -> bytes:
    with np.load(path, allow_pickle=False) as tensors:
        held = {name: tensors[name] for name in tensors.files}
    inputs, hidden = held["lstm.weight_ih_l0"].shape[1], held["head.weight"].shape[1]
    layers = sum("weight_ih_l" in name for name in held)
    return write_lstm(
        LstmConfig(features=inputs, hidden=hidden, layers=layers, window=window), held
    )


def _blank_network(features: int) -> bytes:
    """Return a network that gives every class the same chance."""
    config = LstmConfig(features=features, hidden=1, layers=1, window=1)
    zeros = {name: np.zeros(shape, dtype=np.float32) for name, shape in config.shapes().items()}
    return write_lstm(config, zeros | {"input.scale": np.ones(features)})


def _blank_forest(features: int) -> bytes:
    """Return trees that give every class the same chance: none."""
    parameters = {"num_class": "3", "num_feature": str(features + 3), "base_score": "0E0"}
    model = {"gbtree_model_param": {"num_parallel_tree": "1", "num_trees": "0"}}
    learner = {
        "attributes": {},
        "gradient_booster": {
            "name": "gbtree",
            "model": {**model, "tree_info": [], "trees": [], "iteration_indptr": [0]},
        },
        "learner_model_param": parameters,
        "objective": {"name": "multi:softprob", "softmax_multiclass_param": {"num_class": "3"}},
    }
    return json.dumps({"learner": learner, "version": [3, 2, 0]}).encode()


def _known(row: NDArray[np.float64]) -> tuple[float | None, ...]:
    return tuple(None if np.isnan(value) else float(value) for value in row)
