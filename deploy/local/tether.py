"""Runs one program, and ends it when the parent process has ended.

    python -I tether.py PARENT_PID PROGRAM ARGUMENT...

Prints the program's process id, then waits. A killed parent cannot end its children, so this small
process does it: SIGTERM first, SIGKILL 10 s later. It runs alone (-I), without the project's code.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time

LOOK_EVERY_S = 0.3
GRACE_S = 10.0
PR_SET_PDEATHSIG = 1


def _die_with_tether() -> None:
    # Linux only; elsewhere a killed tether leaves the program running.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _watch(parent: int, program: subprocess.Popen[bytes]) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_EVERY_S)
    program.terminate()
    time.sleep(GRACE_S)
    program.kill()


def main() -> int:
    """Run the program to its end and return its exit code, 128 + signal when one ended it."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    linux = sys.platform == "linux"
    program = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        preexec_fn=_die_with_tether if linux else None,  # noqa: PLW1509 - one thread so far
    )
    signal.signal(signal.SIGTERM, lambda *_: program.terminate())
    print(program.pid, flush=True)  # noqa: T201 - the parent reads it
    threading.Thread(target=_watch, args=(parent, program), daemon=True).start()
    code = program.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
