"""What a walk-forward says in words and by window: stability, warnings, verdict, charts."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from streams.evaluation.out_of_sample import coefficient_of_variation
from streams.evaluation.report import Metrics
from workers.bars.arrays import Bars
from workers.research.charts.charts import Chart, ChartSeries
from workers.research.outcome import JSON
from workers.research.verdict import NOISE

FEW_WINDOWS = 5  # below, one lucky window decides
FEW_TRADES = 30  # of a window, below which its result is chance
SURE_T = 2.0  # t-statistic that passes


def parameter_stability(rows: list[JSON], names: tuple[str, ...]) -> JSON:
    """Return for each parameter what was chosen, how often it changed and its variation.

    ``coefficient_of_variation`` is deviation over mean; None for a mean of 0 or one window.
    """
    chosen = [row["params"] for row in rows if row["params"] is not None]
    by_name = {}
    for name in names:
        values = [float(params[name]) for params in chosen]
        changes = sum(a != b for a, b in pairwise(values))
        by_name[name] = {
            "chosen": values,
            "distinct": len(set(values)),
            "changes": changes,
            "coefficient_of_variation": coefficient_of_variation(np.array(values)),
        }
    return by_name


def walk_forward_warnings(rows: list[JSON], bars: Bars) -> list[str]:
    """Return what makes the result weaker than it looks, for people."""
    said = []
    if len(rows) < FEW_WINDOWS:
        said.append(
            f"{len(rows)} windows are few: one lucky one decides; {FEW_WINDOWS} to 8 or more say "
            "something. Shorten test_bars or take a longer span"
        )
    thin = sum(row["out_of_sample"]["trades"] < FEW_TRADES for row in rows)
    if thin:
        said.append(
            f"{thin} of {len(rows)} windows closed fewer than {FEW_TRADES} trades out of sample: "
            "their metrics are mostly chance"
        )
    flat = sum(row["params"] is None for row in rows)
    if flat:
        said.append(f"{flat} windows stayed flat: no set of the grid traded before them")
    if bars.gaps:
        said.append(f"{bars.gaps} bars are missing; nothing was filled in for them")
    return said


def walk_forward_verdict(
    out: Metrics, inside: float | None, pbo: float | None, hold: float | None, windows: int
) -> str:
    """Return in plain words whether what was chosen also earned out of sample."""
    if out.sharpe_ratio is None or out.t_statistic is None:
        return "Nothing here: out of sample there was no trade."
    was = "undefined" if inside is None else f"{inside:.2f}"
    said = (
        f"chosen with a Sharpe ratio of {was} in sample, it had {out.sharpe_ratio:.2f} out of "
        f"sample over {windows} windows (t {out.t_statistic:.1f} of the {SURE_T:g} asked for)"
    )
    if pbo is not None:
        said += f"; PBO of the grid is {pbo:.2f} (noise gives {NOISE})"
    behind = ""
    if hold is not None and hold >= out.sharpe_ratio:
        behind = f" Buy and hold had {hold:.2f} over the same bars."
    if out.t_statistic < SURE_T:
        return f"Nothing here: {said}.{behind}"
    if pbo is not None and pbo >= NOISE:
        return f"Not proven: {said}.{behind}"
    return f"Holds up so far: {said}. What comes next may still differ.{behind}"


def step_charts(rows: list[JSON], bands: list[tuple[int, int]]) -> dict[str, Chart]:
    """Return Sharpe ratios in and out of sample, and the parameters, window by window."""
    starts = [first for first, _ in bands]

    def sharpes(part: str) -> list[float | None]:
        return [None if row[part] is None else row[part]["sharpe_ratio"] for row in rows]

    charts = {
        "sharpe_by_window": Chart(
            "Sharpe ratio by window",
            "",
            "Sharpe ratio",
            (
                ChartSeries("in sample", starts, sharpes("in_sample"), "bar", "quiet"),
                ChartSeries("out of sample", starts, sharpes("out_of_sample"), "bar"),
            ),
            x_kind="time",
        )
    }
    names = next((list(row["params"]) for row in rows if row["params"]), [])
    for name in names:
        values = [None if row["params"] is None else row["params"][name] for row in rows]
        line = (ChartSeries(name, starts, values),)
        charts[f"parameter_{name}"] = Chart(f"Chosen {name}", "", name, line, x_kind="time")
    return charts
