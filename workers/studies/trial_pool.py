"""Where trials are evaluated: in the process that asks for them, or each of a batch in its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager

from workers.child import SPAWN, end_with_parent

Value = str | float | bool
Params = Mapping[str, Value]
Scores = Sequence[float]  # of one window, one per objective; larger is better
TrialRequest = tuple[Params, Sequence[int]]  # a trial and the windows to try it on
Score = Callable[[Params, Sequence[int]], "list[Scores] | str"]
Evaluate = Callable[[Sequence[TrialRequest]], "list[list[Scores] | str]"]

_score: list[Score] = []  # of a pool's process: the function it was started with


@contextmanager
def evaluating(score: Score, processes: int = 1) -> Iterator[Evaluate]:
    """Yield what evaluates a batch, in order.

    Args:
        score: Scores of one trial on some windows, or why its parameters make no run; can be
            pickled when there is more than one process.
        processes: Trials evaluated at a time.
    """
    if processes == 1:
        yield lambda batch: [score(*request) for request in batch]
        return
    with ProcessPoolExecutor(
        processes, mp_context=SPAWN, initializer=_set_score, initargs=(score,)
    ) as pool:
        yield lambda batch: list(pool.map(_scored, batch))


def _set_score(score: Score) -> None:
    end_with_parent()
    _score[:] = [score]


def _scored(request: TrialRequest) -> list[Scores] | str:
    return _score[0](*request)
