"""A peer that cannot share our environment: a script with its own lock, asked line by line."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

# nautilus_trader has no wheel for Python 3.11 since 1.221.0. Its newest has its own interpreter;
# where none is installed, uv takes ours and the version that fits it. The rows name which.
NEWEST_NAUTILUS_PYTHON = ">=3.12,<3.15"

ROOT = Path(__file__).resolve().parents[2]


class PeerProcess:
    """A running script of this folder; it answers each line with a line."""

    def __init__(self, script: str, python: str | None = None) -> None:
        """Start a script; ``python`` names the interpreters to prefer, such as ``>=3.12``."""
        self._uv = shutil.which("uv") or str(ROOT / ".uv" / "bin" / "uv")
        self._environment = os.environ | {"PATH": search_path()}
        chosen = self._interpreter(python) if python else []
        command = [self._uv, "run", "--quiet", "--locked", *chosen, "--script"]
        self._child = subprocess.Popen(
            [*command, Path(__file__).with_name(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=self._environment,
        )

    def ask(self, line: object) -> str:
        """Return the answer to a line; OSError where the process has ended."""
        assert self._child.stdin is not None
        self._child.stdin.write(f"{line}\n")
        self._child.stdin.flush()
        return self.answer()

    def answer(self) -> str:
        """Return the next line of the process."""
        assert self._child.stdout is not None
        if line := self._child.stdout.readline():
            return line.rstrip("\n")
        raise OSError(f"its process ended with {self._child.wait(10)}")

    def stop(self) -> None:
        """End the process."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.close()
        self._child.wait(10)
        self._child.stdout.close()

    def _interpreter(self, python: str) -> list[str]:
        """Return the option that names an installed interpreter; none where there is none."""
        search = subprocess.run(
            [self._uv, "python", "find", "--no-project", python],
            capture_output=True,
            text=True,
            check=False,
            env=self._environment,
        )
        return ["--python", search.stdout.strip()] if search.returncode == 0 else []


def search_path() -> str:
    """Return PATH and the interpreters that pyenv keeps, which its shims do not show to uv."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    folders = sorted(map(str, pyenv.glob("versions/*/bin")))
    return os.pathsep.join((os.environ.get("PATH", os.defpath), *folders))


def not_run(title: str, peer: str, error: OSError) -> dict[str, object]:
    """Return the row of a race whose peer cannot be started."""
    return {"name": title, "peer": f"{peer}: not run, {error}"} | {
        "ratio": 0.0,
        "spread": 0.0,
        "bar": 0.0,
        "holds": False,
    }
