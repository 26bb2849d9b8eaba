"""Where trials are evaluated: in the process that asks for them, or each of a batch in its own."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager

Value = str | float | bool
Params = Mapping[str, Value]
Scores = Sequence[float]  # of one window, one per objective; larger is better
Asked = tuple[Params, Sequence[int]]  # a trial and the windows to try it on
Score = Callable[[Params, Sequence[int]], "list[Scores] | str"]
Evaluate = Callable[[Sequence[Asked]], "list[list[Scores] | str]"]

LOOK_EVERY_S = 0.2

_held: list[Score] = []  # of a pool's process: what it was started with


@contextmanager
def evaluating(score: Score, processes: int = 1) -> Iterator[Evaluate]:
    """Yield what evaluates a batch, in order.

    Args:
        score: Scores of one trial on some windows, or why its parameters make no run; can be
            pickled when there is more than one process.
        processes: Trials evaluated at a time.
    """
    if processes == 1:
        yield lambda batch: [score(*asked) for asked in batch]
        return
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        processes, mp_context=spawn, initializer=_hold, initargs=(score,)
    ) as pool:
        yield lambda batch: list(pool.map(_scored, batch))


def _hold(score: Score) -> None:
    end_with_parent()
    _held[:] = [score]


def _scored(asked: Asked) -> list[Scores] | str:
    return _held[0](*asked)


def end_with_parent() -> None:
    """End this process when the one that started it is gone, however it went.

    A pool's process would wait for work for ever, or do that of a parent which was replaced.
    """
    parent = os.getppid()

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK_EVERY_S)
        os._exit(1)

    threading.Thread(target=look, daemon=True, name="parent").start()
