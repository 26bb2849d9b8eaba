"""What a request searches: presets, groups and ranges of a strategy's parameters, checked.

The gateway refuses by it what a registered strategy cannot do; the worker searches by it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from schemas.research import (
    Choice,
    Objective,
    Optimization,
    Parameter,
    Preset,
    TuningSpec,
    require_searched_exits,
)

EPOCHS = 100
OBJECTIVES: tuple[Objective, ...] = ("sharpe",)

# Exits of every strategy, with the ranges in which they are searched by their group.
EXITS = {
    "roi_min": Parameter(type="float", low=0.005, high=0.2, group="roi"),
    "stoploss": Parameter(type="float", low=-0.25, high=-0.01, group="stoploss"),
    "trailing_stop": Parameter(type="float", low=0.005, high=0.1, group="trailing"),
    "trailing_offset": Parameter(type="float", low=0.0, high=0.1, group="trailing"),
    "hold_bars": Parameter(type="int", low=1, high=500, group="time"),
}

# As documented; a preset names the groups of every strategy, also ones that this one lacks.
PRESETS = {
    "quick": Preset(epochs=50, spaces=("buy",)),
    "standard": Preset(epochs=200, spaces=("buy", "sell")),
    "production": Preset(
        epochs=1000, spaces=("buy", "sell", "roi", "stoploss", "trailing"), walk_forward=True
    ),
}


@dataclass(frozen=True)
class Space:
    """What is searched and what is fixed.

    Attributes:
        searched: Ranges by name.
        fixed: The strategy's other parameters at their defaults.
        exits: Names of those searched that are exits.
        objectives: All maximised.
        n_trials: In all.
    """

    searched: Mapping[str, Parameter]
    fixed: Mapping[str, Choice]
    exits: frozenset[str]
    objectives: tuple[Objective, ...]
    n_trials: int


class SpaceRejected(ValueError):
    """The request names something that is not there; the message lists what is."""


def resolve_space(spec: TuningSpec, declared: Mapping[str, Parameter]) -> Space:
    """Return what a request searches.

    What the request says itself wins over its preset, the preset over the config's defaults. Exits
    are searched where they are named, one by one or by their group.

    Args:
        spec: The request.
        declared: Parameters of the strategy; one with the name of an exit is its own.

    Raises:
        SpaceRejected: Unknown preset, group or parameter, a range that is none for its parameter,
            or a sampler that cannot take the space.
    """
    preset, defaults = _named_preset(spec)
    searched = _searched(spec, declared, preset.spaces or defaults.spaces)
    space = Space(
        searched=searched,
        fixed={n: _default(n, each) for n, each in declared.items() if n not in searched},
        exits=frozenset(searched) - set(declared),
        objectives=(
            spec.loss_function or preset.loss_function or defaults.loss_function or OBJECTIVES
        ),
        n_trials=spec.n_trials or preset.epochs or defaults.epochs or EPOCHS,
    )
    require_searched_exits(spec.fixed_exits, {name: searched[name] for name in space.exits})
    _check_sampler(spec, space)
    return space


def _default(name: str, parameter: Parameter) -> Choice:
    if parameter.default is None:
        raise SpaceRejected(f"parameter {name} has no default: it has to be searched")
    return parameter.default


def _named_preset(spec: TuningSpec) -> tuple[Preset, Preset]:
    """Return the preset that was named, or an empty one, and the defaults."""
    config = spec.optimization or Optimization()
    presets = PRESETS | config.presets
    if spec.preset is None:
        return Preset(), config.defaults
    if spec.preset not in presets:
        raise SpaceRejected(_unknown("preset", [spec.preset], presets))
    return presets[spec.preset], config.defaults


def _searched(
    spec: TuningSpec, declared: Mapping[str, Parameter], named: Collection[str]
) -> dict[str, Parameter]:
    known = {**EXITS, **declared}
    if spec.param_space:
        if spec.spaces:
            raise SpaceRejected("param_space says what is searched: leave out spaces")
        if strange := sorted(set(spec.param_space) - set(known)):
            raise SpaceRejected(_unknown("parameter", strange, known))
        for name in spec.param_space.keys() & declared.keys():
            _check_range(name, spec.param_space[name], declared[name])
        return dict(spec.param_space)
    groups = {each.group for each in known.values() if each.group is not None}
    if strange := sorted(set(spec.spaces) - groups):
        raise SpaceRejected(_unknown("space", strange, groups))
    wanted = set(spec.spaces or named)
    if not wanted:
        return dict(declared)
    searched = {name: each for name, each in known.items() if each.group in wanted}
    if not searched:
        raise SpaceRejected(
            f"{spec.strategy_name} has no parameter in {', '.join(sorted(wanted))}; "
            f"its spaces: {', '.join(sorted(groups)) or 'none'}"
        )
    return searched


def _check_range(name: str, wanted: Parameter, declared: Parameter) -> None:
    """Refuse values that the parameter cannot have."""
    if declared.type == "categorical":
        if wanted.type != "categorical":
            raise SpaceRejected(f"parameter {name} is categorical, got {wanted.type}")
        if strange := [str(value) for value in wanted.choices if value not in declared.choices]:
            raise SpaceRejected(_unknown(f"choice of {name}", strange, map(str, declared.choices)))
        return
    values = wanted.choices if wanted.type == "categorical" else (wanted.low, wanted.high)
    numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    if len(numbers) != len(values):
        raise SpaceRejected(f"parameter {name} is a number, got {', '.join(map(str, values))}")
    fraction = wanted.type == "float" or any(v != int(v) for v in numbers)
    if declared.type == "int" and fraction:
        raise SpaceRejected(f"parameter {name} is a whole number, got {wanted.type} {numbers}")
    low, high = declared.low, declared.high
    if low is not None and high is not None and not all(low <= v <= high for v in numbers):
        raise SpaceRejected(
            f"parameter {name} goes from {low:g} to {high:g}, got {min(numbers):g} to "
            f"{max(numbers):g}"
        )


def _check_sampler(spec: TuningSpec, space: Space) -> None:
    names = [name for name, each in space.searched.items() if each.type == "categorical"]
    if spec.sampler == "CmaEsSampler" and names:
        raise SpaceRejected(
            f"CmaEsSampler has no order to follow in the categorical {', '.join(sorted(names))}: "
            "use TPESampler, or fix them"
        )
    if len(space.objectives) > 1 and spec.sampler != "NSGAIISampler":
        raise SpaceRejected(
            f"{' and '.join(space.objectives)} together need NSGAIISampler, not {spec.sampler}"
        )
    if len(space.objectives) > 1 and spec.pruning:
        raise SpaceRejected("pruning needs one loss_function")


def _unknown(kind: str, strange: Collection[str], known: Collection[str] | map[str]) -> str:
    names = ", ".join(sorted(known)) or "none"
    return f"unknown {kind} {', '.join(strange)}; expected one of {names}"
