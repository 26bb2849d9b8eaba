"""Child processes: how a worker starts one, asks it to stop, and ends it."""

from __future__ import annotations

import atexit
import ctypes
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from workers.process import LogSettings, configure_logging, current_log, give_back_memory

SPAWN = multiprocessing.get_context("spawn")
NICENESS = 5  # signals do not wait for a job
POLL_S = 0.2
STOPS_WITHIN_S = 10.0  # a child that was asked to stop; then it is killed
LOOK_EVERY_S = 0.02


class SharedFlag:
    """A flag that a process shares with its children.

    It is one byte of shared memory without a lock. A lock would stay taken for ever when a process
    is killed while it holds it, as an event of ``multiprocessing`` does even to be looked at.
    """

    def __init__(self) -> None:
        self._byte = SPAWN.RawValue(ctypes.c_bool, False)  # noqa: FBT003 - the byte's first value

    def set(self) -> None:
        """Raise the flag."""
        self._byte.value = True

    def clear(self) -> None:
        """Lower the flag."""
        self._byte.value = False

    def is_set(self) -> bool:
        """Whether the flag is up."""
        return bool(self._byte.value)

    def wait(self, within_s: float) -> bool:
        """Wait until the flag is up, at most so long; return whether it is."""
        deadline_s = time.monotonic() + within_s
        while not self.is_set() and time.monotonic() < deadline_s:
            time.sleep(LOOK_EVERY_S)
        return self.is_set()


class Child:
    """A process that runs one function, and the pipe to it; it writes its parent's log.

    The child has a lower priority than its parent, ignores Ctrl-C, which its parent gets too, and
    ends when its parent is gone, however it went.

    Attributes:
        process: The child.
        channel: This end of the pipe; ``recv`` raises EOFError or OSError when the child has ended.
        stop: Set to ask the child to stop; its function looks at it.
    """

    def __init__(
        self, target: Callable[..., None], *arguments: object, niceness: int = NICENESS
    ) -> None:
        """Start ``target(channel, stop, *arguments)`` in a new process.

        Args:
            target: Function of a module; gets its end of the pipe and ``stop`` first.
            *arguments: What can be pickled, and flags.
            niceness: By how much the child's priority is lower than its parent's.
        """
        self.channel, theirs = SPAWN.Pipe()
        self.stop = SharedFlag()
        self.process = SPAWN.Process(
            target=_run, args=(target, current_log(), niceness, theirs, self.stop, *arguments)
        )
        self.process.start()
        theirs.close()
        atexit.register(self.kill)  # Python would wait for it

    def kill(self) -> None:
        """End the child now."""
        self.process.kill()
        self.process.join()
        atexit.unregister(self.kill)

    def finish(self, within_s: float = STOPS_WITHIN_S) -> None:
        """Ask the child to stop and wait for its end; a child that takes longer is killed."""
        self.stop.set()
        self.process.join(within_s)
        self.kill()


def _run(
    target: Callable[..., None],
    log: LogSettings,
    niceness: int,
    channel: Connection,
    stop: SharedFlag,
    *arguments: object,
) -> None:
    configure_logging(log)
    end_with_parent()
    give_back_memory()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(niceness)
    target(channel, stop, *arguments)


class ChildFailed(RuntimeError):
    """A child ended without a result, or was ended because nobody wanted its result any more."""


def call_in_child(
    function: Callable[..., Any],
    *arguments: object,
    cancelled: Callable[[], bool],
    niceness: int = NICENESS,
) -> Any:
    """Return what a function returns in a child process of its own, which is gone afterwards.

    Args:
        function: Function of a module; its arguments and result can be pickled.
        *arguments: Of the function.
        cancelled: Asked five times a second; once it is true the child is killed.
        niceness: By how much the child's priority is lower than its parent's.

    Raises:
        ChildFailed: The child was cancelled, or ended without a result.
        Exception: Whatever the function raises.
    """
    child = Child(_call, function, arguments, niceness=niceness)
    try:
        while not child.channel.poll(POLL_S):
            if cancelled():
                raise ChildFailed(f"{function.__name__} was cancelled")
        result, failure = child.channel.recv()
    except (EOFError, OSError):
        child.process.join()
        code = child.process.exitcode
        raise ChildFailed(f"{function.__name__} ended with exit code {code}") from None
    finally:
        child.kill()
        child.channel.close()
    if failure is not None:
        raise failure
    return result


def _call(
    channel: Connection, _: SharedFlag, function: Callable[..., Any], arguments: tuple[object, ...]
) -> None:
    outcome: tuple[Any, Exception | None]
    try:
        outcome = function(*arguments), None
    except Exception as failed:  # noqa: BLE001 - raised again in the parent
        outcome = None, failed
    channel.send(outcome)


def end_with_parent() -> None:
    """End this process, a child of ``SPAWN``, as soon as its parent is gone, however it went."""
    parent = multiprocessing.parent_process()
    if parent is None:
        raise RuntimeError("only a child process has a parent to end with")

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True, name="parent").start()
