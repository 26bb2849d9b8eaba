"""Compiles every numba kernel into the cache beside its file.

``python -m deploy.local.kernels`` prints a line for each family of kernels, such as
``3 of 8 regime fit``, and once ``compiling`` if the cache does not hold all of them. The cache
belongs to the code, so every home uses the same; numba checks the code and the processor.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from deploy.local.jars import OnStep
from deploy.local.supervisor import ONE_THREAD, SupervisorError

ROOT = Path(__file__).resolve().parents[2]
KERNEL_FOLDERS = ("streams", "workers")
COMPILING = "compiling"
PROGRESS_LINE = re.compile(r"(\d+) of (\d+) ")  # a line of ``main``


def regime_fit() -> None:
    """Prepare expectation maximisation of the regime filters."""
    import numpy as np

    from workers.training.baum_welch import (
        HiddenMarkovModel,
        ObservationSequences,
        expectation_step,
    )
    from workers.training.next_bar import prepare

    prepare()
    even = np.full((3, 3), 1 / 3)
    model = HiddenMarkovModel(
        even[0].copy(), even, np.zeros((3, 1)), np.ones((3, 1)), np.full(3, np.inf)
    )
    expectation_step(model, ObservationSequences.lay_out([np.zeros((2, 1))]))


def ideas() -> None:
    """Prepare what ideas of the past would have earned."""
    from workers.training.idea_returns import prepare

    prepare()


def forest() -> None:
    """Prepare the compiled booster."""
    from workers.models.forest import warm_up

    warm_up()


def lstm() -> None:
    """Prepare the LSTM's step."""
    from workers.models.lstm import warm_up

    warm_up()


def treeshap() -> None:
    """Prepare the attributions of the booster."""
    from workers.models.treeshap import warm_up

    warm_up()


def lstm_attribution() -> None:
    """Prepare the attributions of the LSTM."""
    from workers.models.lstm_attribution import warm_up

    warm_up()


def backtest() -> None:
    """Prepare grids, fills and evaluation."""
    from workers.backtest.compute import prepare

    prepare()


def simulator() -> None:
    """Prepare the simulated market, its bars and its trades."""
    from workers.simulator.market import BAR_MS, SimulatedMarket

    SimulatedMarket(0, ["BTCUSDT"]).unfinished("BTCUSDT", 0, BAR_MS)


def strategies() -> None:
    """Prepare the shipped strategies."""
    from workers.research.strategies import warm_up

    warm_up()


WORKER_FAMILIES = (
    regime_fit,
    ideas,
    forest,
    lstm,
    treeshap,
    lstm_attribution,
    backtest,
    strategies,
    simulator,
)


def compile_kernels(progress: OnStep) -> None:
    """Compile every kernel once, in a child process, before any process of the pipeline starts.

    What the cache holds is not compiled, and nothing is said of it.

    Raises:
        SupervisorError: A kernel does not compile; the message holds the last lines of the output.
    """
    digest, stamp = _digest(), _stamp()
    if stamp.exists() and stamp.read_text() == digest:
        return
    started = time.monotonic()
    drop_stale_code()
    code, output = _compile(progress)
    if code != 0:
        # Machine code of an older version names types by places that may be gone: compile anew.
        _drop_code()
        code, output = _compile(progress)
    if code != 0:
        raise SupervisorError(
            f"kernels could not be compiled (exit code {code}); free disk space, set "
            "NUMBA_CACHE_DIR to a folder that can be written, or report this:\n"
            + "".join(output[-1:])
        )
    if COMPILING in output:
        progress(f"kernels compiled in {time.monotonic() - started:.0f} s")
    with contextlib.suppress(OSError):  # then the next run asks the cache again
        stamp.parent.mkdir(parents=True, exist_ok=True)
        stamp.write_text(digest)


def drop_stale_code() -> None:
    """Throw machine code away that was compiled from other sources.

    numba looks at a kernel's own file only. A kernel of another file that it calls is part of its
    machine code too, and would stay as it was.
    """
    digest = hashlib.sha256()
    for path in _sources():
        text = path.read_bytes()
        digest.update(text if b"compiled" in text or b"njit" in text else b"")
    stamp = _stamp().with_name("kernels.sources")
    if stamp.exists() and stamp.read_text() != digest.hexdigest():
        _drop_code()
    with contextlib.suppress(OSError):
        stamp.parent.mkdir(parents=True, exist_ok=True)
        stamp.write_text(digest.hexdigest())


def _drop_code() -> None:
    cache = os.environ.get("NUMBA_CACHE_DIR")
    folders = [Path(cache)] if cache else [ROOT / folder for folder in KERNEL_FOLDERS]
    for file in (file for folder in folders for file in folder.rglob("*.nb[ic]")):
        file.unlink(missing_ok=True)


def _sources() -> list[Path]:
    return [path for folder in KERNEL_FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]


def _digest() -> str:
    """Return what the machine code in the cache depends on: interpreter, machine and code."""
    surroundings = (sys.version, version("numba"), platform.machine(), platform.node())
    digest = hashlib.sha256("\n".join(surroundings).encode())
    for path in _sources():
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _stamp() -> Path:
    """Return the file that says what is in the cache; it goes when the cache is cleared."""
    folder = os.environ.get("NUMBA_CACHE_DIR")
    return (Path(folder) if folder else ROOT / "deploy/local/__pycache__") / "kernels.stamp"


def _compile(progress: OnStep) -> tuple[int, list[str]]:
    """Return the exit code of the compiler and what it printed."""
    command = [sys.executable, "-m", "deploy.local.kernels"]
    output: list[str] = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as compiler:
        assert compiler.stdout is not None  # noqa: S101 - PIPE above
        try:
            for line in compiler.stdout:
                output.append(line.rstrip())
                if line.rstrip() == COMPILING:
                    progress("compiling kernels (once)")
                if parts := PROGRESS_LINE.match(line):
                    progress(f"kernels: {line.strip()}", (int(parts[1]) - 1) / int(parts[2]))
        except BaseException:  # Ctrl-C most of all
            compiler.kill()
            raise
    return compiler.returncode, output


def families() -> dict[str, Callable[[], None]]:
    """Return the function that compiles each family, by name: processors first, then workers."""
    from streams.topology import PROCESSORS

    return {
        **{p.name: p.prepare for p in PROCESSORS if p.prepare is not None},
        **{prepare.__name__.replace("_", " "): prepare for prepare in WORKER_FAMILIES},
    }


def main() -> int:
    """Compile every family, its name first; return the exit code."""
    os.environ.update(ONE_THREAD)
    _tell_of_compiling()
    functions = families()
    for number, (name, prepare) in enumerate(functions.items(), start=1):
        sys.stdout.write(f"{number} of {len(functions)} {name}\n")
        sys.stdout.flush()
        prepare()
    return 0


def _tell_of_compiling() -> None:
    """Print once that something is compiled, when numba begins with it."""
    from numba.core import event

    class FirstCompile(event.Listener):
        told = False

        def on_start(self, event: object) -> None:  # noqa: ARG002 - numba's signature
            if not self.told:
                sys.stdout.write(f"{COMPILING}\n")
                sys.stdout.flush()
            self.told = True

        def on_end(self, event: object) -> None:
            """Nothing is said of an end."""

    register: Callable[..., None] = event.register
    register("numba:compile", FirstCompile())


if __name__ == "__main__":
    sys.exit(main())
