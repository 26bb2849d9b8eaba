"""A program on a terminal of its own, and what it shows there."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Mapping


def shown_on_terminal(*arguments: str, **environment: str) -> str:
    """Run Python with arguments, both outputs on a terminal of 80 columns; return what it shows.

    Raises:
        AssertionError: Its exit code is not 0.
    """
    terminal, end = pty.openpty()
    variables: Mapping[str, str] = {"TERM": "xterm", "COLUMNS": "80", **environment}
    process = subprocess.Popen(
        [sys.executable, *arguments], stdout=end, stderr=end, env={**os.environ, **variables}
    )
    os.close(end)
    shown = b""
    try:
        while part := os.read(terminal, 65_536):
            shown += part
    except OSError:  # the other end is closed
        pass
    os.close(terminal)
    assert process.wait() == 0, shown.decode()
    return shown.decode()
