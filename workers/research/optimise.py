"""Search the parameters of a grid, and say how much of the best of them is luck."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from schemas.research import Grid, OptimizeSpec
from streams.evaluation.overfitting import deflated_sharpe_ratio
from workers.bars.arrays import Bars
from workers.research.charts.search_charts import search_plots
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
from workers.research.trials import join_trials, run_trials, select_trials, trial_target
from workers.research.verdict import Judgement, judge, neighbourhood, score_distribution, verdict

Progress = Callable[[int, int, float | None], object]

TOP = 10
MIN_DAYS = 5  # fewer daily returns carry no Sharpe ratio worth ranking
SHORT_DAYS = 60  # fewer prove nothing, whatever the numbers say
PBO_TRIALS = 2_000  # compared by CSCV; more are thinned evenly, the optimum kept


@dataclass(frozen=True)
class SearchRun:
    """A search that is run: what, on which bars, and who is told."""

    spec: OptimizeSpec
    bars: Bars
    progress: Progress
    cancelled: Callable[[], bool]

    def told(self, done: int, total: int, best: float | None) -> bool:
        """Tell progress; return whether to go on."""
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
    asked = SearchRun(spec, bars, progress, cancelled)
    found, partial = (_whole_grid if spec.sampler == "grid" else _searched)(asked)
    ranked = found.ranked(spec.objective, TOP)
    result = {
        "kind": spec.kind,
        "partial": partial,
        "spec": spec.model_dump(mode="json"),
        **market_facts(bars, spec),
        "objective": spec.objective,
        "total": spec.trials,
        "benchmarks": benchmark_rows(buy_and_hold_account(bars, spec)),
        "distribution": score_distribution(found.sharpe[found.done]),
    }
    if not ranked:
        return result | _nothing(int(found.done.sum()))
    return result | _judged(asked, found, ranked, benchmark_sharpe(result["benchmarks"]))


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


def _judged(asked: SearchRun, found: GridResult, ranked: list[int], hold: float | None) -> JSON:
    spec = asked.spec
    sharpes = found.sharpe[found.done]
    judged = judged_best(asked.bars, spec, found, ranked[0])
    sizes = tuple(len(options) for options in parameter_values(spec).values())
    best_at = tuple(int(i) for i in np.unravel_index(found.indices[ranked[0]], sizes))
    scores = np.full(sizes, np.nan)
    scores.flat[found.indices] = getattr(found, spec.objective)
    around = neighbourhood(scores, best_at)
    rows = [_row(asked, found, number, sharpes) for number in ranked]
    plots = search_plots(found, ranked[0], scores, best_at)
    return {
        **judged.facts,
        "trials": int(found.done.sum()),
        "best_params": rows[0]["params"],
        "best": rows[0],
        "top_10": rows,
        "verdict": _said(judged, around, hold, len(found.day_ms)),
        "neighbourhood": around,
        "heatmap": plots.heatmap,
        "plots": plots.plotly,
        "plots_note": plots.note,
        "png": plots.png() if spec.png else None,
    }


def _said(judged: Judgement, around: JSON, hold: float | None, days: int) -> str:
    said = verdict(judged, hold)
    if days < SHORT_DAYS:
        said += f" {days} days are too few to prove anything: take {SHORT_DAYS} or more."
    if around["shape"] == "lone peak" and not said.startswith("Nothing"):
        kept = "less than half of it"
        said += f" Its neighbours keep {kept}: a lone peak is rarely found again."
    return said


def _row(asked: SearchRun, found: GridResult, number: int, sharpes: np.ndarray) -> JSON:
    """Return one of the best, run once more by the fill engine for its trades."""
    account = simulate_account(asked.bars, trial_target(asked.bars, found, number), asked.spec)
    metrics = account.metrics
    return {
        "params": found.params(number),
        "score": float(getattr(found, asked.spec.objective)[number]),
        "metrics": metrics.model_dump(),
        "probabilistic_sharpe_ratio": metrics.probabilistic_sharpe_ratio,
        "deflated_sharpe_ratio": deflated_sharpe_ratio(account.returns, sharpes),
    }


def _whole_grid(asked: SearchRun) -> tuple[GridResult, bool]:
    """Return what ran of the grid, and whether that is only a part."""
    found = run_trials(asked.bars, asked.spec, progress=asked.told)
    return found, not bool(found.done.all())


def _searched(asked: SearchRun) -> tuple[GridResult, bool]:
    """Return what a sampler tried, and whether it was stopped; a set asked for again runs once."""
    from workers.research.optuna_sampler import GridSampler

    spec, bars = asked.spec, asked.bars
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

    search = GridSampler(spec.sampler, values, spec.seed)
    steps, going = 0, True
    while going and steps < spec.trials:
        search.step(score)
        steps += 1
        going = asked.told(steps, spec.trials, best)
    return join_trials(list(ran.values())), steps < spec.trials


def judged_best(bars: Bars, spec: Grid, found: GridResult, best: int) -> Judgement:
    """Return how the best of what ran stands against luck."""
    some, place = compared(bars, spec, found, best)
    returns = some.returns
    assert returns is not None  # noqa: S101 - the daily equity of what is compared is kept
    return judge(returns[:, place], found.sharpe[found.done], returns)


def compared(bars: Bars, spec: Grid, found: GridResult, best: int) -> tuple[GridResult, int]:
    """Return the sets that CSCV compares, with their daily equity, and the best's place there.

    All that ran, or ``PBO_TRIALS`` spread evenly over them and the best.
    """
    done = np.flatnonzero(found.done)
    some = done[:: max(1, -(-len(done) // PBO_TRIALS))]
    some = np.unique(np.append(some, best))
    place = int(np.searchsorted(some, best))
    if found.equity is not None:
        return (found if len(some) == len(found) else select_trials(found, some)), place
    numbers = found.indices[some].tolist()
    return run_trials(bars, spec, only=numbers, keep_daily=True), place
