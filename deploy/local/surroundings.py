"""What a run needs of the machine, tried as the run will use it: its home, loopback, semaphores."""

from __future__ import annotations

import errno
import multiprocessing
import os
import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path

from deploy.local.ports import LOOPBACK
from deploy.local.supervisor import SupervisorError

SEMAPHORES = "/dev/shm"  # noqa: S108 - where the C library keeps them, named for people
PROBE_BYTES = 65_536
ANSWER_WITHIN_S = 2.0


@dataclass(frozen=True)
class Problem:
    """What cannot work, and what mends it."""

    what: str
    mend: str

    def __str__(self) -> str:
        """Return both as one sentence."""
        return f"{self.what}; {self.mend}"


def home_problem(home: Path) -> Problem | None:
    """Write a file where the home is, or will be, and remove it; return why that cannot be."""
    mend = "make it writable and free some space, or set REGIMEFLOW_HOME to another folder"
    folder = home
    try:
        folder = existing_folder(home)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(PROBE_BYTES))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return Problem(f"the home {home} cannot be written at {folder}: {error.strerror}", mend)
    return None


def existing_folder(home: Path) -> Path:
    """Return the home, or the nearest folder above it that exists; raises OSError."""
    return next(path for path in (home, *home.parents) if path.exists())


def loopback_problem() -> Problem | None:
    """Listen on loopback and connect to it; return why that cannot be."""
    mend = f"bring up the loopback interface with {LOOPBACK}: ip link set lo up"
    try:
        with (
            socket.create_server((LOOPBACK, 0)) as server,
            socket.create_connection(server.getsockname(), ANSWER_WITHIN_S),
        ):
            return None
    except OSError as error:
        return Problem(f"{LOOPBACK} cannot be reached: {error.strerror or 'no answer'}", mend)


def port_problem(port: int) -> Problem | None:
    """Bind a port of loopback for a moment; return why that cannot be."""
    mend = "choose another with --port"
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                what = f"port {port} on loopback is taken"
                return Problem(what, f"stop what listens there, or {mend}")
            return Problem(f"port {port} on loopback cannot be used: {error.strerror}", mend)
    return None


def semaphore_problem() -> Problem | None:
    """Make the semaphore of a child process; return why that cannot be."""
    mend = f"mount it writable: mount -t tmpfs tmpfs {SEMAPHORES}"
    try:
        multiprocessing.get_context("spawn").Lock()
    except (OSError, ImportError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return Problem(f"{SEMAPHORES} takes no semaphores of child processes: {reason}", mend)
    return None


def require(problem: Problem | None) -> None:
    """Raise SupervisorError for a problem."""
    if problem is not None:
        raise SupervisorError(str(problem))
