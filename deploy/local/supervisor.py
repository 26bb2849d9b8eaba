"""Runs the pipeline's processes: starts them, restarts what dies or hangs, stops all of them.

Errors::

    SupervisorError
      +-- ProcessRefused    a process said that its configuration must change first
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from deploy.local.log_files import LogFile
from deploy.local.silence import Silence
from streams.runtime.environment import child_environment
from streams.runtime.settings import EXIT_REFUSED
from streams.runtime.wall_clock import wall_ms

if TYPE_CHECKING:
    from deploy.local.stalls import Stall

HEARTBEAT = "REGIMEFLOW_HEARTBEAT"  # the file that a process touches
STOP_WITHIN_S = 27.0  # the runtime drains within 25
RESTART_AFTER_S = 0.5
RESTART_AT_MOST_AFTER_S = 2.0
WORDS_WITHIN_S = 2.0  # of a process that has ended: until its last line is in its log
# A machine of few cores loads many processes no sooner at once than one after the other.
LOADING_AT_ONCE = 2 * (os.cpu_count() or 1)
LOADS_FOR_S = 15.0  # a process that has not beaten by then is waited for no longer
STEADY_S = 30.0  # a process that lived this long starts again without back-off

ONE_THREAD = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "NUMBA_NUM_THREADS",
    ),
    "1",
)
# What a process has freed goes back to the machine. By default glibc keeps it in an arena for each
# thread and in holes below 32 MB, and Arrow in a pool of its own: 100 MB of the archive alone.
LITTLE_MEMORY = {
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": "8388608",
    "MALLOC_TRIM_THRESHOLD_": "8388608",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
}
RESUMES = "none: it resumes from its last commit"
UTF_8 = {"PYTHONUTF8": "1", "PYTHONIOENCODING": "utf-8"}  # whatever the locale

log = structlog.get_logger()


class SupervisorError(Exception):
    """The processes cannot be run."""


class ProcessRefused(SupervisorError):
    """A process refused its configuration; the message is its own."""


@dataclass
class SupervisedProcess:
    """One supervised process and its recent past."""

    name: str
    log: LogFile
    silence: Silence
    popen: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    changed_ms: int = 0  # of its last start or end, wall clock
    last_exit_code: int | None = None  # of the life before this one; below 0 a signal
    last_end: str | None = None
    restarts: int = 0
    delay_s: float = RESTART_AFTER_S
    start_at: float = field(default=0.0)
    log_thread: threading.Thread | None = None
    ended_for: str = ""  # hung or stalled: why we killed it
    facts: dict[str, object] = field(default_factory=dict)

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self.popen is not None and self.popen.poll() is None

    @property
    def loading(self) -> bool:
        """Whether it has begun, and not yet given its first beat."""
        young = time.monotonic() - self.started_at < LOADS_FOR_S
        return self.running and young and not self.silence.file.exists()

    @property
    def state(self) -> str:
        """What it does: waits for its first start, runs or is about to start again."""
        if self.popen is not None:
            return "running"
        return "restarting" if self.restarts else "waiting"

    @property
    def life(self) -> dict[str, object]:
        """What an operator asks of it; changes only when it starts and when it has ended."""
        return {
            "state": self.state,
            "pid": None if self.popen is None else self.popen.pid,
            "since_ms": self.changed_ms,
            "restarts": self.restarts,
            "last_exit_code": self.last_exit_code,
            "last_end": self.last_end,
        }

    def last_words(self, count: int = 8) -> str:
        """Return the end of what it said in this life."""
        if self.log_thread is not None:
            self.log_thread.join(WORDS_WITHIN_S)
        return "\n".join([*self.log.last_words][-count:])


def process_command(name: str) -> list[str]:
    """Return how a process of the pipeline is started."""
    return [sys.executable, "-m", "deploy.process", name]


class Supervisor:
    """Keeps a set of named processes alive until told to stop."""

    def __init__(
        self,
        names: tuple[str, ...],
        logs: Path,
        environment: Mapping[str, str],
        command: Callable[[str], list[str]] = process_command,
        own: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        """Prepare the processes; ``own`` is what the environment of one has and no other's."""
        beats = logs.parent / "beats"
        self.children = tuple(
            SupervisedProcess(name, LogFile(logs, name), Silence(beats / name)) for name in names
        )
        self._command = command
        self._own = own or {}
        self._environment = child_environment(
            {**os.environ, **ONE_THREAD, **LITTLE_MEMORY, **UTF_8}, environment
        )

    def start(self) -> None:
        """Start every process at once."""
        for child in self.children:
            self._start(child)

    def watch(self, stop: threading.Event, each_s: float, look: Callable[[], None]) -> None:
        """Restart what dies or hangs until ``stop`` is set; call ``look`` between rounds.

        What has not been started is, a few at a time: the next one once one before it has loaded.

        Raises:
            ProcessRefused: A process said that starting it again would not help.
        """
        looked_s = time.monotonic()
        while not stop.wait(each_s):
            elapsed_s, looked_s = time.monotonic() - looked_s, time.monotonic()
            for child in self.children:
                _kill_if_hung(child, elapsed_s)
                self._revive(child)
            look()

    def end_stalled(self, stall: Stall) -> bool:
        """Kill a process that stands still, for the next round to start it again.

        Return whether it was: one that began while the stall was counted has its time before it.
        """
        child = next(child for child in self.children if child.name == stall.name)
        if not child.running or time.monotonic() - child.started_at < stall.seconds:
            return False
        _kill(child, "stalled", {"behind": stall.behind, "stood_s": round(stall.seconds, 1)})
        return True

    def stop(self) -> tuple[str, ...]:
        """End every process; return the names of those that had to be killed."""
        running = [child for child in self.children if child.running]
        for child in running:
            child.popen.terminate()  # type: ignore[union-attr]  # running implies a process
        deadline = time.monotonic() + STOP_WITHIN_S
        killed = []
        for child in running:
            try:
                child.popen.wait(max(deadline - time.monotonic(), 0.1))  # type: ignore[union-attr]  # as above
            except subprocess.TimeoutExpired:
                child.popen.kill()  # type: ignore[union-attr]  # as above
                child.popen.wait()  # type: ignore[union-attr]  # as above
                killed.append(child.name)
        return tuple(killed)

    def _revive(self, child: SupervisedProcess) -> None:
        if child.running:
            return
        now = time.monotonic()
        if child.popen is not None:
            if child.popen.returncode == EXIT_REFUSED:
                raise ProcessRefused(f"{child.name} refused to start:\n{child.last_words()}")
            steady = now - child.started_at > STEADY_S
            child.delay_s = (
                RESTART_AFTER_S if steady else min(2 * child.delay_s, RESTART_AT_MOST_AFTER_S)
            )
            child.restarts += 1
            child.changed_ms, child.last_exit_code = wall_ms(), child.popen.returncode
            child.last_end = child.ended_for or _cause_of_end(child.popen.returncode)
            _log_end(child, now)
            child.popen, child.start_at, child.ended_for = None, now + child.delay_s, ""
        loading = sum(each.loading for each in self.children)
        if now >= child.start_at and (child.restarts or loading < LOADING_AT_ONCE):
            self._start(child)

    def _start(self, child: SupervisedProcess) -> None:
        child.silence.begin()
        child.popen = subprocess.Popen(
            self._command(child.name),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={
                **self._environment,
                **self._own.get(child.name, {}),
                HEARTBEAT: str(child.silence.file),
            },
            # Ctrl-C reaches the supervisor alone, which then ends its children in good order.
            start_new_session=True,
        )
        assert child.popen.stdout is not None  # noqa: S101 - PIPE above
        child.log_thread = child.log.follow(child.popen.stdout)
        child.started_at, child.changed_ms = time.monotonic(), wall_ms()


def _kill_if_hung(child: SupervisedProcess, elapsed_s: float) -> None:
    """Kill a process whose main loop stands still; a stopped one hears no other signal."""
    if child.popen is not None and child.running and child.silence.look(elapsed_s):
        _kill(child, "hung", {"silent_s": round(child.silence.seconds, 1)})


def _kill(child: SupervisedProcess, why: str, facts: dict[str, object]) -> None:
    assert child.popen is not None  # noqa: S101 - the callers check
    child.ended_for, child.facts = why, facts
    child.popen.kill()
    child.popen.wait()


def _log_end(child: SupervisedProcess, now: float) -> None:
    assert child.popen is not None  # noqa: S101 - the caller checks
    ended_by = {"ended_by": _cause_of_end(child.popen.returncode)}
    facts: dict[str, object] = {
        "name": child.name,
        **(child.facts if child.ended_for else ended_by),
        "after_s": round(now - child.started_at, 1),
        "restarts": child.restarts,
    }
    if child.ended_for:
        hung = child.ended_for == "hung"
        log.warning("process.hung" if hung else "process.stalled", **facts, remedy=RESUMES)
    else:
        log.warning("process.restarted", **facts, remedy=RESUMES)


def _cause_of_end(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def interrupt_on_signals() -> None:
    """Let SIGTERM break off what is under way as Ctrl-C does: KeyboardInterrupt."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)


def stop_on_signals(stop: threading.Event) -> None:
    """Set the event on SIGINT and SIGTERM; a second one ends the process at once."""

    def ask(_number: int, _frame: object) -> None:
        if stop.is_set():
            os._exit(130)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ask)
