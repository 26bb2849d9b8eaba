"""What a strategy is: a pure function of bars with declared parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.exits import EXIT_NAMES, Exits
from schemas.research import Parameter
from workers.bars.arrays import Bars

Floats = NDArray[np.float64]
Params = Mapping[str, float]


class ParametersRejected(ValueError):
    """A parameter or a strategy is unknown or out of bounds; says which ones there are."""


@dataclass(frozen=True)
class Strategy:
    """One shipped strategy.

    Attributes:
        name: As requests give it.
        summary: One line for people.
        parameters: Bounds, default and group of each, in the order of their importance.
        decide: Of bars and all parameters, in bounds; returns the target of ``target``.
    """

    name: str
    summary: str
    parameters: Mapping[str, Parameter]
    decide: Callable[[Bars, Params], Floats]

    @property
    def defaults(self) -> dict[str, float]:
        """The parameters when none are given."""
        return {name: _float(one.default) for name, one in self.parameters.items()}

    def completed(self, params: Params) -> dict[str, float]:
        """Return all parameters, those not given at their default.

        Raises: ParametersRejected for an unknown name, a fraction where a whole number is meant,
            or a value out of bounds.
        """
        unknown = sorted(set(params) - set(self.parameters))
        if unknown:
            raise ParametersRejected(
                f"strategy {self.name} has no parameter {', '.join(unknown)}; it has "
                f"{', '.join(self.parameters)}, and every strategy {', '.join(EXIT_NAMES)}"
            )
        whole = self.defaults | {name: float(value) for name, value in params.items()}
        for name, value in whole.items():
            bounds = self.parameters[name]
            low, high = _float(bounds.low), _float(bounds.high)
            kind = "a whole number" if bounds.type == "int" else "a number"
            if not low <= value <= high or (bounds.type == "int" and value != int(value)):
                raise ParametersRejected(
                    f"strategy {self.name}: {name} is {value:g}, expected {kind} from {low:g} to "
                    f"{high:g}"
                )
        return whole

    def divided(self, params: Params) -> tuple[dict[str, float], dict[str, float]]:
        """Return the strategy's own parameters, and those that are exits of its positions.

        A parameter that the strategy declares is its own, whatever its name.
        """
        exits = {
            name: value
            for name, value in params.items()
            if name in EXIT_NAMES and name not in self.parameters
        }
        return {name: value for name, value in params.items() if name not in exits}, exits

    def exits(self, params: Params, fixed: Exits) -> Exits:
        """Return the exits that some parameters come to; raises ValueError naming a bad value."""
        return fixed.replaced(self.divided(params)[1])

    def target(self, bars: Bars, params: Params | None = None) -> Floats:
        """Return the wanted position at every close, a signed multiple of equity, shape (n,).

        Row t uses bars up to t only; 0 while the strategy warms up. Exits among the parameters
        change nothing of it.

        Raises: ParametersRejected as ``completed``.
        """
        return self.decide(bars, self.completed(self.divided(params or {})[0]))


def whole_number(low: int, high: int, default: int, group: str) -> Parameter:
    """Return an int parameter."""
    return Parameter(type="int", low=low, high=high, default=default, group=group)


def number(low: float, high: float, default: float, group: str) -> Parameter:
    """Return a float parameter."""
    return Parameter(type="float", low=low, high=high, default=default, group=group)


SHORT = whole_number(0, 1, 1, "sell")  # 0: long or flat only


def held(enter: NDArray[np.bool_], leave: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return where a position is held: since it was entered, and not left; leaving goes first."""
    row = np.arange(len(enter))
    entered = np.maximum.accumulate(np.where(enter & ~leave, row, -1))
    left = np.maximum.accumulate(np.where(leave, row, -1))
    return np.asarray(entered > left)


def both_sides(long: NDArray[np.bool_], short: NDArray[np.bool_], params: Params) -> Floats:
    """Return +1 where long, -1 where short and the parameter ``short`` allows it, else 0."""
    return long.astype(np.float64) - short * params["short"]


def _float(value: object) -> float:
    if not isinstance(value, int | float):
        raise TypeError(f"a strategy's parameters are numbers with bounds and default, got {value}")
    return float(value)
