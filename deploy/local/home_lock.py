"""An advisory lock of a folder: it names its holder, and ends with the processes that hold it."""

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
    """An exclusive lock on a file that names the process that holds it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[str] | None = None

    def take(self) -> None:
        """Take the lock; wait for the broker of a killed holder to end.

        Raises:
            HomeInUseError: A live process holds it.
        """
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
        """Write this process and the broker's address into the file, for other processes."""
        assert self._file is not None, "take it first"  # noqa: S101 - an internal order
        self._file.seek(0)
        self._file.truncate()
        self._file.write(json.dumps({"pid": os.getpid(), "bootstrap": bootstrap}))
        self._file.flush()

    def fileno(self) -> int:
        """Return the descriptor; a child that inherits it holds the lock too."""
        assert self._file is not None, "take it first"  # noqa: S101 - an internal order
        return self._file.fileno()

    def release(self) -> None:
        """Release the lock; a child with the descriptor holds it until the child ends."""
        if self._file is not None:
            self._file.seek(0)
            self._file.truncate()
            self._file.close()
            self._file = None


def holder(path: Path) -> dict[str, object]:
    """Return ``pid`` and ``bootstrap`` of a lock's holder; empty when no process holds it."""
    try:
        with path.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                facts = json.loads(file.read())
                return facts if isinstance(facts, dict) else {}
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
