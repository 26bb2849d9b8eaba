"""The parameter sets of a grid over the same bars, with one kind of result.

Factors run by the grid's kernels; a strategy's sets one by one through the fill engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.exits import Exits
from schemas.research import Grid, PerformanceSpec, require_exits
from streams.evaluation.metrics import drawdowns
from workers.bars.arrays import Bars
from workers.research.fills import DecidedExits
from workers.research.grid import GridResult, Progress, blank_result, daily_measures, run_grid
from workers.research.indicators import factor_target
from workers.research.outcome import simulate_account
from workers.research.strategies import strategy_named

Vector = NDArray[np.float64]

MAX_WORK = 2_000_000_000  # bars times sets of a strategy: about a minute


def run_trials(
    bars: Bars,
    grid: Grid,
    *,
    only: Sequence[int] | None = None,
    keep_daily: bool | None = None,
    progress: Progress | None = None,
) -> GridResult:
    """Run every parameter set of a grid, or only some; arguments are those of ``run_grid``."""
    if grid.strategy is None:
        return run_grid(bars, grid, only=only, keep_daily=keep_daily, progress=progress)
    indices = np.arange(grid.combinations) if only is None else np.asarray(only, dtype=np.int64)
    _check(bars, grid, len(indices))
    result = blank_result(bars, grid, indices, keep_daily=keep_daily)
    best: float | None = None
    for number in range(len(indices)):
        score = _run_strategy(bars, grid, result, number)
        if np.isfinite(score):
            best = score if best is None else max(best, score)
        if progress is not None and not progress(number + 1, len(indices), best):
            break
    return result


def _check(bars: Bars, grid: Grid, count: int) -> None:
    """Raise ValueError for a space that the strategy does not have, or too much work."""
    strategy = strategy_named(grid.strategy or "")
    if not grid.space:
        has = ", ".join(f"{n} {p.low:g} to {p.high:g}" for n, p in strategy.parameters.items())
        raise ValueError(f"space is empty: give ranges of some of {strategy.name}'s {has}")
    for edge in ("min", "max"):
        params = {name: getattr(options, edge) for name, options in grid.space.items()}
        own, exits = strategy.divided(params)
        strategy.completed(own)
    require_exits(grid.fixed_exits, {name: grid.space[name] for name in exits})
    if (work := len(bars) * count) > MAX_WORK:
        raise ValueError(
            f"{len(bars):,} bars times {count:,} sets of a strategy are {work:,} steps, at most "
            f"{MAX_WORK:,} are run: widen a step, or take a longer timeframe or a shorter span"
        )


def _run_strategy(bars: Bars, grid: Grid, result: GridResult, number: int) -> float:
    """Run one set, write what it did into the result, and return its objective."""
    target, exits = trial_target(bars, result, number), trial_exits(result, number)
    account = simulate_account(bars, target, grid, exits=DecidedExits((exits,)))
    fills = account.fills
    equity, daily_held = account.daily_equity, account.daily_held
    for name, values in daily_measures(equity[:, None]).items():
        getattr(result, name)[number] = values[0]
    result.bar_drawdown[number] = float(drawdowns(fills.equity).max())
    result.exposure[number] = float(np.mean(fills.position != 0.0))
    result.trades[number] = len(fills.closed)
    result.liquidated[number] = fills.liquidated_at is not None
    result.done[number] = True
    if result.equity is not None and result.held is not None:
        result.equity[:, number] = equity
        result.held[:, number] = daily_held
    return float(getattr(result, grid.objective)[number])


def trial_target(bars: Bars, ran: GridResult, number: int) -> Vector:
    """Return the decisions of one of the sets that ran, shape (n,)."""
    if ran.grid.strategy is not None:
        return strategy_named(ran.grid.strategy).target(bars, ran.params(number))
    return factor_target(bars, ran.factors(number), ran.grid.combine)


def trial_exits(ran: GridResult, number: int) -> Exits:
    """Return the exits of one of the sets that ran."""
    grid, params = ran.grid, ran.params(number)
    if grid.strategy is not None:
        return strategy_named(grid.strategy).exits(params, grid.fixed_exits)
    return grid.fixed_exits.replaced({name: params[name] for name in grid.space})


def fixed_target(spec: PerformanceSpec, bars: Bars) -> Vector:
    """Return the decisions of a back-test at fixed parameters, shape (n,)."""
    if spec.strategy is not None:
        return strategy_named(spec.strategy).target(bars, spec.params)
    return factor_target(bars, spec.all_factors, spec.combine)


def fixed_exits(spec: PerformanceSpec) -> Exits:
    """Return the exits of a back-test at fixed parameters."""
    if spec.strategy is not None:
        return strategy_named(spec.strategy).exits(spec.params, spec.fixed_exits)
    return spec.fixed_exits


def select_trials(ran: GridResult, numbers: NDArray[np.int64]) -> GridResult:
    """Return some of the sets that ran, in the order given."""

    def cut(values: Any) -> Any:
        return None if values is None else values[..., numbers]

    names = {field.name for field in fields(ran)} - {"grid", "day_ms"}
    return replace(ran, **{name: cut(getattr(ran, name)) for name in names})


def join_trials(parts: Sequence[GridResult]) -> GridResult:
    """Return results of single sets as one, in the order they ran; all or none with daily equity.

    Raises: ValueError without any part.
    """
    if not parts:
        raise ValueError("no parameter set has run")
    names = {field.name for field in fields(GridResult)} - {"grid", "day_ms"}

    def whole(name: str) -> Any:
        values = [getattr(part, name) for part in parts]
        return None if values[0] is None else np.concatenate(values, axis=-1)

    return replace(parts[0], **{name: whole(name) for name in names})
