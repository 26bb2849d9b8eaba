"""Strategies of installed packages, named ``package.module:Class``, that an operator has allowed.

They are imported in the process that runs a job, when a job names one. What is named is an object
with ``parameters`` and ``decide`` as a ``Strategy`` has them, or a class whose instances do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np

from schemas.research import Parameter
from workers.bars.arrays import Bars
from workers.research.strategies.strategy import (
    Floats,
    ParametersRejected,
    Params,
    Strategy,
)

SETTING = "REGIMEFLOW_STRATEGY_PACKAGES"

_allowed: list[str] = []  # of this process


def allow_packages(packages: Iterable[str]) -> None:
    """Allow the strategies of these packages, and of no others, in this process."""
    _allowed[:] = packages


def load_strategy(entry_point: str) -> Strategy:
    """Return the strategy that ``package.module:Class`` names.

    Raises:
        ParametersRejected: Its package is not allowed, it cannot be imported, or is no strategy.
    """
    module = entry_point.partition(":")[0]
    if not any(module == package or module.startswith(f"{package}.") for package in _allowed):
        package = module.partition(".")[0]
        raise ParametersRejected(
            f"strategy {entry_point}: the package {package} is not allowed here "
            f"({', '.join(_allowed) or 'none is'}); set {SETTING}={package} where jobs run, and "
            "start that process again"
        )
    return _load(entry_point)


@cache
def _load(entry_point: str) -> Strategy:
    module, _, name = entry_point.partition(":")
    try:
        named = getattr(import_module(module), name)
        made = named() if _is_strategy(named) else named
    except (Exception, SystemExit) as failed:
        raise ParametersRejected(
            f"strategy {entry_point} cannot be loaded: {type(failed).__name__}: {failed}; see "
            "that it can be imported where jobs run"
        ) from failed
    parameters, decide = getattr(made, "parameters", None), getattr(made, "decide", None)
    if not isinstance(parameters, Mapping) or not callable(decide):
        raise ParametersRejected(
            f"strategy {entry_point} is no Strategy: expected an object or a class with "
            "parameters, a mapping of Parameter by name, and decide(bars, params)"
        )
    for each, parameter in parameters.items():
        _check_parameter(entry_point, each, parameter)
    summary = str(getattr(made, "summary", "")) or entry_point
    return Strategy(entry_point, summary, dict(parameters), CheckedDecide(entry_point, decide))


def _is_strategy(named: object) -> bool:
    """Whether it is a class to make a strategy of."""
    return isinstance(named, type) and (issubclass(named, Strategy) or hasattr(named, "decide"))


def _check_parameter(entry_point: str, name: object, parameter: object) -> None:
    numbers = (
        (parameter.low, parameter.high, parameter.default)
        if isinstance(parameter, Parameter)
        else (None,)
    )
    if not isinstance(name, str) or not all(isinstance(value, int | float) for value in numbers):
        raise ParametersRejected(
            f"strategy {entry_point}: parameter {name!r} is {parameter!r:.80}, expected a "
            "Parameter with low, high and default"
        )


@dataclass(frozen=True)
class CheckedDecide:
    """A ``decide`` of somebody else: what it raises, or returns beside positions, is refused."""

    entry_point: str
    decide: Callable[[Bars, Params], Any]

    def __call__(self, bars: Bars, params: Params) -> Floats:
        """Return the target, shape (n,); raises ParametersRejected for anything else."""
        try:
            target = np.asarray(self.decide(bars, params), dtype=np.float64)
        except Exception as failed:
            raise ParametersRejected(
                f"strategy {self.entry_point} failed: {type(failed).__name__}: {failed}"
            ) from failed
        if target.shape != (len(bars),) or not np.isfinite(target).all():
            raise ParametersRejected(
                f"strategy {self.entry_point} returned shape {target.shape}, expected one finite "
                f"position for each of {len(bars)} bars"
            )
        return target
