"""Search the parameters of a grid, and say how much of the best of them is luck."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from schemas.research import Grid, OptimizeSpec
from streams.evaluation.overfitting import deflated_sharpe_ratio
from workers.bars.arrays import Bars
from workers.research.charts.search_charts import search_plots
from workers.research.fills import DecidedExits
from workers.research.grid import GridResult, parameter_values
from workers.research.outcome import (
    JSON,
    benchmark_rows,
    benchmark_sharpe,
    buy_and_hold_account,
    market_facts,
    require_span,
    simulate_account,
)
from workers.research.trials import (
    join_trials,
    run_trials,
    select_trials,
    trial_exits,
    trial_target,
)
from workers.research.verdict import Judgement, judge, neighbourhood, score_distribution, verdict

Progress = Callable[[int, int, float | None], object]

TOP = 10
MIN_DAYS = 5  # fewer daily returns carry no Sharpe ratio worth ranking
SHORT_DAYS = 60  # fewer prove nothing, whatever the numbers say
PBO_TRIALS = 2_000  # compared by CSCV; more are thinned evenly, the optimum kept


@dataclass(frozen=True)
class SearchRun:
    """A search: what to try, on which bars, and who hears of its progress."""

    spec: OptimizeSpec
    bars: Bars
    progress: Progress
    cancelled: Callable[[], bool]

    def tell(self, done: int, total: int, best: float | None) -> bool:
        """Report progress; return whether to go on."""
        self.progress(done, total, best)
        return not self.cancelled()


def optimise(
    spec: OptimizeSpec, bars: Bars, progress: Progress, cancelled: Callable[[], bool]
) -> JSON:
    """Try the parameter sets of a grid, all of them or a sampler's, and judge the best.

    Args:
        spec: What to try; its market fields have been applied to ``bars``.
        bars: Two at least.
        progress: Called with how many are done, of how many, and the best objective so far.
        cancelled: Looked at between blocks of trials; True ends the search, and the
            result is ``partial``.

    Returns: A JSON object: ``best_params``, ``top_10``, ``deflated_sharpe_ratio``, ``pbo``,
    ``verdict``, ``distribution``, ``heatmap``, ``neighbourhood``, ``plots`` and what it ran on.
    Undefined numbers are None.
    Raises: ValueError naming what is wrong with the spec or too little in the bars.
    """
    require_span(bars, MIN_DAYS, "a search")
    search = SearchRun(spec, bars, progress, cancelled)
    ran, partial = (_whole_grid if spec.sampler == "grid" else _searched)(search)
    ranked = ran.ranked(spec.objective, TOP)
    result = {
        "kind": spec.kind,
        "partial": partial,
        "spec": spec.model_dump(mode="json"),
        **market_facts(bars, spec),
        "objective": spec.objective,
        "total": spec.trials,
        "benchmarks": benchmark_rows(buy_and_hold_account(bars, spec)),
        "distribution": score_distribution(ran.sharpe[ran.done]),
    }
    if not ranked:
        return result | _nothing(int(ran.done.sum()))
    return result | _judged(search, ran, ranked, benchmark_sharpe(result["benchmarks"]))


def _nothing(trials: int) -> JSON:
    """Return the rest of a result in which no trial has a value."""
    said = "no combination has run" if trials == 0 else f"none of {trials:,} combinations traded"
    empty = ("best_params", "best", "deflated_sharpe_ratio", "pbo", "heatmap", "neighbourhood")
    return dict.fromkeys(empty) | {
        "trials": trials,
        "top_10": [],
        "plots": {},
        "plots_note": "",
        "png": None,
        "verdict": f"Nothing here: {said}.",
    }


def _judged(search: SearchRun, ran: GridResult, ranked: list[int], hold: float | None) -> JSON:
    spec = search.spec
    sharpes = ran.sharpe[ran.done]
    judged = judged_best(search.bars, spec, ran, ranked[0])
    sizes = tuple(len(options) for options in parameter_values(spec).values())
    best_at = tuple(int(i) for i in np.unravel_index(ran.indices[ranked[0]], sizes))
    scores = np.full(sizes, np.nan)
    scores.flat[ran.indices] = getattr(ran, spec.objective)
    around = neighbourhood(scores, best_at)
    rows = [_row(search, ran, number, sharpes) for number in ranked]
    plots = search_plots(ran, ranked[0], scores, best_at)
    return {
        **judged.facts,
        "trials": int(ran.done.sum()),
        "best_params": rows[0]["params"],
        "best": rows[0],
        "top_10": rows,
        "verdict": _said(judged, around, hold, len(ran.day_ms)),
        "neighbourhood": around,
        "heatmap": plots.heatmap,
        "plots": plots.plotly,
        "plots_note": plots.note,
        "png": plots.png() if spec.png or spec.log else None,
    }


def _said(judged: Judgement, around: JSON, hold: float | None, days: int) -> str:
    text = verdict(judged, hold)
    if days < SHORT_DAYS:
        text += f" {days} days are too few to prove anything: take {SHORT_DAYS} or more."
    if around["shape"] == "lone peak" and not text.startswith("Nothing"):
        text += " Its neighbours keep less than half of it: a lone peak is rarely found again."
    return text


def _row(search: SearchRun, ran: GridResult, number: int, sharpes: np.ndarray) -> JSON:
    """Return one of the best, run once more by the fill engine for its trades."""
    target, exits = trial_target(search.bars, ran, number), trial_exits(ran, number)
    account = simulate_account(search.bars, target, search.spec, exits=DecidedExits((exits,)))
    metrics = account.metrics
    return {
        "params": ran.params(number),
        "score": float(getattr(ran, search.spec.objective)[number]),
        "metrics": metrics.model_dump(),
        "probabilistic_sharpe_ratio": metrics.probabilistic_sharpe_ratio,
        "deflated_sharpe_ratio": deflated_sharpe_ratio(account.returns, sharpes),
    }


def _whole_grid(search: SearchRun) -> tuple[GridResult, bool]:
    """Return what ran of the grid, and whether that is only a part."""
    ran = run_trials(search.bars, search.spec, progress=search.tell)
    return ran, not bool(ran.done.all())


def _searched(search: SearchRun) -> tuple[GridResult, bool]:
    """Return what a sampler tried, and whether it was stopped; a set drawn twice runs once."""
    from workers.research.optuna_sampler import GridSampler

    spec, bars = search.spec, search.bars
    values = parameter_values(spec)
    sizes = [len(options) for options in values.values()]
    ran: dict[int, GridResult] = {}
    best: float | None = None

    def score(params: dict[str, float]) -> float | None:
        nonlocal best
        digits = [values[name].index(value) for name, value in params.items()]
        number = int(np.ravel_multi_index(digits, sizes))
        if number not in ran:
            ran[number] = run_trials(bars, spec, only=[number], keep_daily=True)
        value = float(getattr(ran[number], spec.objective)[0])
        if not np.isfinite(value):
            return None
        best = value if best is None else max(best, value)
        return value

    sampler = GridSampler(spec.sampler, values, spec.seed)
    steps, going = 0, True
    while going and steps < spec.trials:
        sampler.step(score)
        steps += 1
        going = search.tell(steps, spec.trials, best)
    return join_trials(list(ran.values())), steps < spec.trials


def judged_best(bars: Bars, spec: Grid, ran: GridResult, best: int) -> Judgement:
    """Return how the best of what ran stands against luck."""
    some, place = compared(bars, spec, ran, best)
    returns = some.returns
    assert returns is not None  # noqa: S101 - the daily equity of what is compared is kept
    return judge(returns[:, place], ran.sharpe[ran.done], returns)


def compared(bars: Bars, spec: Grid, ran: GridResult, best: int) -> tuple[GridResult, int]:
    """Return the sets that CSCV compares, with their daily equity, and the best's place there.

    All that ran, or ``PBO_TRIALS`` spread evenly over them and the best.
    """
    done = np.flatnonzero(ran.done)
    some = done[:: max(1, -(-len(done) // PBO_TRIALS))]
    some = np.unique(np.append(some, best))
    place = int(np.searchsorted(some, best))
    if ran.equity is not None:
        return (ran if len(some) == len(ran) else select_trials(ran, some)), place
    numbers = ran.indices[some].tolist()
    return run_trials(bars, spec, only=numbers, keep_daily=True), place
