"""Trials per second of a tuning job against a bare Optuna study in memory: goal P13.

Both wait 100 ms in each trial. Ours keeps its study in the journal file that survives a kill.
"""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import optuna

from schemas.research import Parameter
from tests.bench.race import Entry, race
from workers.studies.samplers import SeededSampler, optuna_distributions
from workers.studies.storage import open_storage
from workers.studies.study import Search, open_study, run_search
from workers.studies.trial_pool import Evaluate, Params, Scores, evaluating

TRIAL_S = 0.1
TRIALS = 16  # of one timed call
BATCH = 4
SPACE = {f"x{i}": Parameter(type="float", low=-5.0, high=5.0) for i in range(5)}

Row = dict[str, object]


def rows() -> list[Row]:
    """Run P13; an AssertionError means that a trial, not a speed, is wrong."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        _check_trials(home)
        alone = race(
            "P13 trials/s, one at a time, journal file",
            "optuna 5 TPE study in memory",
            0.8,
            Entry(_Ours(home / "alone").more, 1),
            Entry(_Bare().more, 1),
        )
        with evaluating(wait, BATCH) as evaluate:
            evaluate([({"x0": 0.0}, [0])] * BATCH)  # its processes have started
            batched = race(
                f"P13 trials/s, asked and evaluated {BATCH} at a time",
                "optuna 5 TPE study in memory",
                1.5,
                Entry(_Ours(home / "batched", BATCH, evaluate).more, 1),
                Entry(_Bare().more, 1),
            )
    return [alone, batched]


def value_of(params: Params) -> float:
    """A bowl."""
    return -sum((float(params.get(name, 0.0)) - 1.0) ** 2 for name in SPACE)


def at_once(params: Params, windows: Sequence[int]) -> list[Scores] | str:
    """Return the value of a trial on its windows."""
    return [(value_of(params),) for _ in windows]


def wait(params: Params, windows: Sequence[int]) -> list[Scores] | str:
    """Take the time of a trial."""
    time.sleep(TRIAL_S)
    return at_once(params, windows)


class _Ours:
    """A job's study: more trials with each call."""

    def __init__(self, home: Path, batch: int = 1, evaluate: Evaluate | None = None) -> None:
        self._home, self._batch, self._evaluate = home, batch, evaluate
        self._limits = itertools.count(TRIALS, TRIALS)

    def more(self, _: int) -> None:
        search = Search(
            name="p13", space=SPACE, n_trials=next(self._limits), seed=1, batch=self._batch
        )
        study = open_study(search, open_storage(None, self._home, "p13"))
        if self._evaluate is not None:
            assert run_search(search, study, "bench", self._evaluate), "P13: not all trials ended"
            return
        with evaluating(wait) as evaluate:
            assert run_search(search, study, "bench", evaluate), "P13: not all trials ended"


class _Bare:
    """A study in memory."""

    def __init__(self) -> None:
        self._study = optuna.create_study(
            direction="maximize", sampler=optuna.samplers.TPESampler(seed=1)
        )

    def more(self, _: int) -> None:
        self._study.optimize(_objective, n_trials=TRIALS)


def _objective(trial: optuna.Trial) -> float:
    params = {name: trial.suggest_float(name, -5.0, 5.0) for name in SPACE}
    time.sleep(TRIAL_S)
    return value_of(params)


def _check_trials(home: Path) -> None:
    """Same seed: the trials of the journal file, of another one and of a bare study are equal."""
    search = Search(name="check", space=SPACE, n_trials=60, seed=1)
    ours = []
    for folder in (home / "first", home / "again"):
        study = open_study(search, open_storage(None, folder, "check"))
        with evaluating(at_once) as evaluate:
            assert run_search(search, study, "bench", evaluate), "P13: not all trials ended"
        ours.append(_trials(study))
    sampler = SeededSampler("TPESampler", optuna_distributions(SPACE), 1)
    bare = optuna.create_study(direction="maximize", sampler=sampler)
    bare.optimize(
        lambda trial: value_of({n: trial.suggest_float(n, -5.0, 5.0) for n in SPACE}), n_trials=60
    )
    assert ours[0] == ours[1] == _trials(bare), "P13: trials of the same seed differ"


def _trials(study: optuna.Study) -> list[tuple[Any, ...]]:
    return [(t.number, t.params, t.value, t.state) for t in study.get_trials(deepcopy=False)]
