"""Jobs are computed in one child process, which then waits warm for the next job.

It starts with a job, and ends when none has come for a while: a run without back-tests does not
keep its 170 MB of kernels and plots. A job can be stopped at its next step. A child that was killed
is replaced, and its job is run again. The memory and the interpreter's lock that a job takes are
those of the child, not those of the process that talks to Kafka.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Literal

import numpy as np
import structlog

from schemas.research import OptimizeSpec, PerformanceSpec, WalkForwardSpec
from schemas.timeframes import HOUR_MS
from workers.bars.arrays import Bars
from workers.child import Child, SharedFlag

log = structlog.get_logger()

TELL_EVERY_S = 0.05  # progress between the first and the last
IDLE_S = 300.0  # a child without a job; the next one takes 5 s more
MAX_ATTEMPTS = 2  # a job that killed as many children is given up

Spec = OptimizeSpec | PerformanceSpec | WalkForwardSpec
Fault = Literal["request", "worker"]
OnProgress = Callable[[int, int, float | None], None]  # done, of how many, best objective so far


@dataclass(frozen=True)
class ComputeResult:
    """What came of one computation.

    Attributes:
        result: JSON object; None where it failed.
        error: Why it failed.
        fault: Whether asking differently would help.
    """

    result: dict[str, Any] | None
    error: str | None = None
    fault: Fault | None = None


class Compute:
    """Runs one job at a time in a child that starts with the first.

    Args:
        packages: Whose strategies jobs may name as ``package.module:Class``.
        idle_s: After so long without a job the child ends.
    """

    def __init__(self, packages: Sequence[str] = (), idle_s: float = IDLE_S) -> None:
        self._packages, self._idle_s = tuple(packages), idle_s
        self._child: Child | None = None
        self._sending = threading.Lock()
        self._one = threading.Lock()
        self._closed = False

    @property
    def pid(self) -> int | None:
        """Process id of the child; None while there is none."""
        child = self._child
        return child.process.pid if child is not None and child.process.is_alive() else None

    def run(
        self, spec: Spec, bars: Bars, progress: OnProgress, stopped: Callable[[], bool]
    ) -> ComputeResult:
        """Compute one job and return what came of it; a killed child is replaced and starts over.

        Args:
            spec: What to do.
            bars: On which bars.
            progress: Called with progress, at most some 20 times a second.
            stopped: Whether the job was cancelled before it began; later, ``stop_job`` cancels it.
        """
        with self._one:
            return self._attempts(spec, bars, progress, stopped)

    def _attempts(
        self, spec: Spec, bars: Bars, progress: OnProgress, stopped: Callable[[], bool]
    ) -> ComputeResult:
        for attempt in range(1, MAX_ATTEMPTS + 1):
            child = self._living_child()
            try:
                self._begin(child, spec, bars, stopped)
                return _receive(child.channel, progress)
            except (EOFError, OSError):
                if self._closed:
                    raise
                child.process.join()
                code = child.process.exitcode
                log.warning(
                    "compute.died",
                    exit_code=code,
                    life=attempt,
                    lives=MAX_ATTEMPTS,
                    remedy="none while it has lives left; -9 is mostly a lack of memory",
                )
        killed = "most likely out of memory; take fewer combinations or a shorter span"
        why = killed if code is not None and code < 0 else "the log of backtest has the reason"
        error = (
            f"the computation ended {MAX_ATTEMPTS} times without a result (exit code {code}): {why}"
        )
        return ComputeResult(None, error, "worker")

    def _living_child(self) -> Child:
        with self._sending:
            if self._closed:
                raise EOFError("closed")
            if self._child is None or not self._child.process.is_alive():
                self._child = Child(serve, self._packages, self._idle_s)
            return self._child

    def _begin(self, child: Child, spec: Spec, bars: Bars, stopped: Callable[[], bool]) -> None:
        with self._sending:
            child.stop.clear()  # may be set for a job that had just ended
            child.channel.send((spec, bars))
        if stopped():
            self.stop_job()

    def stop_job(self) -> None:
        """Ask the running job to end at its next step; nothing happens when none runs."""
        with self._sending:
            if self._child is not None:
                self._child.stop.set()

    def close(self) -> None:
        """End the child; a job under way is lost."""
        with self._sending:
            self._closed = True
            if self._child is not None:
                self._child.kill()


def _receive(channel: Connection, progress: OnProgress) -> ComputeResult:
    while True:
        match channel.recv():
            case ("progress", done, total, best):
                progress(done, total, best)
            case ("done", result):
                return ComputeResult(json.loads(result))
            case ("failed", error, fault):
                return ComputeResult(None, error, fault)


def serve(channel: Connection, stop: SharedFlag, packages: Sequence[str], idle_s: float) -> None:
    """Compute jobs until the parent is gone or none has come; the child's main function."""
    from workers.research.strategies import allow_packages

    allow_packages(packages)
    with contextlib.suppress(EOFError):
        while channel.poll(idle_s):
            channel.send(_answer(channel, stop, *channel.recv()))


def prepare() -> None:
    """Run one small job of each kind: kernels are compiled or loaded, and so are the libraries."""
    grid = {"symbol": "BTCUSDT", "window_range": (10, 20, 10), "signal_range": (0.5, 1.0, 0.5)}
    for spec in (
        OptimizeSpec.model_validate(grid),
        OptimizeSpec.model_validate(grid | {"exits": {"stoploss": -0.05}}),
        WalkForwardSpec.model_validate(grid),
        PerformanceSpec(symbol="BTCUSDT", window=10, signal=0.5),
    ):
        run_spec(spec, _rehearsal_bars(), lambda *_: None, lambda: False)


def _rehearsal_bars() -> Bars:
    """Return forty days of hourly bars that rise and fall."""
    opened = np.arange(40 * 24)
    price = 100.0 + 10.0 * np.sin(opened / 15.0) + np.sin(opened * 1.7)
    return Bars("BTCUSDT", HOUR_MS, opened * HOUR_MS, price, price + 1, price - 1, price, price)


def _answer(channel: Connection, stop: SharedFlag, spec: Spec, bars: Bars) -> tuple[Any, ...]:
    try:
        return "done", json.dumps(_run(channel, stop, spec, bars), allow_nan=False)
    except ValueError as wrong:
        return "failed", str(wrong), "request"
    except MemoryError:
        return "failed", "not enough memory; take fewer combinations or a shorter span", "request"
    except Exception as bug:  # the driver's last line: the next job must find a child that works
        log.exception("job.failed", remedy="report this with the request; the next job runs")
        return "failed", f"a bug in the worker: {type(bug).__name__}: {bug}", "worker"


def run_spec(
    spec: Spec, bars: Bars, progress: OnProgress, cancelled: Callable[[], bool]
) -> dict[str, Any]:
    """Do what a request asks for; raises ValueError for what is wrong with it or the bars."""
    from workers.research.optimise import optimise
    from workers.research.performance import performance
    from workers.research.walk_forward import walk_forward

    match spec:
        case OptimizeSpec():
            return optimise(spec, bars, progress, cancelled)
        case WalkForwardSpec():
            return walk_forward(spec, bars, progress, cancelled)
        case PerformanceSpec():
            return performance(spec, bars)


def _run(channel: Connection, stop: SharedFlag, spec: Spec, bars: Bars) -> dict[str, Any]:
    last_s = 0.0

    def progress(done: int, total: int, best: float | None) -> None:
        nonlocal last_s
        now_s = time.monotonic()
        if done >= total or now_s - last_s >= TELL_EVERY_S:
            last_s = now_s
            channel.send(("progress", done, total, best))

    return run_spec(spec, bars, progress, stop.is_set)
