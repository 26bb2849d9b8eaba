"""The same charts as PNG, without a browser. The only place that imports matplotlib."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from typing import Any

import numpy as np

from schemas.timeframes import DAY_MS
from workers.research.charts.charts import Chart, ChartSeries, Drawable, HeatMap
from workers.research.charts.plotly_json import COLOURS

INCHES = (8.0, 4.0)
DPI = 110
MOST_TICKS = 12


def to_png(drawn: Drawable) -> bytes:
    """Return the chart as a PNG file."""

    def draw(axes: Any) -> None:
        axes.set_title(drawn.title, fontsize=11, loc="left")
        axes.set_xlabel(drawn.x_title)
        axes.set_ylabel(drawn.y_title)
        if isinstance(drawn, HeatMap):
            _draw_heat(axes, drawn)
        else:
            _draw_chart(axes, drawn)

    return axes_to_png(draw)


def axes_to_png(draw: Callable[[Any], object], inches: tuple[float, float] = INCHES) -> bytes:
    """Return what a function draws on matplotlib's axes as a PNG file."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=inches, dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    draw(figure.subplots())
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()


def to_png_base64(drawn: Drawable) -> str:
    """Return the PNG in base64, as JSON carries it."""
    return base64.b64encode(to_png(drawn)).decode("ascii")


def _draw_chart(axes: Any, chart: Chart) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.ticker import PercentFormatter

    scale = DAY_MS if chart.x_kind == "time" else 1  # matplotlib counts days from the epoch
    for start, end in chart.bands[::2]:
        axes.axvspan(start / scale, end / scale, color="#5640d4", alpha=0.07, linewidth=0)
    for series in chart.series:
        _draw_series(axes, series, scale)
    axes.grid(visible=True, color="#dbe1e9", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    if chart.x_kind == "time":
        locator = AutoDateLocator()  # type: ignore[no-untyped-call]  # matplotlib.dates has none
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(
            ConciseDateFormatter(locator)  # type: ignore[no-untyped-call]  # as above
        )
    if chart.y_log and any(value for each in chart.series for value in each.y if value):
        axes.set_yscale("log")
    if chart.x_unit == "percent":
        axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    if chart.y_unit == "percent":
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    if len(chart.series) > 1:
        axes.legend(frameon=False, fontsize=8)


def _draw_series(axes: Any, series: ChartSeries, scale: float) -> None:
    colour = COLOURS[series.tone]
    y = np.array([np.nan if value is None else value for value in series.y], dtype=float)
    x: Any = [str(value) for value in series.x]
    if not any(isinstance(value, str) for value in series.x):
        x = np.array(series.x, dtype=float) / scale
    if series.style == "bar":
        axes.bar(x, y, color=colour, label=series.name, width=_bar_width(x))
    elif series.style == "points":
        axes.scatter(x, y, s=6, color=colour, alpha=0.6, label=series.name)
    else:
        line = "--" if series.style == "dashed" else "-"
        axes.plot(x, y, line, color=colour, linewidth=1.2, label=series.name)
    if series.style == "area":
        axes.fill_between(x, y, color=colour, alpha=0.25, linewidth=0)


def _bar_width(x: Any) -> float:
    """Return nine tenths of the way between bars."""
    return 0.9 * float(np.min(np.diff(x))) if isinstance(x, np.ndarray) and len(x) > 1 else 0.8


def _draw_heat(axes: Any, heat: HeatMap) -> None:
    cells = np.array([[np.nan if v is None else v for v in row] for row in heat.z], dtype=float)
    known = np.abs(cells[np.isfinite(cells)])
    reach = float(known.max()) if known.size else 1.0
    image = axes.imshow(
        cells, aspect="auto", origin="lower", cmap="RdBu", vmin=-(reach or 1.0), vmax=reach or 1.0
    )
    axes.figure.colorbar(image, ax=axes, label=heat.z_title)
    for axis, values in ((axes.xaxis, heat.x), (axes.yaxis, heat.y)):
        at = np.unique(np.linspace(0, len(values) - 1, min(len(values), MOST_TICKS)).astype(int))
        names = [values[i] for i in at]
        axis.set_ticks(at, [f"{n:g}" if isinstance(n, float | int) else str(n) for n in names])
    if heat.best is not None:
        row, column = heat.best
        axes.plot(column, row, "o", markersize=11, markerfacecolor="none", color="#111")
