"""Charts as Plotly JSON: plain lists, no template, so that any version of plotly.js draws them.

Written without plotly, whose checks take longer than a back-test; a test puts each through them.
"""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from workers.research.charts.charts import Chart, ChartSeries, Drawable, HeatMap

COLOURS = {
    "main": "#1f77b4",
    "second": "#d9730d",
    "quiet": "#8a94a6",
    "good": "#1a9c6b",
    "bad": "#c2355b",
}
BAND = "rgba(86, 64, 212, 0.07)"
SCALE = "RdBu"
MODES = {"line": "lines", "dashed": "lines", "area": "lines", "points": "markers"}


def to_plotly(drawn: Drawable) -> dict[str, Any]:
    """Return ``{"data": [...], "layout": {...}}`` of a chart."""
    if isinstance(drawn, HeatMap):
        return {"data": _heat_traces(drawn), "layout": _layout(drawn)}
    return {"data": [_trace(each, drawn) for each in drawn.series], "layout": _layout(drawn)}


def to_figure(drawing: dict[str, Any]) -> Any:
    """Return Plotly JSON as a figure of plotly, checked; the only import of plotly."""
    import plotly.graph_objects as go

    return go.Figure(drawing)


def plain(figure: Any) -> Any:
    """Return Plotly JSON with every array as a list of six digits, NaN as null, no template.

    Takes what ``Figure.to_plotly_json`` gives; it is for Optuna's figures.
    """
    if isinstance(figure, dict):
        if set(figure) >= {"dtype", "bdata"}:
            return plain(_decode_array(figure))
        return {key: plain(value) for key, value in figure.items() if key != "template"}
    if isinstance(figure, np.ndarray | list | tuple):
        return [plain(value) for value in figure]
    if isinstance(figure, np.generic):
        figure = figure.item()
    if isinstance(figure, float):
        return float(f"{figure:.6g}") if np.isfinite(figure) else None
    return figure


def _decode_array(typed: dict[str, Any]) -> Any:
    array = np.frombuffer(base64.b64decode(typed["bdata"]), dtype=typed["dtype"])
    shape = str(typed.get("shape", array.size)).split(",")
    return array.reshape([int(part) for part in shape])


def _trace(series: ChartSeries, chart: Chart) -> dict[str, Any]:
    colour = COLOURS[series.tone]
    common = {"name": series.name, "x": list(series.x), "y": list(series.y)}
    if series.style == "bar":
        return {"type": "bar", "marker": {"color": colour}, **common}
    trace: dict[str, Any] = {"type": "scatter", "mode": MODES[series.style], **common}
    if series.style == "points":
        trace["marker"] = {"color": colour, "size": 4, "opacity": 0.6}
    else:
        dash = "dash" if series.style == "dashed" else "solid"
        trace["line"] = {"color": colour, "width": 1.5, "dash": dash}
    if series.style == "area":
        trace["fill"] = "tozeroy"
    trace["connectgaps"] = chart.x_kind == "time"
    return trace


def _heat_traces(heat: HeatMap) -> list[dict[str, Any]]:
    cells: dict[str, Any] = {
        "type": "heatmap",
        "x": list(heat.x),
        "y": list(heat.y),
        "z": [list(row) for row in heat.z],
        "colorscale": SCALE,
        "zmid": 0,
        "colorbar": {"title": {"text": heat.z_title}},
        "hoverongaps": False,
    }
    if heat.best is None:
        return [cells]
    row, column = heat.best
    mark = {
        "type": "scatter",
        "mode": "markers",
        "name": "optimum",
        "x": [heat.x[column]],
        "y": [heat.y[row]],
        "marker": {"symbol": "circle-open", "size": 14, "color": "#111", "line": {"width": 2}},
        "showlegend": False,
    }
    return [cells, mark]


def _layout(drawn: Drawable) -> dict[str, Any]:
    layout: dict[str, Any] = {
        "title": {"text": drawn.title},
        "xaxis": {"title": {"text": drawn.x_title}},
        "yaxis": {"title": {"text": drawn.y_title}},
        "hovermode": "closest",
    }
    if isinstance(drawn, HeatMap):
        return layout
    kinds = {"time": "date", "number": "linear", "name": "category"}
    layout["xaxis"]["type"] = kinds[drawn.x_kind]
    if drawn.y_log:
        layout["yaxis"]["type"] = "log"
    if drawn.x_unit == "percent":
        layout["xaxis"]["tickformat"] = ".0%"
    if drawn.y_unit == "percent":
        layout["yaxis"]["tickformat"] = ".1%"
    layout["hovermode"] = "x unified" if drawn.x_kind == "time" else "closest"
    layout["shapes"] = [
        {
            "type": "rect",
            "xref": "x",
            "yref": "paper",
            "x0": start,
            "x1": end,
            "y0": 0,
            "y1": 1,
            "fillcolor": BAND,
            "line": {"width": 0},
            "layer": "below",
        }
        for start, end in drawn.bands[::2]
    ]
    return layout
