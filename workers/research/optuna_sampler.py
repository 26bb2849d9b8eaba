"""Optuna as a sampler over the values of a grid, and its plots. The only Optuna import here."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

from workers.research.charts.plotly_json import plain

Values = dict[str, tuple[float, ...]]  # by parameter, ascending and evenly spaced
Params = dict[str, float]

MAX_LINES = 300  # parallel coordinates; more is a grey block, and half a megabyte


class GridSampler:
    """Asks a sampler for parameter sets of a grid, one at a time.

    Args:
        sampler: ``TPESampler``, ``RandomSampler`` or ``CmaEsSampler``.
        values: Of every parameter.
        seed: The same one gives the same sets for the same results.

    Raises:
        ValueError: CMA-ES over fewer than two parameters that vary.
    """

    def __init__(
        self,
        sampler: str,
        values: Values,
        seed: int,
    ) -> None:
        import optuna

        varying = [name for name, options in values.items() if len(options) > 1]
        if sampler == "CmaEsSampler" and len(varying) < 2:
            raise ValueError(
                f"CmaEsSampler needs two parameters with several values, got {varying or 'none'}: "
                "it learns how they hang together. Use TPESampler or grid"
            )
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        samplers: dict[str, Any] = {
            "TPESampler": optuna.samplers.TPESampler,
            "RandomSampler": optuna.samplers.RandomSampler,
            "CmaEsSampler": optuna.samplers.CmaEsSampler,
        }
        chosen = samplers[sampler](seed=seed)
        self._values = values
        self._space = {name: distribution(values[name]) for name in varying}
        self._study = optuna.create_study(direction="maximize", sampler=chosen)

    def step(self, score: Callable[[Params], float | None]) -> None:
        """Draw one set and store its score; None is stored as a failed trial."""
        import optuna

        trial = self._study.ask(self._space)
        params = {
            name: _nearest(options, float(trial.params[name]))
            if name in self._space
            else options[0]
            for name, options in self._values.items()
        }
        value = score(params)
        failed = optuna.trial.TrialState.FAIL
        self._study.tell(trial, value, None if value is not None else failed)


def distribution(options: tuple[float, ...]) -> Any:
    """Return Optuna's distribution over evenly spaced values: whole numbers as ints."""
    import optuna

    low, high, step = options[0], options[-1], options[1] - options[0]
    if all(value == int(value) for value in options):
        return optuna.distributions.IntDistribution(int(low), int(high), step=int(step))
    return optuna.distributions.FloatDistribution(low, high, step=round(step, 12))


def _nearest(options: tuple[float, ...], value: float) -> float:
    """Return the option that a suggestion stands for, free of rounding."""
    return min(options, key=lambda option: abs(option - value))


def optuna_plots(
    trials: Sequence[tuple[Params, float]], values: Values, objective: str, *, importance: bool
) -> dict[str, Any]:
    """Return Optuna's plots of finished trials as Plotly JSON.

    Args:
        trials: Parameters and score, in the order they ran.
        values: Of every parameter.
        objective: Name of the score.
        importance: Also PED-ANOVA's importances, right for a sampler's uneven trials. Loads
            scikit-learn, which takes seconds.

    Returns: ``history`` and ``parallel``, ``contour`` of the first two parameters that vary, and
    ``importance``; empty below two trials or without a parameter that varies.
    """
    import optuna

    varying = [name for name, options in values.items() if len(options) > 1]
    if len(trials) < 2 or not varying:
        return {}
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    draw = optuna.visualization
    everything = _finished_study(trials, {name: distribution(values[name]) for name in varying})
    fewer = _finished_study(_spread(trials), {name: distribution(values[name]) for name in varying})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        figures = {
            "history": draw.plot_optimization_history(everything, target_name=objective),
            "parallel": draw.plot_parallel_coordinate(fewer, params=varying, target_name=objective),
        }
        if len(varying) > 1:
            figures["contour"] = draw.plot_contour(
                everything, params=varying[:2], target_name=objective
            )
        if importance:
            figures["importance"] = draw.plot_param_importances(
                everything, evaluator=optuna.importance.PedAnovaImportanceEvaluator()
            )
    return {name: plain(figure.to_plotly_json()) for name, figure in figures.items()}


def _finished_study(trials: Sequence[tuple[Params, float]], space: dict[str, Any]) -> Any:
    import optuna

    study = optuna.create_study(direction="maximize")
    study.add_trials(
        optuna.trial.create_trial(
            params={name: params[name] for name in space}, distributions=space, value=value
        )
        for params, value in trials
    )
    return study


def _spread(trials: Sequence[tuple[Params, float]]) -> list[tuple[Params, float]]:
    """Return at most ``MAX_LINES`` trials: the best third of them, the rest evenly spaced."""
    if len(trials) <= MAX_LINES:
        return list(trials)
    order = sorted(range(len(trials)), key=lambda i: -trials[i][1])
    best = set(order[: MAX_LINES // 3])
    step = len(trials) / (MAX_LINES - len(best))
    even = {int(i * step) for i in range(MAX_LINES - len(best))}
    return [trials[i] for i in sorted(best | even)]
