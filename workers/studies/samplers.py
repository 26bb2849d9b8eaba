"""Samplers of a study: seeded per trial, so that a study cut short goes on as it would have."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna import Study
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from schemas.research import Parameter

STARTUP_TRIALS = 10  # random ones before TPE models anything; Optuna's own default
POPULATION = 50  # of a generation of NSGA-II; Optuna's own default
CMA_SPREAD = 1.0 / 6.0  # first step size in a unit cube, as Optuna has it

Space = Mapping[str, BaseDistribution]
Vector = NDArray[np.float64]


def optuna_distributions(space: Mapping[str, Parameter]) -> dict[str, BaseDistribution]:
    """Return the space as Optuna names it, ordered by name."""
    return {name: _distribution(space[name]) for name in sorted(space)}


def _distribution(parameter: Parameter) -> BaseDistribution:
    low, high, step = parameter.low, parameter.high, parameter.step
    if low is None or high is None:
        return CategoricalDistribution(parameter.choices)
    if parameter.type == "int":
        return IntDistribution(int(low), int(high), log=parameter.log, step=int(step or 1))
    return FloatDistribution(low, high, log=parameter.log, step=step)


class SeededSampler(BaseSampler):
    """Gives each trial a sampler with a seed of its own.

    One generator for a whole study would be lost with its process; here the seed of a draw follows
    from the study's seed, the trial's number and the parameter's name, and the rest of a sampler's
    state from the finished trials.
    """

    def __init__(self, name: str, space: Space, seed: int) -> None:
        self._make, self._space, self._seed = SAMPLERS[name](space), space, seed
        self._current: tuple[int, BaseSampler] | None = None

    def _of(self, number: int) -> BaseSampler:
        if self._current is None or self._current[0] != number:
            self._current = (number, self._make(_seed(self._seed, number)))
        return self._current[1]

    def infer_relative_search_space(self, _: Study, __: FrozenTrial) -> dict[str, Any]:
        """Return the whole space: no trial has another."""
        return {
            name: distribution
            for name, distribution in self._space.items()
            if not distribution.single()
        }

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return what the trial's own sampler draws for all parameters together."""
        return self._of(trial.number).sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: Any
    ) -> Any:
        """Return one parameter, the same in whatever order they are drawn."""
        drawn = self._make(_seed(self._seed, trial.number, param_name))
        return drawn.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self,
        study: Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """Pass it on."""
        self._of(trial.number).after_trial(study, trial, state, values)


def _seed(seed: int, number: int, name: str = "") -> int:
    words = (seed % 2**32, seed // 2**32 % 2**32, number, zlib.crc32(name.encode()))
    return int(np.random.SeedSequence(words).generate_state(1)[0])


class RebuiltCmaEs(BaseSampler):
    """CMA-ES whose state is rebuilt from the finished trials.

    Optuna's own keeps its state pickled in the study's storage; nothing here is unpickled. The
    first trial is drawn at random; generations follow in the order in which trials ended.
    """

    def __init__(self, space: Space) -> None:
        self._names = tuple(name for name, each in space.items() if not each.single())
        self._seed = 0
        self._seen_numbers: list[int] = []  # numbers of the trials that the state is made of
        self._state: Any = None

    def seeded(self, seed: int) -> RebuiltCmaEs:
        """Draw with that seed from now on."""
        self._seed = seed
        return self

    def infer_relative_search_space(self, _: Study, __: FrozenTrial) -> dict[str, Any]:
        """Return nothing: the study's sampler knows the space."""
        return {}

    def sample_relative(
        self, study: Study, _: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return a point of the present generation; nothing while no trial has ended."""
        ended = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
        ended = [each for each in ended if each.values]
        if not ended or not self._names:
            return {}
        ended.sort(key=lambda each: (each.datetime_complete, each.number))
        self._catch_up(ended[1:], search_space, study.direction)
        self._state.reseed_rng(self._seed)
        return {
            name: from_unit(search_space[name], float(unit))
            for name, unit in zip(self._names, self._state.ask(), strict=True)
        }

    def _catch_up(
        self, ended: Sequence[FrozenTrial], space: Space, direction: StudyDirection
    ) -> None:
        """Tell the state the generations it has not seen; start over if the past is another."""
        if (
            self._state is None
            or [t.number for t in ended[: len(self._seen_numbers)]] != self._seen_numbers
        ):
            self._state, self._seen_numbers = _start(len(self._names)), []
        sign, size = (
            -1.0 if direction == StudyDirection.MAXIMIZE else 1.0,
            self._state.population_size,
        )
        while len(self._seen_numbers) + size <= len(ended):
            generation = ended[len(self._seen_numbers) : len(self._seen_numbers) + size]
            self._state.tell([(self._point(t, space), sign * t.values[0]) for t in generation])
            self._seen_numbers += [t.number for t in generation]

    def _point(self, trial: FrozenTrial, space: Space) -> Vector:
        return np.array([to_unit(space[name], trial.params[name]) for name in self._names])

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: Any
    ) -> Any:
        """Return a random value: only the first trial asks."""
        drawn = RandomSampler(seed=self._seed)
        return drawn.sample_independent(study, trial, param_name, param_distribution)


def _start(size: int) -> Any:
    from cmaes import CMA

    return CMA(
        mean=np.full(size, 0.5),
        sigma=CMA_SPREAD,
        bounds=np.tile((0.0, 1.0), (size, 1)),
        seed=0,  # reseeded before each draw
        n_max_resampling=10 * size,
    )


def from_unit(distribution: BaseDistribution, unit: float) -> float | int:
    """Return the value of a numeric parameter at a place in [0, 1] of its range."""
    low, high, grid = _edges(distribution)
    value = math.exp(low + unit * (high - low)) if _log(distribution) else low + unit * (high - low)
    if grid is not None:
        origin, step, count = grid
        value = origin + step * min(max(math.floor((value - origin) / step + 0.5), 0), count - 1)
    return int(value) if isinstance(distribution, IntDistribution) else value


def to_unit(distribution: BaseDistribution, value: float) -> float:
    """Return the place in [0, 1] of a numeric parameter's value; undoes ``from_unit``."""
    low, high, _ = _edges(distribution)
    return ((math.log(value) if _log(distribution) else value) - low) / (high - low)


def _log(distribution: BaseDistribution) -> bool:
    return bool(getattr(distribution, "log", False))


def _edges(distribution: BaseDistribution) -> tuple[float, float, tuple[float, float, int] | None]:
    """Return the ends of the range and its grid; on a grid each value has an equal share."""
    assert isinstance(distribution, FloatDistribution | IntDistribution)  # noqa: S101 - others are refused
    low, high, step = float(distribution.low), float(distribution.high), distribution.step
    grid = None
    if step is not None:
        grid = (low, float(step), round((high - low) / step) + 1)
        low, high = low - step / 2.0, high + step / 2.0
    return (math.log(low), math.log(high), grid) if distribution.log else (low, high, grid)


Make = Callable[[int], BaseSampler]  # from a seed

SAMPLERS: Mapping[str, Callable[[Space], Make]] = {
    "TPESampler": lambda _: lambda seed: TPESampler(seed=seed, n_startup_trials=STARTUP_TRIALS),
    "RandomSampler": lambda _: lambda seed: RandomSampler(seed=seed),
    "CmaEsSampler": lambda space: RebuiltCmaEs(space).seeded,
    "NSGAIISampler": lambda _: lambda seed: NSGAIISampler(seed=seed, population_size=POPULATION),
}
