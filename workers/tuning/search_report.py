"""What came of a study: its best, set against luck, and the one look at the holdout."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna import Study
from optuna.trial import FrozenTrial, TrialState

from schemas.research import TuningSpec
from schemas.search_space import Space
from streams.evaluation.metrics import sharpe_ratio
from streams.evaluation.out_of_sample import overfitting_ratio, walk_forward_efficiency
from workers.bars.arrays import Bars
from workers.research.charts.plotly_json import plain
from workers.research.outcome import (
    JSON,
    SimulatedAccount,
    benchmark_rows,
    benchmark_sharpe,
    buy_and_hold_account,
    covered_days,
    market_facts,
)
from workers.research.verdict import judge, score_distribution, verdict
from workers.studies.study import finished_trials
from workers.tuning.objective import WINDOW_DAYS, Split, WindowScorer

COMPARED = 1_000  # trials run again for PBO and the spread of their Sharpe ratios
MAX_LINES = 300  # of parallel coordinates: more is a grey block

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class FinishedSearch:
    """A search that ended, or was stopped, and what it ran on."""

    spec: TuningSpec
    space: Space
    bars: Bars
    split: Split
    trialled: WindowScorer


def tuning_report(tuned: FinishedSearch, study: Study, *, partial: bool) -> JSON:
    """Return the result of a search as a JSON object; undefined numbers are None.

    The best of several objectives is the first's; ``front`` has them all. ``in_sample`` is every
    window after the other, ``out_of_sample`` the holdout, run here for the first time.
    """
    trials = finished_trials(study, tuned.space.n_trials)
    counted = [t for t in trials if t.state != TrialState.FAIL]
    complete = [t for t in counted if t.state == TrialState.COMPLETE]
    result: JSON = {
        "kind": tuned.spec.kind,
        "strategy": tuned.spec.strategy_name,
        "partial": partial,
        **market_facts(tuned.bars, tuned.spec),
        "objective": tuned.space.objectives[0],
        "objectives": list(tuned.space.objectives),
        "sampler": tuned.spec.sampler,
        "seed": tuned.spec.seed,
        "n_trials": tuned.space.n_trials,
        "trials": len(counted),
        "pruned": len(counted) - len(complete),
        "failed": len(trials) - len(counted),
        "failures": sorted({t.user_attrs.get("cause", "") for t in trials} - {""})[:5],
        "fixed_params": dict(tuned.space.fixed),
        "exits": None if tuned.spec.exits is None else tuned.spec.exits.model_dump(mode="json"),
        "windows": _spans(tuned.bars, tuned.split.windows),
        "holdout": _spans(tuned.bars, (tuned.split.holdout,))[0],
        "trial_table": [_row(tuned, trial) for trial in trials],
    }
    if not complete:
        return result | _nothing(len(counted))
    best = max(complete, key=lambda t: (t.values[0], -t.number))
    return result | _judged(tuned, study, counted, best)


def _nothing(trials: int) -> JSON:
    empty = ("best_params", "best_value", "best_trial", "in_sample", "out_of_sample")
    names = (*empty, "deflated_sharpe_ratio", "pbo", "overfitting_ratio")
    return dict.fromkeys(names) | {
        "front": [],
        "importance": {},
        "plots": {},
        "verdict": f"Nothing here: none of {trials:,} trials ran to its end.",
    }


def _judged(
    tuned: FinishedSearch, study: Study, counted: list[FrozenTrial], best: FrozenTrial
) -> JSON:
    chosen = _thinned(counted, best)
    returns = np.column_stack([tuned.trialled.returns(t.params) for t in chosen])
    sharpes = np.full(len(counted), np.nan)
    for place, trial in enumerate(chosen):
        value = sharpe_ratio(returns[:, place])
        sharpes[counted.index(trial)] = np.nan if value is None else value
    judged = judge(returns[:, chosen.index(best)], sharpes, returns)
    inside = _in_sample_metrics(tuned, best)
    outside = _holdout(tuned, best)
    hold = benchmark_rows(buy_and_hold_account(tuned.bars[tuned.split.holdout], tuned.spec))
    known = [outside.metrics.sharpe_ratio, outside.metrics.annual_return]
    return {
        **judged.facts,
        "best_trial": best.number,
        "best_params": {**tuned.space.fixed, **best.params},
        "best_value": best.values[0],
        "front": [_row(tuned, t) for t in study.best_trials] if len(best.values) > 1 else [],
        "in_sample": inside,
        "out_of_sample": outside.metrics.model_dump(),
        "benchmarks": hold,
        "overfitting_ratio": overfitting_ratio(judged.sharpe, known[0]),
        "walk_forward_efficiency": walk_forward_efficiency(inside["annual_return"], known[1]),
        "distribution": score_distribution(sharpes),
        "verdict": _said(verdict(judged, None), known[0], benchmark_sharpe(hold)) + _few(tuned),
        "importance": _importance(study),
        "plots": _plots(tuned, study),
        "equity": _equity(outside),
    }


def _thinned(counted: list[FrozenTrial], best: FrozenTrial) -> list[FrozenTrial]:
    """Return all trials, or as many as are compared, evenly spaced, the best among them."""
    if len(counted) <= COMPARED:
        return counted
    even = {counted[int(i)].number for i in np.linspace(0, len(counted) - 1, COMPARED - 1)}
    return [t for t in counted if t.number in even | {best.number}]


def _in_sample_metrics(tuned: FinishedSearch, best: FrozenTrial) -> JSON:
    """Return the metrics of the windows as one run of all of them."""
    part = tuned.split.in_sample
    target = tuned.trialled.target(tuned.bars[part], best.params)
    return tuned.trialled.run(tuned.bars, target, best.params, part).metrics.model_dump()


def _holdout(tuned: FinishedSearch, best: FrozenTrial) -> SimulatedAccount:
    target = tuned.trialled.target(tuned.bars, best.params)
    return tuned.trialled.run(tuned.bars, target, best.params, tuned.split.holdout)


def _said(judged: str, outside: float | None, hold: float | None) -> str:
    value = "has no Sharpe ratio" if outside is None else f"has a Sharpe ratio of {outside:.2f}"
    beside = "" if hold is None else f", buy and hold {hold:.2f}"
    return f"{judged} On the holdout, which no trial saw, it {value}{beside}."


def _few(tuned: FinishedSearch) -> str:
    """Return what the bars were too few for; empty when they were enough."""
    days = covered_days(tuned.bars[tuned.split.in_sample])
    count = len(tuned.split.windows)
    if count == tuned.spec.windows and days >= count * WINDOW_DAYS:
        return ""
    return (
        f" The bars are few: {count} of {tuned.spec.windows} windows over {days} days, where "
        f"{tuned.spec.windows * WINDOW_DAYS} days are asked for."
    )


def _spans(bars: Bars, parts: tuple[slice, ...]) -> list[JSON]:
    return [
        {
            "from_ms": int(bars.open_time_ms[part.start]),
            "to_ms": int(bars.close_time_ms[part.stop - 1]),
        }
        for part in parts
    ]


def _row(tuned: FinishedSearch, trial: FrozenTrial) -> JSON:
    names = tuned.space.objectives
    taken = trial.duration
    return {
        "number": trial.number,
        "state": trial.state.name.lower(),
        "params": dict(trial.params),
        "values": dict(zip(names, trial.values, strict=False)) if trial.values else None,
        "windows": trial.user_attrs.get("windows"),
        "seconds": None if taken is None else round(taken.total_seconds(), 3),
    }


def _importance(study: Study) -> dict[str, float]:
    """Return each parameter's share in the value, by PED-ANOVA; empty where it is undefined."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # that all are of the same value
        try:
            shares = optuna.importance.get_param_importances(study)
        except (RuntimeError, ValueError, UserWarning):
            return {}
    return {name: float(value) for name, value in shares.items()}


def _plots(tuned: FinishedSearch, study: Study) -> dict[str, Any]:
    """Return Optuna's plots as Plotly JSON."""
    draw, names = optuna.visualization, sorted(tuned.space.searched)
    if len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))) < 2:
        return {}
    if len(tuned.space.objectives) > 1:
        front = draw.plot_pareto_front(study, target_names=list(tuned.space.objectives))
        return {"front": plain(front.to_plotly_json())}
    title = tuned.space.objectives[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        figures = {
            "history": draw.plot_optimization_history(study, target_name=title),
            "parallel": draw.plot_parallel_coordinate(
                _fewer(study), params=names, target_name=title
            ),
            "slice": draw.plot_slice(_fewer(study), params=names, target_name=title),
        }
        if len(names) > 1:
            figures["contour"] = draw.plot_contour(study, params=names[:2], target_name=title)
    return {name: plain(figure.to_plotly_json()) for name, figure in figures.items()}


def _fewer(study: Study) -> Study:
    """Return the best third of what a plot can show, and the rest evenly spaced."""
    trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(trials) <= MAX_LINES:
        return study
    best = sorted(trials, key=lambda t: -t.values[0])[: MAX_LINES // 3]
    even = [trials[int(i)] for i in np.linspace(0, len(trials) - 1, MAX_LINES - len(best))]
    fewer = optuna.create_study(direction="maximize")
    fewer.add_trials(list({t.number: t for t in [*best, *even]}.values()))
    return fewer


def _equity(outside: SimulatedAccount) -> JSON:
    """Return the holdout's equity at the end of each day, the start being 1."""
    grown = np.cumprod(1.0 + outside.returns)
    return {"time_ms": outside.day_ms.tolist(), "equity": [float(f"{e:.6g}") for e in grown]}
