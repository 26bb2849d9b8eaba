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
from multiprocessing.connection import Connection, wait
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

    The arguments and errors are those of ``call_in_children``.
    """
    return call_in_children((function, *arguments), cancelled=cancelled, niceness=niceness)[0]


def call_in_children(
    *calls: tuple[Any, ...], cancelled: Callable[[], bool], niceness: int = NICENESS
) -> list[Any]:
    """Return what functions return that run side by side, each in a child process of its own.

    All children are gone afterwards. The first failure ends the others.

    Args:
        *calls: A function of a module and its arguments; they and its result can be pickled.
        cancelled: Asked five times a second; once it is true the children are killed.
        niceness: By how much the children's priority is lower than their parent's.

    Raises:
        ChildFailed: A child was cancelled, or ended without a result.
        Exception: Whatever a function raises.
    """
    children = {Child(_call, f, arguments, niceness=niceness): f for f, *arguments in calls}
    results: dict[Child, Any] = {}
    try:
        while running := [child for child in children if child not in results]:
            if cancelled():
                raise ChildFailed(f"{children[running[0]].__name__} was cancelled")
            ready = wait([child.channel for child in running], POLL_S)
            for child in running:
                if child.channel in ready:
                    results[child] = _result(child, children[child].__name__)
                    child.kill()  # its memory is free while the others run
        return [results[child] for child in children]
    finally:
        for child in children:
            child.kill()
            child.channel.close()


def _result(child: Child, name: str) -> Any:
    try:
        result, failure = child.channel.recv()
    except (EOFError, OSError):
        child.process.join()
        raise ChildFailed(f"{name} ended with exit code {child.process.exitcode}") from None
    if failure is not None:
        raise failure
    return result


def _call(
    channel: Connection, _: SharedFlag, function: Callable[..., Any], arguments: list[object]
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
