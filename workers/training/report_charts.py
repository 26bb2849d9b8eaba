"""The charts of a model's report: reliability, equity, and the gain of each fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from schemas.diagnostics import ConfidenceBin, ModelEquity
from schemas.models import ModelRegistered
from workers.research.charts.charts import Chart, ChartSeries, Tone

DRAWN_FORECASTS: Mapping[str, tuple[str, Tone]] = {
    "ensemble": ("universal ensemble", "main"),
    "selection": ("selection", "good"),
    "xgboost": ("boosted trees", "second"),
    "lstm": ("sequence network", "quiet"),
}


def report_charts(model: ModelRegistered, record: Mapping[str, Any]) -> dict[str, Chart]:
    """Return the charts of a model by name, for images; those of an older release are fewer.

    Args:
        model: The registered record.
        record: Its ``report.json``.
    """
    charts: dict[str, Chart] = {}
    if model.reliability:
        charts["reliability"] = reliability_chart(model.reliability)
    if model.equity is not None:
        charts["equity"] = equity_chart(model.equity)
        charts["drawdown"] = drawdown_chart(model.equity)
    if folds := record.get("folds"):
        charts["folds"] = folds_chart(folds)
    return charts


def reliability_chart(bins: Sequence[ConfidenceBin]) -> Chart:
    """Return how often calls came true over what was promised, with 5-95 %."""
    promised = [one.confidence for one in bins]
    ends = [(*one.interval, None) if one.interval else (None, None, None) for one in bins]
    return Chart(
        "Reliability: came true over promised",
        "promised",
        "came true",
        (
            ChartSeries("honest", (0.0, 1.0), (0.0, 1.0), "dashed", "quiet"),
            ChartSeries(  # one upright a bin, then a hole
                "5-95 %",
                [at for at in promised for _ in range(3)],
                [end for three in ends for end in three],
            ),
            ChartSeries("came true", promised, [one.hit_rate for one in bins], "points"),
        ),
        x_unit="percent",
        y_unit="percent",
    )


def rows_chart(bins: Sequence[ConfidenceBin]) -> Chart:
    """Return how many rows each range of confidence has."""
    promised, rows = [one.confidence for one in bins], [one.rows for one in bins]
    bars = ChartSeries("rows", promised, rows, "bar", "quiet")
    edges = ChartSeries("", (0.0, 1.0), (0.0, 0.0), tone="quiet")
    return Chart("Rows by promised confidence", "promised", "rows", (bars, edges))


def equity_chart(curve: ModelEquity) -> Chart:
    """Return what one unit became by the calls out of sample."""
    return Chart(
        "Equity of the calls out of sample, after costs",
        "",
        "start = 1",
        (
            ChartSeries("start", _ends(curve), (1.0, 1.0), "dashed", "quiet"),
            ChartSeries("equity", curve.times_ms, curve.equity),
        ),
        x_kind="time",
    )


def drawdown_chart(curve: ModelEquity) -> Chart:
    """Return how far the equity lay below its highest value before."""
    equity = np.array(curve.equity)
    falls = (equity / np.maximum.accumulate(equity) - 1.0).tolist() if len(equity) else []
    return Chart(
        "Drawdown",
        "",
        "",
        (ChartSeries("drawdown", curve.times_ms, falls, "area", "bad"),),
        x_kind="time",
        y_unit="percent",
    )


def _ends(curve: ModelEquity) -> Sequence[int]:
    return (curve.times_ms[0], curve.times_ms[-1]) if curve.times_ms else ()


def folds_chart(folds: Sequence[Mapping[str, Any]]) -> Chart:
    """Return by how much each member beat the class shares in each fold, nats a row."""
    starts = [fold["from_ms"] for fold in folds]
    names = [name for name in DRAWN_FORECASTS if folds and name in folds[0]]
    zero = ChartSeries("class shares", starts, [0.0] * len(starts), "dashed", "quiet")
    lines = [
        ChartSeries(DRAWN_FORECASTS[name][0], starts, _gains(folds, name), "line", tone)
        for name in names
        for tone in [DRAWN_FORECASTS[name][1]]
    ]
    title = "Gain over the class shares by fold, nats"
    return Chart(title, "", "", (zero, *lines), x_kind="time")


def _gains(folds: Sequence[Mapping[str, Any]], name: str) -> list[float | None]:
    pairs = [(fold["class_prior"]["log_loss"], fold[name]["log_loss"]) for fold in folds]
    return [None if prior is None or own is None else prior - own for prior, own in pairs]
