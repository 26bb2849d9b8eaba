"""The plots of a search: Optuna's, the neighbourhood of the optimum, the spread of the trials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.research.charts.charts import Chart, ChartSeries, Drawable, HeatMap, rounded
from workers.research.grid import GridResult, parameter_values

MAX_TRIALS = 2_000  # drawn; more are thinned evenly, the optimum kept
MAX_SIDE = 60  # of the heat map; a longer side is cut to the part around the optimum


@dataclass(frozen=True)
class SearchPlots:
    """The plots of one search.

    Attributes:
        plotly: Plotly JSON by name.
        heatmap: Axes and matrix of the neighbourhood; None without a parameter that varies.
        charts: Those that matplotlib draws, too.
        note: What was left out of the plots, for people; empty when nothing was.
    """

    plotly: dict[str, Any]
    heatmap: dict[str, Any] | None
    charts: dict[str, Drawable]
    note: str

    def png(self) -> dict[str, str]:
        """Return the charts as PNG in base64."""
        from workers.research.charts.png import to_png_base64

        return {name: to_png_base64(chart) for name, chart in self.charts.items()}


def search_plots(
    grid_run: GridResult, best: int, scores: NDArray[np.float64], best_at: tuple[int, ...]
) -> SearchPlots:
    """Return the plots of a search.

    Args:
        grid_run: What ran.
        best: Number of the optimum within it.
        scores: Objective, one axis a parameter; NaN where nothing ran.
        best_at: Place of the optimum in ``scores``.
    """
    from workers.research.charts.plotly_json import to_plotly
    from workers.research.optuna_sampler import optuna_plots

    grid = grid_run.grid
    values = parameter_values(grid)
    whole = getattr(grid, "sampler", "grid") == "grid"
    numbers = _drawn_trials(grid_run, best)
    objective = getattr(grid_run, grid.objective)
    trials = [(grid_run.params(i), float(objective[i])) for i in numbers]
    plotly = optuna_plots(trials, values, grid.objective, importance=not whole)
    charts: dict[str, Drawable] = {
        "history": _history(numbers, objective, grid.objective),
        "distribution": _spread(grid_run.sharpe[grid_run.done]),
    }
    if whole and (shares := importances(scores, tuple(values))):
        charts["importance"] = _importance(shares)
    heat = heat_map(scores, values, best_at, grid.objective)
    if heat is not None:
        charts["heatmap"] = heat
    plotly |= {name: to_plotly(chart) for name, chart in charts.items() if name not in plotly}
    ran = int(np.isfinite(objective).sum())
    note = f"{len(numbers):,} of {ran:,} trials are drawn" if len(numbers) < ran else ""
    cells = None if heat is None else heat_json(heat, grid.objective)
    return SearchPlots(plotly, cells, charts, note)


def _drawn_trials(grid_run: GridResult, best: int) -> list[int]:
    known = np.flatnonzero(np.isfinite(getattr(grid_run, grid_run.grid.objective)))
    if len(known) <= MAX_TRIALS:
        return [int(i) for i in known]
    some = known[np.linspace(0, len(known) - 1, MAX_TRIALS - 1).astype(np.int64)]
    return [int(i) for i in np.unique(np.append(some, best))]


def _history(numbers: list[int], objective: NDArray[np.float64], name: str) -> Chart:
    scores = objective[numbers]
    best = np.maximum.accumulate(scores)
    return Chart(
        "Trials as they ran",
        "trial",
        name,
        (
            ChartSeries("trial", numbers, rounded(scores), "points", "quiet"),
            ChartSeries("best so far", numbers, rounded(best), "line", "main"),
        ),
    )


def _spread(sharpes: NDArray[np.float64]) -> Chart:
    known = sharpes[np.isfinite(sharpes)]
    counts, edges = np.histogram(known, bins=30) if known.size > 1 else (np.zeros(1), np.zeros(2))
    middles = (edges[1:] + edges[:-1]) / 2.0
    bars = ChartSeries("trials", rounded(middles, 4), [int(c) for c in counts], "bar")
    return Chart("Sharpe ratios of all trials", "Sharpe ratio", "trials", (bars,))


def importances(scores: NDArray[np.float64], names: tuple[str, ...]) -> dict[str, float]:
    """Return each parameter's share of the spread of scores over a whole grid, main effect alone.

    Largest first; the rest up to 1 is interaction. Empty without spread.
    Source: Hooker (2007), Journal of Computational and Graphical Statistics 16(3); exact, as each
    combination counts once.
    """
    known = np.isfinite(scores)
    total = float(scores[known].var()) if known.any() else 0.0
    if total <= 0.0:
        return {}
    shares = {}
    for axis, name in enumerate(names):
        if scores.shape[axis] < 2:
            continue
        others = tuple(a for a in range(scores.ndim) if a != axis)
        counts = known.sum(axis=others)
        sums = np.where(known, scores, 0.0).sum(axis=others)
        means = sums[counts > 0] / counts[counts > 0]
        weights = counts[counts > 0] / known.sum()
        centre = float((weights * means).sum())
        shares[name] = float((weights * (means - centre) ** 2).sum()) / total
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


def _importance(shares: dict[str, float]) -> Chart:
    bars = ChartSeries("importance", list(shares), list(shares.values()), "bar")
    return Chart(
        "What moves the result", "", "share of the spread", (bars,), "name", y_unit="percent"
    )


def heat_map(
    scores: NDArray[np.float64],
    values: dict[str, tuple[float, ...]],
    best_at: tuple[int, ...],
    objective: str,
) -> HeatMap | None:
    """Return the objective over the first two parameters that vary, the others at the optimum."""
    varying = [axis for axis, size in enumerate(scores.shape) if size > 1][:2]
    if not varying:
        return None
    cut = tuple(slice(None) if a in varying else at for a, at in enumerate(best_at))
    plane = scores[cut].reshape(scores.shape[varying[0]], -1)
    names, options = list(values), list(values.values())
    x_all = options[varying[0]]
    y_all: Sequence[float | str] = ("",)
    y_name, y_at = "", 0
    if len(varying) == 2:
        y_name, y_all, y_at = names[varying[1]], options[varying[1]], best_at[varying[1]]
    x_at = best_at[varying[0]]
    x_part, y_part = _around(x_at, len(x_all)), _around(y_at, len(y_all))
    return HeatMap(
        f"{objective} around the optimum",
        names[varying[0]],
        y_name,
        objective,
        x_all[x_part],
        y_all[y_part],
        [rounded(row, 4) for row in plane[x_part, y_part].T],
        best=(y_at - y_part.start, x_at - x_part.start),
    )


def _around(at: int, size: int) -> slice:
    start = min(max(at - MAX_SIDE // 2, 0), max(size - MAX_SIDE, 0))
    return slice(start, min(start + MAX_SIDE, size))


def heat_json(heat: HeatMap, objective: str) -> dict[str, Any]:
    """Return a heat map's matrix: ``z[row][column]`` at ``(x[column], y[row])``."""
    return {
        "objective": objective,
        "x_name": heat.x_title,
        "y_name": heat.y_title,
        "x": list(heat.x),
        "y": list(heat.y),
        "z": [list(row) for row in heat.z],
        "best": None if heat.best is None else {"row": heat.best[0], "column": heat.best[1]},
    }
