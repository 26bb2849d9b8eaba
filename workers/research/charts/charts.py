"""Charts as plain records: what is drawn, apart from the library that draws it.

Plotly (``plots``), matplotlib (``figures``) and the HTML report (``svg``) draw the same records.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Number = float | int | None
Style = Literal["line", "dashed", "area", "bar", "points"]
Tone = Literal["main", "second", "quiet", "good", "bad"]

MAX_POINTS = 2_000  # of a line; more are no wider than a pixel


@dataclass(frozen=True)
class ChartSeries:
    """One line, area or set of bars; a None in ``y`` is a hole.

    Attributes:
        name: For the legend.
        x: Numbers, UTC epoch ms on a chart over time, or names.
        y: As long as ``x``.
        style: How it is drawn; an ``area`` is filled to 0.
        tone: Its part in the chart; the library that draws chooses the colour.
    """

    name: str
    x: Sequence[Number | str]
    y: Sequence[Number]
    style: Style = "line"
    tone: Tone = "main"


@dataclass(frozen=True)
class Chart:
    """Series on one pair of axes.

    Attributes:
        x_kind: ``time`` is UTC epoch ms.
        y_unit: ``percent`` shows fractions as percent.
        y_log: Equal distances are equal ratios.
        bands: Spans of ``x`` shaded in turn, e.g. the windows of a walk-forward.
        x_unit: As ``y_unit``.
    """

    title: str
    x_title: str
    y_title: str
    series: tuple[ChartSeries, ...]
    x_kind: Literal["time", "number", "name"] = "number"
    y_unit: Literal["number", "percent"] = "number"
    y_log: bool = False
    bands: tuple[tuple[float, float], ...] = ()
    x_unit: Literal["number", "percent"] = "number"


@dataclass(frozen=True)
class HeatMap:
    """A matrix of values, ``z[row][column]`` at ``(x[column], y[row])``; None was not tried.

    Attributes:
        best: Row and column of the optimum, marked; None marks nothing.
    """

    title: str
    x_title: str
    y_title: str
    z_title: str
    x: Sequence[Number | str]
    y: Sequence[Number | str]
    z: Sequence[Sequence[Number]]
    best: tuple[int, int] | None = None
    z_unit: Literal["number", "percent"] = "number"


Drawable = Chart | HeatMap


def kept_points(values: Vector, most: int = MAX_POINTS) -> NDArray[np.int64]:
    """Return ascending indices of at most ``most`` values, the extremes of every stretch kept.

    First and last are kept too, so that no peak, trough or end is lost by thinning. All of them
    where there are no more than ``most``.
    """
    count = len(values)
    if count <= most:
        return np.arange(count)
    length = -(-count // ((most - 2) // 2))  # of a stretch
    starts = np.arange(0, count, length)
    padded = np.append(values, np.full(len(starts) * length - count, values[-1]))
    stretches = padded.reshape(-1, length)
    extremes = [starts + stretches.argmin(axis=1), starts + stretches.argmax(axis=1)]
    ends = np.array([0, count - 1])
    return np.unique(np.minimum(np.concatenate([*extremes, ends]), count - 1))


def rounded(values: Vector, digits: int = 6) -> list[float | None]:
    """Return values to so many significant digits; what is not finite becomes None."""
    return [
        float(f"{v:.{digits}g}") if math.isfinite(v) else None
        for v in np.asarray(values, float).tolist()
    ]


def over_time(
    name: str,
    times_ms: NDArray[np.int64],
    values: Vector,
    style: Style = "line",
    tone: Tone = "main",
) -> ChartSeries:
    """Return a series over time, thinned to ``MAX_POINTS``."""
    rows = kept_points(values)
    return ChartSeries(name, times_ms[rows].tolist(), rounded(values[rows]), style, tone)
