"""Opens one file of another maker and writes plain arrays. The only file that unpickles.

It runs in a process of its own, with ``sandbox`` around it: no network, no other program, bounded
memory and time, an empty environment, one folder. Of a pickle it takes the classes of the table
below and no other, so that no function of a file's choice is called. ``convert`` starts it.

    <folder>/asked.json, cases.npz, model.*, scaler.pkl
      -->  answer.json, answers.npz, forest.json | network.npz
"""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.importing import sandbox

ASKED, CASES, MODEL, SCALER = "asked.json", "cases.npz", "model", "scaler.pkl"
ANSWER, ANSWERS, FOREST, NETWORK = "answer.json", "answers.npz", "forest.json", "network.npz"
CLASSES, REGIMES = 3, 3
LIMIT = 10.0  # of standardised inputs, as the compiled network has it
WRAPPED = ("model", "estimator", "classifier", "booster", "state_dict", "model_state_dict")
NUMPY = ("numpy.core", "numpy._core")
ALLOWED = {
    ("xgboost.sklearn", "XGBClassifier"),
    ("xgboost.core", "Booster"),
    ("sklearn.pipeline", "Pipeline"),
    ("sklearn.preprocessing._data", "StandardScaler"),
    ("joblib.numpy_pickle", "NumpyArrayWrapper"),
    ("collections", "OrderedDict"),
    ("builtins", "bytearray"),
    ("_codecs", "encode"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    *((f"{root}.multiarray", name) for root in NUMPY for name in ("_reconstruct", "scalar")),
    *((f"{root}.numeric", "_frombuffer") for root in NUMPY),
}

Array = NDArray[np.floating[Any]]


class Unusable(ValueError):
    """The file holds no model that can be converted; the message says what it holds."""


def main() -> None:
    """Convert the file of the folder that this process stands in; write the answer."""
    folder = Path.cwd()
    asked = json.loads((folder / ASKED).read_text())
    try:
        answer = _convert(folder, asked)
    except (Unusable, sandbox.NoSandbox) as error:
        answer = {"error": str(error)}
    except Exception as error:  # noqa: BLE001 - whatever a file of another maker brings about
        answer = {"error": f"it cannot be read ({type(error).__name__}: {error})"}
    (folder / ANSWER).write_text(json.dumps(answer))


def _convert(folder: Path, asked: dict[str, Any]) -> dict[str, Any]:
    # What is imported once the sandbox is entered could need what it refuses.
    import joblib.numpy_pickle  # noqa: F401
    import sklearn.pipeline
    import sklearn.preprocessing  # noqa: F401

    path = folder / f"{MODEL}{asked['suffix']}"
    if asked["suffix"] == ".pkl":
        import xgboost  # noqa: F401

        sandbox.enter(folder)
        return _forest(folder, unpickle(path), asked)
    import torch

    sandbox.enter(folder)
    # Torch's own reader of tensors alone: it calls nothing that a file names.
    return _network(folder, torch.load(path, map_location="cpu", weights_only=True), asked)


def unpickle(path: Path) -> Any:
    """Return what a pickle or joblib file holds, of allowed classes alone."""
    from joblib.numpy_pickle import NumpyUnpickler

    class Careful(NumpyUnpickler):
        def find_class(self, module: str, name: str) -> Any:
            if (module, name) not in ALLOWED:
                raise Unusable(
                    f"it needs {module}.{name}, which is not taken: expected an XGBClassifier, a "
                    "Booster, or a Pipeline of a StandardScaler and one of them"
                )
            return super().find_class(module, name)

    with path.open("rb") as file:
        if file.read(1) != pickle.PROTO:
            raise Unusable("it is no pickle; a compressed joblib file is saved with compress=0")
        file.seek(0)
        try:
            return Careful(str(path), file, ensure_native_byte_order=False).load()
        except (pickle.UnpicklingError, EOFError, IndexError, KeyError) as error:
            raise Unusable(f"it is damaged ({error})") from None


def _forest(folder: Path, held: Any, asked: dict[str, Any]) -> dict[str, Any]:
    """Write an XGBoost model as JSON for raw features, and what xgboost answers."""
    import xgboost

    held, scaling = _without_scaler(held, folder)
    booster = held.get_booster() if hasattr(held, "get_booster") else held
    if not isinstance(booster, xgboost.Booster):
        raise Unusable(f"it holds a {type(held).__name__}, expected an XGBoost model")
    best = booster.attr("best_iteration")
    model = json.loads((booster if best is None else booster[: int(best) + 1]).save_raw("json"))
    learner = model["learner"]
    shape, objective = learner["learner_model_param"], learner["objective"]
    if not objective["name"].startswith("multi:soft") or int(shape["num_class"]) != CLASSES:
        raise Unusable(
            f"its objective is {objective['name']} of {max(int(shape['num_class']), 2)} classes, "
            "expected multi:softprob of 3: sell, neutral, buy"
        )
    names = _names(list(booster.feature_names or ()), int(shape["num_feature"]), asked)
    used = _with_volatility(names, asked)
    objective["name"] = "multi:softprob"
    learner |= {"feature_names": [], "feature_types": [], "attributes": {}}
    shape["num_feature"] = str(len(used) + REGIMES)
    if scaling is not None:
        _fold_scaling(learner["gradient_booster"]["model"]["trees"], scaling)
    content = json.dumps(model).encode()
    (folder / FOREST).write_bytes(content)
    windows, regimes = _cases(folder, used, asked)
    rows = np.hstack((windows[:, -1], regimes))
    answering = xgboost.Booster({"nthread": 1})
    answering.load_model(bytearray(content))
    answers = answering.inplace_predict(rows.astype(np.float32))
    np.savez(folder / ANSWERS, rows=rows, windows=windows, answers=answers)
    return {"names": used, "library": f"xgboost {xgboost.__version__}"}


def _without_scaler(held: Any, folder: Path) -> tuple[Any, tuple[Array, Array] | None]:
    """Return a model and the mean and scale of the scaler before it, if there is one."""
    scaler = unpickle(folder / SCALER) if (folder / SCALER).exists() else None
    if type(held).__name__ == "Pipeline":
        steps = [step for _, step in held.steps]
        if len(steps) > 2 or (len(steps) == 2 and scaler is not None):
            raise Unusable(f"its pipeline has {len(steps)} steps, expected a scaler and a model")
        held, scaler = steps[-1], steps[0] if len(steps) == 2 else scaler
    if isinstance(held, dict):
        held = next((held[name] for name in WRAPPED if name in held), held)
    return held, None if scaler is None else _scaling(scaler)


def _scaling(scaler: Any) -> tuple[Array, Array]:
    if type(scaler).__name__ != "StandardScaler":
        raise Unusable(f"its scaler is a {type(scaler).__name__}, expected a StandardScaler")
    count = int(scaler.n_features_in_)
    mean = np.zeros(count) if scaler.mean_ is None else np.asarray(scaler.mean_, np.float64)
    scale = np.ones(count) if scaler.scale_ is None else np.asarray(scaler.scale_, np.float64)
    return mean, scale


def _fold_scaling(trees: list[dict[str, Any]], scaling: tuple[Array, Array]) -> None:
    """Let splits on scaled features be splits on raw ones: scaled < t is raw < t scale + mean."""
    mean, scale = scaling
    for tree in trees:
        for node, left in enumerate(tree["left_children"]):
            if left >= 0:
                feature = tree["split_indices"][node]
                raw = tree["split_conditions"][node] * scale[feature] + mean[feature]
                tree["split_conditions"][node] = float(np.float32(raw))


def _network(folder: Path, state: Any, asked: dict[str, Any]) -> dict[str, Any]:
    """Write the tensors of an LSTM with one linear head, and what torch answers."""
    import torch

    for name in WRAPPED:
        if isinstance(state, dict) and isinstance(state.get(name), dict):
            state = state[name]
    if not isinstance(state, dict) or not all(torch.is_tensor(t) for t in state.values()):
        raise Unusable("it holds no state dict: save model.state_dict()")
    tensors = {name: tensor.double().numpy() for name, tensor in state.items()}
    prefix = next(
        (n.removesuffix("weight_ih_l0") for n in tensors if n.endswith("weight_ih_l0")), ""
    )
    layered = {n: t for n, t in tensors.items() if prefix and n.startswith(prefix)}
    if not layered or any(n.endswith("_reverse") or "weight_hr" in n for n in layered):
        raise Unusable(f"it holds {', '.join(sorted(tensors)) or 'nothing'}, expected a plain LSTM")
    weight, bias = _head({n: t for n, t in tensors.items() if n not in layered}, asked)
    names = _names([], layered[f"{prefix}weight_ih_l0"].shape[1], asked)
    used = _with_volatility(names, asked)
    made = {f"lstm.{n.removeprefix(prefix)}": t for n, t in layered.items()}
    extra = len(used) - len(names)  # inputs that the network does not look at
    made["lstm.weight_ih_l0"] = np.pad(made["lstm.weight_ih_l0"], ((0, 0), (0, extra)))
    made |= {"head.weight": weight, "head.bias": bias}
    made = {name: tensor.astype(np.float32) for name, tensor in made.items()}
    scaler = folder / SCALER
    mean, scale = _scaling(unpickle(scaler)) if scaler.exists() else (np.zeros(0), np.ones(0))
    if len(mean) not in (0, len(names)):
        raise Unusable(f"its scaler has {len(mean)} features, the network {len(names)}")
    mean = np.pad(mean, (0, len(used) - len(mean)))
    scale = np.pad(scale, (0, len(used) - len(scale)), constant_values=1.0)
    tensors = {**made, "input.mean": mean, "input.scale": scale}
    np.savez(folder / NETWORK, allow_pickle=False, **tensors)
    windows, regimes = _cases(folder, used, asked)
    scaled = np.clip(np.nan_to_num((windows - mean) / scale), -LIMIT, LIMIT)
    layers = sum("weight_ih_l" in name for name in made)
    network = torch.nn.LSTM(len(used), weight.shape[1], layers, batch_first=True)
    network.load_state_dict(
        {n.removeprefix("lstm."): torch.from_numpy(t) for n, t in made.items() if n[:5] == "lstm."}
    )
    with torch.inference_mode():
        outputs, _ = network(torch.from_numpy(scaled.astype(np.float32)))
        logits = outputs[:, -1] @ torch.from_numpy(made["head.weight"]).T
        logits = logits + torch.from_numpy(made["head.bias"])
        answers = torch.softmax(logits.double(), -1).numpy()
    rows = np.hstack((windows[:, -1], regimes))
    np.savez(folder / ANSWERS, rows=rows, windows=windows, answers=answers)
    return {"names": used, "library": f"torch {torch.__version__}"}


def _head(others: dict[str, Array], asked: dict[str, Any]) -> tuple[Array, Array]:
    """Return weight and bias of the layers behind the LSTM, as one linear layer of 3 classes."""
    stems = [name.removesuffix(".weight") for name in others if name.endswith(".weight")]
    flat = [others[f"{stem}.weight"].ndim == 2 and f"{stem}.bias" in others for stem in stems]
    if len(stems) not in (1, 2) or not all(flat) or len(others) != 2 * len(stems):
        raise Unusable(
            f"behind its LSTM it has {', '.join(sorted(others)) or 'nothing'}, expected one or two "
            "linear layers"
        )
    weights = [others[f"{stem}.weight"] for stem in stems]
    biases = [others[f"{stem}.bias"] for stem in stems]
    if len(stems) == 2 and asked["activation"] != "none":
        raise Unusable(
            "it has two linear layers, and no file says what stands between them: with nothing "
            "there (dropout counts as nothing) say --activation none; others are not taken"
        )
    if len(stems) == 2:
        weights, biases = [weights[1] @ weights[0]], [weights[1] @ biases[0] + biases[1]]
    if len(biases[0]) != CLASSES:
        raise Unusable(f"it answers {len(biases[0])} classes, expected 3: sell, neutral, buy")
    return weights[0], biases[0]


def _names(own: list[str], features: int, asked: dict[str, Any]) -> list[str]:
    """Return the names of a model's features in its order."""
    names = list(own or asked["names"])
    if asked["named"]:
        names = list(asked["names"])
    if len(names) != features:
        raise Unusable(
            f"it has {features} features, and {len(names)} names are known: give them in its order "
            "with --features FILE, a JSON list"
        )
    if unknown := sorted(set(names) - set(asked["known"])):
        raise Unusable(f"its features {', '.join(unknown)} are not made here: see `features list`")
    return names


def _with_volatility(names: list[str], asked: dict[str, Any]) -> list[str]:
    """Return the features of the bundle: the model's, and the one that its labels need."""
    return names if asked["volatility"] in names else [*names, asked["volatility"]]


def _cases(folder: Path, names: list[str], asked: dict[str, Any]) -> tuple[Array, Array]:
    """Return windows of some features, NaN where none is known, and regime posteriors."""
    with np.load(folder / CASES, allow_pickle=False) as cases:
        windows, regimes = cases["windows"], cases["regimes"]
    picked = np.full((*windows.shape[:2], len(names)), np.nan)
    for place, name in enumerate(names):
        if name in asked["columns"]:
            picked[:, :, place] = windows[:, :, asked["columns"].index(name)]
    return picked, regimes
