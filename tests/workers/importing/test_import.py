"""A file of another maker becomes a bundle with its own answers, or is refused in one sentence."""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.fakes.small_models import NAMES, WINDOW, small_model
from workers.importing import sandbox, unpickle
from workers.importing.convert import ImportedFile, ImportRefused, import_model
from workers.models.artifact import read_model
from workers.serving.slots import load_ensemble

NOW = 1_700_000_000_000


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return small_model(tmp_path_factory.mktemp("base"))


def data(features=3):
    rng = np.random.default_rng(0)
    rows = rng.normal(5.0, 2.0, size=(300, features))
    return rows, np.where(rows[:, 0] > 6, 2, np.where(rows[:, 0] < 4, 0, 1))


def written(path: Path, held: object) -> Path:
    path.write_bytes(pickle.dumps(held))
    return path


def classifier(**options):
    from xgboost import XGBClassifier

    return XGBClassifier(n_estimators=5, max_depth=3, n_jobs=1, **options)


def imported(file: ImportedFile, base, tmp_path):
    return import_model(file, base, tmp_path / "models", NOW)


@pytest.fixture
def _in_this_process(monkeypatch):
    """The child's work without a child, which takes seconds to begin."""

    def run(*_: object, cwd: Path, **__: object) -> subprocess.CompletedProcess[bytes]:
        with contextlib.chdir(cwd):
            unpickle.main()
        return subprocess.CompletedProcess((), 0)

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(sandbox, "enter", lambda _: None)


def test_a_pipeline_of_scaler_and_xgboost_answers_as_it_did_and_is_unqualified(base, tmp_path):
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows, classes = data()
    pipeline = make_pipeline(StandardScaler(), classifier()).fit(rows, classes)
    path = written(tmp_path / "xgb_BTC-USD.pkl", pipeline)

    model = imported(ImportedFile(path, NAMES[:3]), base, tmp_path)

    assert not model.qualified
    assert model.gates == {"trained_here": False}
    assert {regime.model_version for regime in model.regimes} <= {model.model_version}
    loaded = load_ensemble(model)
    assert loaded.manifest.member_weights == {"xgboost": 1.0, "lstm": 0.0}
    seen = np.hstack((rows[:, [0, 1, 2]], np.full((300, len(loaded.manifest.feature_names)), 0.3)))
    answers = loaded.members(
        loaded.forest_rows(seen), loaded.network.prepare(np.zeros((300, 1, 3)))
    )["xgboost"]
    np.testing.assert_allclose(answers, pipeline.predict_proba(rows), atol=1e-5)


@pytest.mark.usefixtures("_in_this_process")
def test_an_lstm_with_two_linear_layers_is_folded_where_nothing_stands_between(base, tmp_path):
    import torch

    class Theirs(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = torch.nn.LSTM(len(NAMES), 4, 2, batch_first=True)
            self.dense = torch.nn.Linear(4, 3)
            self.output = torch.nn.Linear(3, 3)

    torch.manual_seed(0)
    theirs = Theirs().eval()
    path = tmp_path / "best_model.pth"
    torch.save({"model_state_dict": theirs.state_dict()}, path)
    with pytest.raises(ImportRefused, match=r"two linear layers.*--activation none"):
        imported(ImportedFile(path), base, tmp_path)

    model = imported(ImportedFile(path, activation="none"), base, tmp_path)

    loaded = load_ensemble(model)
    windows = np.random.default_rng(1).normal(size=(5, WINDOW, len(NAMES)))
    with torch.inference_mode():
        outputs = theirs.lstm(torch.from_numpy(windows.astype(np.float32)))[0][:, -1]
        expected = torch.softmax(theirs.output(theirs.dense(outputs)), -1).numpy()
    rows = np.hstack((windows[:, -1], np.full((5, 3), 1 / 3)))
    answers = loaded.members(loaded.forest_rows(rows), loaded.network.prepare(windows))["lstm"]
    np.testing.assert_allclose(answers, expected, atol=1e-6)
    assert read_model(model)[0].libraries.keys() == {"torch"}


class Malicious:
    def __reduce__(self):
        return os.system, ("true",)


@pytest.mark.usefixtures("_in_this_process")
def test_a_pickle_that_would_run_code_is_refused_and_runs_none(base, tmp_path):
    path = written(tmp_path / "evil.pkl", {"model": Malicious()})

    with pytest.raises(ImportRefused, match=r"evil.pkl: it needs posix.system, which is not taken"):
        imported(ImportedFile(path), base, tmp_path)

    assert not (tmp_path / "models").exists()


@pytest.mark.usefixtures("_in_this_process")
@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("model.onnx", b"x", r"is no .pkl, .joblib, .pth, .pt file"),
        ("model.pkl", b"", r"has 0 bytes"),
        ("model.pkl", b"not a pickle", r"it is no pickle"),
        ("model.pkl", pickle.dumps([1, 2])[:-4], r"it is damaged"),
        ("model.pkl", pickle.dumps([1, 2]), r"it holds a list, expected an XGBoost model"),
        ("gone.pkl", None, r"cannot be read: No such file"),
    ],
)
def test_a_file_without_a_model_is_refused_with_what_it_is(base, tmp_path, name, content, message):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ImportRefused, match=message):
        imported(ImportedFile(path), base, tmp_path)


@pytest.mark.usefixtures("_in_this_process")
@pytest.mark.parametrize(
    ("features", "binary", "message"),
    [
        (("rsi_14", "natr_14"), False, "3 features, and 2 names are known"),
        (("rsi_14", "natr_14", "moon_phase"), False, "moon_phase are not made here"),
        (NAMES[:3], True, "binary:logistic of 2 classes, expected multi:softprob of 3"),
    ],
)
def test_a_forest_that_does_not_fit_is_refused_with_both_sides(
    base, tmp_path, features, binary, message
):
    rows, classes = data()
    path = written(tmp_path / "a.pkl", classifier().fit(rows, classes > 1 if binary else classes))

    with pytest.raises(ImportRefused, match=message):
        imported(ImportedFile(path, features), base, tmp_path)


ATTEMPTS = {
    "a socket": "import socket; socket.socket()",
    "a program": "import subprocess; subprocess.run(['true'])",
    "a process": "import os; os.fork()",
    "a file elsewhere": "open('/tmp/regimeflow-elsewhere', 'w')",
    "a removal": "import os; os.remove('kept')",
    "much memory": "bytearray(5 << 30)",
    "a kernel call for a socket": "import ctypes; assert libc.socket(2, 1, 0) == -1; raise OSError",
    "a kernel call for a process": "assert libc.fork() == -1; raise OSError",
}


@pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is of Linux")
def test_the_sandbox_takes_network_programs_files_and_memory_away(tmp_path):
    (tmp_path / "kept").write_text("x")
    lines = [
        "import ctypes, os, socket, subprocess",
        "from pathlib import Path",
        "from workers.importing import sandbox",
        "libc = ctypes.CDLL(None)",
        "libc.socket, libc.fork",
        "sandbox.enter(Path.cwd())",
        "import threading; thread = threading.Thread(target=print); thread.start(); thread.join()",
        "Path('inside').write_text('x')",
        f"for what, code in {ATTEMPTS!r}.items():",
        "    try:",
        "        exec(code)",
        "    except (OSError, MemoryError):",
        "        continue",
        "    raise SystemExit(f'{what} was not refused')",
    ]
    command = [sys.executable, "-I", "-c", "\n".join(lines)]

    ended = subprocess.run(command, cwd=tmp_path, env={}, capture_output=True, check=False)

    assert (ended.returncode, ended.stderr.decode()) == (0, "")
    assert (tmp_path / "inside").exists()
