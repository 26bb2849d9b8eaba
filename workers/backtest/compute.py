"""The computing of jobs, in one warm child process that is kept for the next job.

A job can be stopped at its next step, a child that was killed is replaced and its job run again,
and what a job does to memory or to the interpreter's lock stays out of the process that talks to
Kafka.
"""

from __future__ import annotations

import contextlib
import json
import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from schemas.research import OptimizeSpec, PerformanceSpec, WalkForwardSpec
from workers.backtest.bars import Bars

log = logging.getLogger("regimeflow.backtest")

TELL_EVERY_S = 0.05  # progress between the first and the last
LIVES = 2  # a job that killed as many children is given up
NICENESS = 5  # signals do not wait for a back-test

Spec = OptimizeSpec | PerformanceSpec | WalkForwardSpec
Told = Callable[[int, int, float | None], None]  # done, of how many, best objective so far


@dataclass(frozen=True)
class Outcome:
    """What came of one computation.

    Attributes:
        result: JSON object; None where it failed.
        error: Why it failed.
        fault: Whether asking differently would help.
    """

    result: dict[str, Any] | None
    error: str | None = None
    fault: str | None = None


class Child:
    """One child process and the pipe to it."""

    def __init__(self) -> None:
        spawn = multiprocessing.get_context("spawn")
        self.channel, theirs = spawn.Pipe()
        self.process = spawn.Process(target=serve, args=(theirs,), name="compute", daemon=True)
        self.process.start()
        theirs.close()


class Compute:
    """Runs one job at a time in a child that is started at once and loaded before the first job."""

    def __init__(self) -> None:
        self._child = Child()
        self._sending = threading.Lock()

    @property
    def pid(self) -> int | None:
        """Process id of the child."""
        return self._child.process.pid

    def run(self, spec: Spec, bars: Bars, told: Told) -> Outcome:
        """Compute one job and return what came of it; a killed child is replaced and starts over.

        Args:
            spec: What to do.
            bars: On which bars.
            told: Called with progress, at most some 20 times a second.
        """
        for life in range(1, LIVES + 1):
            try:
                return self._once(spec, bars, told)
            except (EOFError, OSError):
                self._child.process.join()
                code = self._child.process.exitcode
                log.warning("compute.died", extra={"exit_code": code, "life": life})
                self._child = Child()
        return Outcome(
            None,
            f"the computation ended {LIVES} times without a result (exit code {code}): most likely "
            "out of memory; take fewer combinations or a shorter span",
            "worker",
        )

    def _once(self, spec: Spec, bars: Bars, told: Told) -> Outcome:
        channel = self._child.channel
        with self._sending:
            channel.send((spec, bars))
        while True:
            match channel.recv():
                case ("progress", done, total, best):
                    told(done, total, best)
                case ("done", result):
                    return Outcome(json.loads(result))
                case ("failed", error, fault):
                    return Outcome(None, error, fault)

    def stop_job(self) -> None:
        """Ask the running job to end at its next step; nothing happens when none runs."""
        with self._sending, contextlib.suppress(OSError):
            self._child.channel.send(None)

    def close(self) -> None:
        """End the child; a job under way is lost."""
        self._child.process.kill()
        self._child.process.join()


def serve(channel: Connection) -> None:
    """Compute jobs until the parent is gone; the child's main function."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(NICENESS)
    prepare()
    while True:
        try:
            job = channel.recv()
        except EOFError:
            return
        if job is not None:  # a wish to stop may come after the end
            channel.send(_answer(channel, *job))


def prepare() -> None:
    """Load the libraries and compile or load the kernels, so that the first job need not."""
    from workers.backtest.grid import warm_up
    from workers.backtest.walk_forward import walk_forward  # noqa: F401 - loaded for later

    warm_up()


def _answer(channel: Connection, spec: Spec, bars: Bars) -> tuple[Any, ...]:
    try:
        return "done", json.dumps(_run(channel, spec, bars), allow_nan=False)
    except ValueError as wrong:
        return "failed", str(wrong), "request"
    except MemoryError:
        return "failed", "not enough memory; take fewer combinations or a shorter span", "request"
    except Exception as bug:  # the driver's last line: the next job must find a child that works
        log.exception("job.failed")
        return "failed", f"a bug in the worker: {type(bug).__name__}: {bug}", "worker"


def _run(channel: Connection, spec: Spec, bars: Bars) -> dict[str, Any]:
    from workers.backtest.optimise import optimise
    from workers.backtest.performance import performance
    from workers.backtest.walk_forward import walk_forward

    last_s = 0.0

    def progress(done: int, total: int, best: float | None) -> None:
        nonlocal last_s
        now_s = time.monotonic()
        if done >= total or now_s - last_s >= TELL_EVERY_S:
            last_s = now_s
            channel.send(("progress", done, total, best))

    match spec:
        case OptimizeSpec():
            return optimise(spec, bars, progress, channel.poll)
        case WalkForwardSpec():
            return walk_forward(spec, bars, progress, channel.poll)
        case PerformanceSpec():
            return performance(spec, bars)
