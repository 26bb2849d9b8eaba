"""Walk-forward: choose on one stretch, trade the next, move on, and see how much came back.

Each set's decisions depend on the past alone, so all run once over the whole span; a window then
only looks at days. What is traded is one account that takes over each window's decisions where
the last one's end, and so pays for every change of parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from schemas.exits import NO_EXITS, Exits
from schemas.research import WalkForwardSpec
from streams.evaluation.metrics import daily_returns, equity_returns
from streams.evaluation.out_of_sample import overfitting_ratio, walk_forward_efficiency
from streams.evaluation.overfitting import deflated_sharpe_ratio
from streams.evaluation.report import Metrics
from workers.bars.arrays import Bars
from workers.research.fills import DecidedExits
from workers.research.grid import GridResult, parameter_values
from workers.research.optimise import Progress, judged_best
from workers.research.outcome import (
    JSON,
    SimulatedAccount,
    Vector,
    benchmark_rows,
    benchmark_sharpe,
    buy_and_hold_account,
    market_facts,
    simulate_account,
)
from workers.research.performance import (
    account_charts,
    monthly_returns,
    rendered_charts,
    thinned_curves,
)
from workers.research.robustness import (
    parameter_stability,
    step_charts,
    walk_forward_verdict,
    walk_forward_warnings,
)
from workers.research.trials import run_trials, select_trials, trial_exits, trial_target
from workers.research.windows import WalkForwardWindow, walk_forward_windows, whole_days


def walk_forward(
    spec: WalkForwardSpec, bars: Bars, progress: Progress, cancelled: Callable[[], bool]
) -> JSON:
    """Choose and trade, window after window.

    Args:
        spec: Grid, windows and costs; its market fields have been applied to ``bars``.
        bars: Enough for one window; five windows or more say something.
        progress: Called with how many sets of the grid are done, of how many, and the best so far.
        cancelled: Asked between blocks; True ends it, and the result is ``partial``: windows are
            chosen among the sets that ran.

    Returns: A JSON object: ``windows`` with parameters and in- and out-of-sample metrics,
    ``overfitting_ratio``, ``efficiency``, ``t_statistic`` and metrics of the joined out-of-sample
    ``equity``, ``stability`` of the parameters, ``pbo``, ``verdict`` and ``plots``.
    Raises: ValueError naming what is wrong with the spec, or the bars that are needed.
    """
    windows = walk_forward_windows(spec, bars)
    trials = run_trials(
        bars,
        spec,
        keep_daily=True,
        progress=lambda done, total, best: (progress(done, total, best), not cancelled())[1],
    )
    done = np.flatnonzero(trials.done)
    if not len(done):
        raise ValueError("no parameter set has run: it was cancelled before the first")
    ran = trials if len(done) == len(trials) else select_trials(trials, done)
    steps = _steps(spec, bars, ran, windows)
    return _result(spec, bars, ran, steps) | {
        "partial": len(done) < len(trials),
        "trials": len(done),
        "total": len(trials),
    }


@dataclass(frozen=True, eq=False)
class Step:
    """A window with what was chosen for it.

    Attributes:
        number: Of the chosen set; None where no set had a value, and the window is flat.
        days: Whole days of the training stretch, first and last excluded, within the span's days.
        sharpes: Of every set over those days, yearly.
        target: Decisions of the chosen set over the whole span, shape (n,).
        exits: Of the chosen set.
        inside: The chosen set's metrics over those days.
    """

    window: WalkForwardWindow
    number: int | None
    days: tuple[int, int]
    sharpes: Vector
    target: Vector
    exits: Exits
    inside: Metrics | None


def _steps(
    spec: WalkForwardSpec, bars: Bars, ran: GridResult, windows: list[WalkForwardWindow]
) -> list[Step]:
    """Choose a set for every window; each chosen set is run once by the fill engine."""
    accounts: dict[int, tuple[Vector, SimulatedAccount]] = {}
    steps = []
    for window in windows:
        days = whole_days(bars, window.train)
        measures = ran.segment(*days)
        scores = np.where(np.isfinite(measures[spec.objective]), measures[spec.objective], -np.inf)
        number = int(np.argmax(scores))
        if scores[number] == -np.inf:
            flat = np.zeros(len(bars))
            steps.append(Step(window, None, days, measures["sharpe"], flat, NO_EXITS, None))
            continue
        exits = trial_exits(ran, number)
        if number not in accounts:
            target, decided = trial_target(bars, ran, number), DecidedExits((exits,))
            accounts[number] = target, simulate_account(bars, target, spec, exits=decided)
        target, account = accounts[number]
        inside = account.metrics_between(window.train, account.returns[slice(*days)])
        steps.append(Step(window, number, days, measures["sharpe"], target, exits, inside))
    return steps


def _result(spec: WalkForwardSpec, bars: Bars, ran: GridResult, steps: list[Step]) -> JSON:
    """Return the whole result but for what was cancelled."""
    start, end = steps[0].window.test[0] - 1, steps[-1].window.test[1]
    target, row = np.zeros(len(bars)), np.zeros(len(bars), np.int64)
    for number, step in enumerate(steps):  # decided from the close before the first test bar
        first, last = (at - 1 for at in step.window.test)
        target[first:last] = step.target[first:last]
        row[first:last] = number
    traded = bars[start:end]
    exits = DecidedExits(tuple(step.exits for step in steps), row[start:end])
    account, hold = (
        simulate_account(traded, target[start:end], spec, exits=exits),
        buy_and_hold_account(traded, spec),
    )
    rows = [
        {
            "train": _span(bars, step.window.train),
            "test": _span(bars, step.window.test),
            **_row(ran, account, step, start),
        }
        for step in steps
    ]
    out, benchmarks = account.metrics, benchmark_rows(hold)
    ranked = ran.ranked(spec.objective, 1)
    judged = judged_best(bars, spec, ran, ranked[0] if ranked else 0)
    sharpe, growth = (
        _mean([getattr(step.inside, name) for step in steps if step.inside is not None])
        for name in ("sharpe_ratio", "annual_return")
    )
    bands = [(row["test"]["from_ms"], row["test"]["to_ms"]) for row in rows]
    charts = account_charts(account, hold, bands) | step_charts(rows, bands)
    return {
        "kind": spec.kind,
        "spec": spec.model_dump(mode="json"),
        "scheme": spec.scheme,
        "objective": spec.objective,
        **market_facts(bars, spec),
        **judged.facts,
        "in_sample_sharpe_ratio": sharpe,
        "out_of_sample_sharpe_ratio": out.sharpe_ratio,
        "overfitting_ratio": overfitting_ratio(sharpe, out.sharpe_ratio),
        "efficiency": walk_forward_efficiency(growth, out.annual_return),
        "t_statistic": out.t_statistic,
        "verdict": walk_forward_verdict(
            out, sharpe, judged.pbo, benchmark_sharpe(benchmarks), len(rows)
        ),
        "warnings": walk_forward_warnings(rows, bars),
        "windows": rows,
        "metrics": out.model_dump(),
        "benchmarks": benchmarks,
        "stability": parameter_stability(rows, tuple(parameter_values(spec))),
        "equity": thinned_curves(account, hold),
        "monthly": monthly_returns(account.day_ms, account.returns),
        **rendered_charts(charts, png=spec.png or spec.log),
    }


def _row(ran: GridResult, account: SimulatedAccount, step: Step, start: int) -> JSON:
    """Return one window as the result carries it.

    Args:
        ran: What ran.
        account: What was traded.
        step: The window.
        start: Of the account within all bars.
    """
    first, last = (at - start for at in step.window.test)
    part = slice(first - 1, last)  # from the equity before its first open
    returns = daily_returns(account.bars.close_time_ms[part], account.fills.equity[part])
    outside = account.metrics_between((first, last), returns)
    deflated = sharpe = None
    if step.inside is not None and step.number is not None:
        sharpe = step.inside.sharpe_ratio
        deflated = deflated_sharpe_ratio(_returns(ran, step), step.sharpes)
    return {
        "params": None if step.number is None else ran.params(step.number),
        "in_sample": None if step.inside is None else step.inside.model_dump(),
        "out_of_sample": outside.model_dump(),
        "overfitting_ratio": overfitting_ratio(sharpe, outside.sharpe_ratio),
        "trials": len(ran),
        "deflated_sharpe_ratio": deflated,
    }


def _returns(ran: GridResult, step: Step) -> Vector:
    """Return the chosen set's daily returns over the days it was chosen on."""
    assert ran.equity is not None  # noqa: S101 - daily equity was kept
    first, last = step.days
    return equity_returns(ran.equity[first : last + 1, step.number])


def _span(bars: Bars, span: tuple[int, int]) -> JSON:
    first, last = span
    return {
        "from_ms": int(bars.open_time_ms[first]),
        "to_ms": int(bars.close_time_ms[last - 1]),
        "bars": last - first,
    }


def _mean(values: list[float | None]) -> float | None:
    """Return the mean of those that are defined; None without any."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
