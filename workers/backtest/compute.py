"""Jobs are computed in one warm child process, which then waits for the next job.

A job can be stopped at its next step. A child that was killed is replaced, and its job is run
again. The memory and the interpreter's lock that a job takes are those of the child, not those of
the process that talks to Kafka.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable
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
    """Runs one job at a time in a child, which starts at once and loads before the first job."""

    def __init__(self) -> None:
        self._start()
        self._sending = threading.Lock()
        self._one = threading.Lock()
        self._closed = False

    def _start(self) -> None:
        self._warm = SharedFlag()
        self._child = Child(serve, self._warm)

    @property
    def pid(self) -> int | None:
        """Process id of the child."""
        return self._child.process.pid

    def ready(self, within_s: float) -> bool:
        """Wait until the child is warm; jobs may be given before."""
        return self._warm.wait(within_s)

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
            try:
                self._begin(spec, bars, stopped)
                return self._receive(progress)
            except (EOFError, OSError):
                if self._closed:
                    raise
                self._child.process.join()
                code = self._child.process.exitcode
                log.warning(
                    "compute.died",
                    exit_code=code,
                    life=attempt,
                    lives=MAX_ATTEMPTS,
                    remedy="none while it has lives left; -9 is mostly a lack of memory",
                )
                self._start()
        killed = "most likely out of memory; take fewer combinations or a shorter span"
        why = killed if code is not None and code < 0 else "the log of backtest has the reason"
        error = (
            f"the computation ended {MAX_ATTEMPTS} times without a result (exit code {code}): {why}"
        )
        return ComputeResult(None, error, "worker")

    def _begin(self, spec: Spec, bars: Bars, stopped: Callable[[], bool]) -> None:
        with self._sending:
            self._child.stop.clear()  # may be set for a job that had just ended
            self._child.channel.send((spec, bars))
        if stopped():
            self.stop_job()

    def _receive(self, progress: OnProgress) -> ComputeResult:
        channel = self._child.channel
        while True:
            match channel.recv():
                case ("progress", done, total, best):
                    progress(done, total, best)
                case ("done", result):
                    return ComputeResult(json.loads(result))
                case ("failed", error, fault):
                    return ComputeResult(None, error, fault)

    def stop_job(self) -> None:
        """Ask the running job to end at its next step; nothing happens when none runs."""
        with self._sending:
            self._child.stop.set()

    def close(self) -> None:
        """End the child; a job under way is lost."""
        self._closed = True
        self._child.kill()


def serve(channel: Connection, stop: SharedFlag, warm: SharedFlag) -> None:
    """Compute jobs until the parent is gone; the child's main function."""
    prepare()
    warm.set()
    with contextlib.suppress(EOFError):
        while True:
            channel.send(_answer(channel, stop, *channel.recv()))


def prepare() -> None:
    """Run one small job of each kind: kernels are compiled or loaded, and so are the libraries."""
    grid = {"symbol": "BTCUSDT", "window_range": (10, 20, 10), "signal_range": (0.5, 1.0, 0.5)}
    for spec in (
        OptimizeSpec.model_validate(grid),
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
