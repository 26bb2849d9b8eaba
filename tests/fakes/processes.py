"""Waiting for processes that a test did not start itself."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path


def ends(pid: int, within_s: float) -> bool:
    """Return whether a process ends in time; a zombie counts as ended."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
            if sys.platform == "linux" and ") Z " in Path(f"/proc/{pid}/stat").read_text():
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.02)
    return False
