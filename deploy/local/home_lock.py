"""One holder per folder, named: an advisory lock that ends with the processes that hold it."""

from __future__ import annotations

import fcntl
import json
import os
import time
from pathlib import Path
from typing import IO

from deploy.local.errors import HomeInUseError

ORPHAN_WITHIN_S = 15.0  # a broker whose parent was killed ends within this


class HomeLock:
    """An exclusive lock on a file that says who holds it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[str] | None = None

    def take(self) -> None:
        """Take it, or raise HomeInUseError; waits for the broker of a killed holder to end."""
        if self._file is not None:
            return
        file = self._path.open("a+")
        deadline = time.monotonic() + ORPHAN_WITHIN_S
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pid = holder(self._path).get("pid")
                if (isinstance(pid, int) and _alive(pid)) or time.monotonic() > deadline:
                    file.close()
                    raise HomeInUseError(
                        f"{self._path.parent} is in use by process {pid}. Stop that run "
                        "(regimeflow stop), or set REGIMEFLOW_HOME to another folder for this one."
                    ) from None
                time.sleep(0.1)
            else:
                break
        self._file = file
        self.describe(None)

    def describe(self, bootstrap: str | None) -> None:
        """Write who holds it and where the broker listens, for other processes to read."""
        assert self._file is not None, "take it first"  # noqa: S101 - an internal order
        self._file.seek(0)
        self._file.truncate()
        self._file.write(json.dumps({"pid": os.getpid(), "bootstrap": bootstrap}))
        self._file.flush()

    def fileno(self) -> int:
        """Descriptor to hand to a child, so that it holds the lock too."""
        assert self._file is not None, "take it first"  # noqa: S101 - an internal order
        return self._file.fileno()

    def release(self) -> None:
        """Let go. A child that was handed the descriptor holds on until it ends."""
        if self._file is not None:
            self._file.seek(0)
            self._file.truncate()
            self._file.close()
            self._file = None


def holder(path: Path) -> dict[str, object]:
    """What the holder of a lock file wrote, ``pid`` and ``bootstrap``; empty when none holds it."""
    try:
        with path.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                written = json.loads(file.read())
                return written if isinstance(written, dict) else {}
    except (OSError, ValueError):
        pass
    return {}


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
