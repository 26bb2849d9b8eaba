"""What a research job takes from the config of a strategy where its request is silent.

The job's record carries all of it: no worker reads the config again.
"""

from __future__ import annotations

import calendar
from typing import Any

from schemas.configs import ConfigUse, Content
from schemas.research import OptimizeSpec, PerformanceSpec, TuningSpec, WalkForwardSpec
from streams.configs.content import StrategyConfig, parse_config

JobSpec = OptimizeSpec | PerformanceSpec | WalkForwardSpec | TuningSpec


def strategy_field(spec: JobSpec) -> str:
    """Return the field that names the strategy of a job."""
    return "strategy_name" if isinstance(spec, TuningSpec) else "strategy"


def entry_point(name: str, content: Content) -> str:
    """Return what a config runs; a silent one what has the strategy's own name."""
    return parse_config(content).strategy.entry_point or name


def with_config(spec: JobSpec, name: str, config_id: str, content: Content) -> JobSpec:
    """Return the request of a job with what the config of its strategy says.

    Args:
        spec: A request that names the strategy.
        name: Of the strategy.
        config_id: Of the version.
        content: Normalised.

    Raises: pydantic.ValidationError where both together are no request.
    """
    config = parse_config(content)
    said = spec.model_dump(exclude_unset=True)
    taken = {
        field: value
        for field, value in (_market(config, said) | _search(spec, config)).items()
        if field not in said
    }
    use = ConfigUse(
        strategy=name,
        config_id=config_id,
        taken=tuple(sorted(taken)),
        experiment_name=config.mlflow.experiment_name,
        auto_log_params=config.mlflow.auto_log_params,
    )
    runs = {strategy_field(spec): entry_point(name, content), "config": use.model_dump()}
    return type(spec).model_validate({**said, **taken, **runs})


def _market(config: StrategyConfig, said: dict[str, Any]) -> dict[str, Any]:
    defaults = config.strategy_service.defaults
    taken: dict[str, Any] = {}
    if config.strategy.timeframe is not None:
        taken["timeframe"] = config.strategy.timeframe
    if defaults.symbols:
        taken["symbol"] = defaults.symbols[0]  # a job is of one market
    if config.exits is not None:
        taken["exits"] = config.exits.model_dump(exclude_unset=True)
    if not said.keys() & {"from_ms", "to_ms"}:  # half of one span and half of another is neither
        taken |= _span(defaults.timerange)
    return taken | _size(config, said)


def _span(timerange: str | None) -> dict[str, int]:
    first, _, last = (timerange or "-").partition("-")
    edges = {"from_ms": first, "to_ms": last}
    return {name: _midnight_ms(day) for name, day in edges.items() if day}


def _midnight_ms(day: str) -> int:
    """Return the beginning of a day, YYYYMMDD, UTC."""
    return calendar.timegm((int(day[:4]), int(day[4:6]), int(day[6:8]), 0, 0, 0)) * 1000


def _size(config: StrategyConfig, said: dict[str, Any]) -> dict[str, float]:
    """Return equity and leverage of an account of which one market takes one of its trades.

    The account has ``stake_amount`` for each of ``max_open_trades``; the job's market trades with
    one stake.
    """
    defaults = config.strategy_service.defaults
    stake, trades = defaults.stake_amount, defaults.max_open_trades or 1
    if stake is None:
        return {} if defaults.max_open_trades is None else {"leverage": 1.0 / trades}
    equity = said.get("equity", stake * trades)
    return {"equity": equity, "leverage": stake / equity}


def _search(spec: JobSpec, config: StrategyConfig) -> dict[str, Any]:
    if not isinstance(spec, TuningSpec) or config.optimization is None:
        return {}
    return {"optimization": config.optimization.model_dump(exclude_unset=True)}
