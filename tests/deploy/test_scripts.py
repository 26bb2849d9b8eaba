"""The shell scripts: they parse, they can be run, and they know a uv that is too old."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ("deploy/run", "deploy/test", "deploy/bench", ".ci/run")


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_parse_and_can_be_run(name):
    subprocess.run(["bash", "-n", str(ROOT / name)], check=True)

    assert os.access(ROOT / name, os.X_OK)


@pytest.mark.parametrize(
    ("version", "expected"), [("0.12.99", 1), ("0.13.0", 0), ("0.13.8", 0), ("1.0.0", 0), ("", 1)]
)
def test_a_uv_that_is_too_old_is_passed_over(tmp_path, version, expected):
    uv = tmp_path / "uv"
    uv.write_text(f"#!/bin/sh\necho 'uv {version}'\n")
    uv.chmod(0o755)

    script = f"source {ROOT}/deploy/bootstrap; recent_uv {uv}"

    assert subprocess.run(["bash", "-c", script], check=False).returncode == expected


def test_the_uv_that_is_fetched_is_new_enough_and_pinned_by_hash():
    pinned = (ROOT / "deploy" / "uv.txt").read_text()
    oldest = re.search(r"oldest_uv=([\d.]+)", (ROOT / "deploy" / "bootstrap").read_text())
    version = re.search(r"uv==([\d.]+)", pinned)

    assert oldest is not None
    assert version is not None
    assert [int(n) for n in version[1].split(".")] >= [int(n) for n in oldest[1].split(".")]
    assert len(re.findall(r"--hash=sha256:[0-9a-f]{64}", pinned)) == 3


def test_scripts_work_from_any_folder(tmp_path):
    script = f'source {ROOT}/deploy/bootstrap; printf %s "$root"'

    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, check=True, capture_output=True)

    assert done.stdout.decode() == str(ROOT)


@pytest.mark.parametrize("failing", ["", "ruff", "mypy", "python", "pytest"])
def test_the_whole_check_fails_with_any_of_its_parts(tmp_path, failing):
    """Every program is a script that succeeds, but for one; nothing is installed."""
    (tmp_path / "deploy").mkdir()
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    shutil.copy(ROOT / "deploy" / "test", tmp_path / "deploy")
    bootstrap = f'root="{tmp_path}"\nsay() {{ printf "%s\\n" "$*"; }}\ninstall() {{ :; }}\n'
    (tmp_path / "deploy" / "bootstrap").write_text(bootstrap)
    for name in ("ruff", "mypy", "python", "pytest"):
        program = tmp_path / ".venv" / "bin" / name
        program.write_text(f"#!/bin/sh\nexit {int(name == failing)}\n")
        program.chmod(0o755)

    done = subprocess.run([tmp_path / "deploy" / "test", "--fast"], check=False)

    assert (done.returncode != 0) == (failing != "")
