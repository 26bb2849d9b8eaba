"""Kernels: the command knows every module that compiles, and what it compiled is found again."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deploy.local import kernels
from deploy.local.kernels import COMPILING, compile_kernels
from deploy.local.supervisor import SupervisorError

COMPILED = f"print('{COMPILING}')\nprint('1 of 2 features')\nprint('2 of 2 lstm')"
ROOT = Path(__file__).resolve().parents[3]
CHECK = """
import sys
from deploy.local.kernels import main
main()
print(*sorted(sys.modules), sep="\\n")
"""


def prepared():
    done = subprocess.run(
        [sys.executable, "-c", CHECK],
        cwd=ROOT,
        env=os.environ | {"NUMBA_DEBUG_CACHE": "1"},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def test_every_module_with_a_kernel_is_prepared_and_cached_and_compiling_is_told():
    output = prepared()
    again = prepared() if "data saved" in output else output

    with_kernels = {
        path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
        for folder in ("streams", "workers")
        for path in (ROOT / folder).rglob("*.py")
        if "from numba import" in path.read_text()
    }
    assert with_kernels <= set(again.splitlines())
    assert "data loaded" in again
    assert "data saved" not in again
    assert ("data saved" in output) == (COMPILING in output.splitlines())
    assert COMPILING not in again.splitlines()


@pytest.fixture
def compiler(monkeypatch, tmp_path):
    """Stand in for the compiler: a program of one line, changed by the test."""
    program = [COMPILED]
    started: list[str] = []
    real = subprocess.Popen

    def start(_: object, **options: Any) -> Any:
        started.append(program[0])
        return real([sys.executable, "-c", program[0]], **options)

    monkeypatch.setattr(subprocess, "Popen", start)
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setattr(kernels, "ROOT", tmp_path)  # no test clears the caches of this checkout
    return program, started


def test_kernels_are_compiled_once_for_the_same_code_and_say_how_far_they_are(compiler):
    steps: list[tuple[str, float | None]] = []

    for _home in range(2):
        compile_kernels(lambda text, done=None: steps.append((text, done)))

    assert len(compiler[1]) == 1
    assert steps == [
        ("compiling kernels (once)", None),
        ("kernels: 1 of 2 features", 0.0),  # named while they compile
        ("kernels: 2 of 2 lstm", 0.5),
        ("kernels compiled in 0 s", None),
    ]


def test_nothing_is_called_compiled_that_was_in_the_cache(compiler):
    compiler[0][0] = COMPILED.replace(f"print('{COMPILING}')\n", "")
    steps: list[str] = []

    compile_kernels(lambda text, _=None: steps.append(text))

    assert len(compiler[1]) == 1
    assert not [step for step in steps if "compil" in step]


def test_a_cleared_cache_is_noticed(tmp_path, compiler):
    compile_kernels(lambda *_: None)
    shutil.rmtree(tmp_path / "deploy" / "local" / "__pycache__")

    compile_kernels(lambda *_: None)

    assert len(compiler[1]) == 2


def test_a_cache_that_cannot_be_written_ends_no_run(tmp_path, compiler):
    (tmp_path / "deploy").write_text("no folder")

    compile_kernels(lambda *_: None)

    assert len(compiler[1]) == 1


def test_kernels_that_failed_to_compile_say_why_and_are_tried_again(compiler):
    compiler[0][0] = "raise SystemExit('no space left')"

    for _ in range(2):
        with pytest.raises(SupervisorError, match=r"exit code 1.*\nno space left"):
            compile_kernels(lambda *_: None)

    assert len(compiler[1]) == 4  # each time once more without the machine code on disk


def test_machine_code_of_an_older_version_is_thrown_away_and_made_anew(tmp_path, compiler):
    stale = tmp_path / "workers" / "models" / "__pycache__" / "forest.grow-12.py311.nbi"
    stale.parent.mkdir(parents=True)
    stale.touch()
    compiler[0][0] = f"import os, sys; sys.exit(os.path.exists({str(stale)!r}))"

    compile_kernels(lambda *_: None)

    assert len(compiler[1]) == 2
    assert not stale.exists()


@pytest.mark.usefixtures("compiler")
def test_machine_code_goes_when_any_kernel_has_changed_and_stays_when_other_code_has():
    folder = kernels.ROOT / "workers" / "__pycache__"
    folder.mkdir(parents=True)
    kernel, other, code = (
        folder.parent / "kernel.py",
        folder.parent / "other.py",
        folder / "caller.f-1.py311.nbi",
    )
    kernel.write_text("@njit\ndef f(): ...")
    kernels.drop_stale_code()
    code.touch()

    other.write_text("x = 1")
    kernels.drop_stale_code()
    stays = code.exists()
    kernel.write_text("@njit\ndef f(): return 1")
    kernels.drop_stale_code()

    assert stays
    assert not code.exists()
