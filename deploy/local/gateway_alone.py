"""The gateway as one child process, without a supervisor."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from deploy.local.supervisor import (
    ONE_THREAD,
    STOP_WITHIN_S,
    UTF_8,
    SupervisorError,
    interrupt_on_signals,
)
from streams.runtime.environment import child_environment

ROOT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-m", "deploy.process", "gateway")
SOURCES = ("gateway", "schemas", "streams")  # what the gateway runs


def serve_gateway(settings: Mapping[str, str], *, reload: bool) -> None:
    """Run the gateway until Ctrl-C or SIGTERM; its log goes to standard error.

    Args:
        settings: Environment of the process, over ours.
        reload: Start it again whenever a source file changes.

    Raises:
        SupervisorError: It ended by itself.
    """
    environment = child_environment({**os.environ, **ONE_THREAD, **UTF_8}, settings)
    if reload:
        _serve_and_reload(environment)
        return
    interrupt_on_signals()
    child = subprocess.Popen(COMMAND, env=environment)
    try:
        code = child.wait()
    except KeyboardInterrupt:
        child.terminate()
        child.wait(STOP_WITHIN_S)
        return
    raise SupervisorError(f"the gateway ended with code {code}; its last line says why")


def _serve_and_reload(environment: Mapping[str, str]) -> None:
    from watchfiles import PythonFilter, run_process

    os.environ.clear()  # the process inherits ours
    os.environ.update(environment)
    run_process(
        *(ROOT / name for name in SOURCES),
        target=shlex.join(COMMAND),
        target_type="command",
        watch_filter=PythonFilter(),
        sigint_timeout=int(STOP_WITHIN_S),
    )
