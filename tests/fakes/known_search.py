"""A search with a known answer, also as a process that a test may kill."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from schemas.research import Parameter
from workers.studies.storage import open_storage
from workers.studies.study import Search, SearchObserver, open_study, run_search
from workers.studies.trial_pool import Params, Scores, TrialRequest

SPACE = {
    "level": Parameter(type="float", low=-5.0, high=5.0),
    "rate": Parameter(type="float", low=1e-4, high=1.0, log=True),
    "slow": Parameter(type="int", low=20, high=200, step=5),
    "window": Parameter(type="int", low=2, high=40),
}
BEST = {"level": 1.0, "slow": 100, "window": 7}
WINDOWS = 3


def scores(items: Sequence[TrialRequest]) -> list[list[Scores] | str]:
    """Best, 0.01 on average, at ``BEST``; a window above its slow one makes no run."""
    return [_scores(params, windows) for params, windows in items]


def _scores(params: Params, windows: Sequence[int]) -> list[Scores] | str:
    level, window, slow = (float(params[name]) for name in ("level", "window", "slow"))
    if window >= slow:
        return f"window {window:g} is not below slow {slow:g}"
    value = -((level - 1.0) ** 2) - abs(window - 7) / 10.0 - abs(slow - 100) / 50.0
    return [(value + 0.01 * number,) for number in windows]


def search(**given: Any) -> Search:
    """Return a search of the space, 40 trials unless told otherwise."""
    whole: dict[str, Any] = {"name": "job", "space": SPACE, "n_trials": 40, "windows": WINDOWS}
    return Search(**whole | given)


def trials(folder: Path, what: Search, url: str | None = None) -> list[tuple[Any, ...]]:
    """Run a search to its end; return its trials: number, parameters, values, state."""
    study = open_study(what, open_storage(url, folder, what.name))
    assert run_search(what, study, "worker", scores)
    return [(t.number, t.params, t.values, t.state.name) for t in study.get_trials(deepcopy=False)]


def main() -> None:
    """Search slowly as the worker of that name, printing each trial's number as it ends."""
    folder, sampler, batch, worker, n_trials, seconds = sys.argv[1:]
    what = search(sampler=sampler, batch=int(batch), n_trials=int(n_trials))

    def slowly(items: Sequence[TrialRequest]) -> list[list[Scores] | str]:
        time.sleep(float(seconds) * len(items))
        return scores(items)

    study = open_study(what, open_storage(None, Path(folder), what.name))
    watch = SearchObserver(trial_ended=lambda _: print("told", flush=True))  # noqa: T201 - the test reads it
    run_search(what, study, worker, slowly, watch)


if __name__ == "__main__":
    main()
