"""How long the log files of a home are kept: as many days as the environment says.

A log that is a third of that old begins anew, so that of four files none holds much older lines.
The size of a file is bounded besides, so a process that says much keeps less.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from deploy.local.log_files import OLDER_FILES, older_file, rotate

DAY_S = 86_400.0
LOOK_EVERY_S = 3_600.0


class LogRetention:
    """Removes what is too old, once an hour.

    Args:
        folder: Of the logs.
        days: How long lines are kept.
        clock: Seconds since the epoch.
    """

    def __init__(self, folder: Path, days: int, clock: Callable[[], float] = time.time) -> None:
        self._folder, self._kept_s, self._clock = folder, days * DAY_S, clock
        self._due_s = 0.0

    def keep_up(self) -> None:
        """Remove files that were last written too long ago, unless that was done in this hour."""
        now_s = self._clock()
        if now_s < self._due_s:
            return
        self._due_s = now_s + LOOK_EVERY_S
        for path in self._folder.glob("*.log"):
            with contextlib.suppress(OSError):  # a disk that fails is told of by what writes
                self._expire(path, now_s)

    def _expire(self, path: Path, now_s: float) -> None:
        began_s = first_line_s(path)
        if began_s is not None and now_s - began_s > self._kept_s / OLDER_FILES:
            rotate(path)
            path.touch()  # a process without one has no log
        for number in range(OLDER_FILES + 1):
            file = older_file(path, number)
            if file.exists() and now_s - file.stat().st_mtime > self._kept_s:
                file.unlink()


def first_line_s(path: Path) -> float | None:
    """Return when a log begins, in seconds since the epoch; None where its first line says none."""
    with path.open("rb") as file:
        line = file.readline()
    try:
        return datetime.fromisoformat(json.loads(line)["time"]).timestamp()
    except (ValueError, TypeError, KeyError):
        return None
