"""Charts as SVG text for a page: colours are the page's variables, so dark and light both fit.

A page that shows them defines ``--main --second --quiet --good --bad --line --text-3``.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

from schemas.timeframes import DAY_MS
from workers.research.charts.charts import Chart, ChartSeries, Number

TOP, RIGHT, BOTTOM, LEFT = 8.0, 10.0, 20.0, 46.0
LABELS = 5  # about as many on each axis

Point = tuple[float, float]


@dataclass(frozen=True)
class Axis:
    """Where a value lies between two edges, in the units of the drawing."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Return the place of a value."""
        low, high, at = self.low, self.high, value
        if self.log:
            low, high, at = math.log(low), math.log(high), math.log(value)
        share = (at - low) / (high - low) if high > low else 0.5
        return self.start + share * (self.end - self.start)


def to_svg(chart: Chart, width: int = 560, height: int = 200) -> str:
    """Return a chart as one ``<svg>``; names on the x axis are not drawn."""
    points = [_points(series, positive=chart.y_log) for series in chart.series]
    xs = [x for line in points for part in line for x, _ in part]
    ys = [y for line in points for part in line for _, y in part]
    label = f'role="img" aria-label="{escape(chart.title, quote=True)}"'
    if not xs:
        return f'<svg viewBox="0 0 {width} {height}" {label}></svg>'
    if any(series.style in {"area", "bar"} for series in chart.series) and not chart.y_log:
        ys.append(0.0)
    beside = max((_bar_width(series) / 2 for series in chart.series), default=0.0)
    x_axis = Axis(min(xs) - beside, max(xs) + beside, LEFT, width - RIGHT)
    low, high = _room(min(ys), max(ys), log=chart.y_log)
    y_axis = Axis(low, high, height - BOTTOM, TOP, chart.y_log)
    parts = [
        *(_band(band, x_axis, height) for band in chart.bands[::2]),
        *_grid(chart, x_axis, y_axis, (width, height)),
        *(
            _line(series, line, x_axis, y_axis)
            for series, line in zip(chart.series, points, strict=True)
        ),
    ]
    return f'<svg viewBox="0 0 {width} {height}" {label}>{"".join(parts)}</svg>'


def _points(series: ChartSeries, *, positive: bool) -> list[list[Point]]:
    """Return the line in parts, cut where a value is missing or has no logarithm."""
    parts: list[list[Point]] = [[]]
    for x, y in zip(series.x, series.y, strict=True):
        if y is None or isinstance(x, str) or x is None or (positive and y <= 0.0):
            parts.append([])
        else:
            parts[-1].append((float(x), float(y)))
    return [part for part in parts if part]


def _room(low: float, high: float, *, log: bool) -> tuple[float, float]:
    if log:
        return (low / 1.05, high * 1.05)
    pad = 0.04 * (high - low) or 0.5 * abs(high) or 1.0
    return (low if low == 0.0 else low - pad, high if high == 0.0 else high + pad)


def _band(band: tuple[float, float], x_axis: Axis, height: int) -> str:
    start, end = (x_axis(min(max(edge, x_axis.low), x_axis.high)) for edge in band)
    tall = height - TOP - BOTTOM
    return (
        f'<rect class="band" x="{start:.1f}" y="{TOP}" width="{end - start:.1f}" height="{tall}"/>'
    )


def _grid(chart: Chart, x_axis: Axis, y_axis: Axis, size: tuple[int, int]) -> list[str]:
    width, height = size
    parts = []
    for value in ticks(y_axis.low, y_axis.high, log=chart.y_log):
        y = y_axis(value)
        text = _tick(value, chart.y_unit)
        parts.append(
            f'<line class="grid" x1="{LEFT}" x2="{width - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text x="{LEFT - 6}" y="{y + 3.5:.1f}" text-anchor="end">{text}</text>'
        )
    if chart.x_kind == "time":
        for value, text in time_ticks(int(x_axis.low), int(x_axis.high)):
            x = x_axis(value)
            parts.append(f'<text x="{x:.1f}" y="{height - 5}" text-anchor="middle">{text}</text>')
    elif chart.x_kind == "number":
        for value in ticks(x_axis.low, x_axis.high):
            x, text = x_axis(value), _tick(value, chart.x_unit)
            parts.append(f'<text x="{x:.1f}" y="{height - 5}" text-anchor="middle">{text}</text>')
    return parts


def _tick(value: float, unit: str) -> str:
    return f"{value:.0%}" if unit == "percent" else shown(value)


def _bar_width(series: ChartSeries) -> float:
    """Return nine tenths of the way between bars, in units of x; 0 of another style."""
    places = sorted({x for x in series.x if isinstance(x, int | float)})
    if series.style != "bar":
        return 0.0
    return 0.9 * min((b - a for a, b in itertools.pairwise(places)), default=1.0)


def _line(series: ChartSeries, parts: list[list[Point]], x_axis: Axis, y_axis: Axis) -> str:
    drawn = []
    for part in parts:
        if series.style == "points":
            drawn += [
                f'<circle class="fill-all {series.tone}" cx="{x_axis(x):.1f}" cy="{y_axis(y):.1f}" '
                f'r="3.2"/>'
                for x, y in part
            ]
            continue
        if series.style == "bar":
            drawn += [_bar(series, point, x_axis, y_axis) for point in part]
            continue
        places = [f"{x_axis(x):.1f},{y_axis(y):.1f}" for x, y in part]
        path = "M" + "L".join(places)
        if series.style == "area":
            floor = y_axis(0.0)
            first, last = x_axis(part[0][0]), x_axis(part[-1][0])
            fill = f"{path}L{last:.1f},{floor:.1f}L{first:.1f},{floor:.1f}Z"
            drawn.append(f'<path class="fill {series.tone}" d="{fill}"/>')
        style = " dashed" if series.style == "dashed" else ""
        drawn.append(f'<path class="stroke {series.tone}{style}" d="{path}"/>')
    return f"<g><title>{escape(series.name)}</title>{''.join(drawn)}</g>"


def _bar(series: ChartSeries, point: Point, x_axis: Axis, y_axis: Axis) -> str:
    half, (x, y) = _bar_width(series) / 2, point
    left, right, top, floor = x_axis(x - half), x_axis(x + half), y_axis(y), y_axis(0.0)
    return (
        f'<rect class="fill-all {series.tone}" x="{left:.1f}" y="{min(top, floor):.1f}" '
        f'width="{right - left:.1f}" height="{abs(floor - top):.1f}" rx="1.5"/>'
    )


def ticks(low: float, high: float, *, log: bool = False) -> list[float]:
    """Return about five round values within two edges; powers of ten and halves on a log axis."""
    if log:
        decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        some = [m * 10.0**d for d in decades for m in (1, 2, 5)]
        inside = [value for value in some if low <= value <= high]
        if len(inside) >= 2:
            return inside[:: max(1, math.ceil(len(inside) / LABELS))]
    raw = (high - low) / LABELS
    if raw <= 0.0:
        return [low]
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(m * size for m in (1, 2, 2.5, 5, 10) if m * size >= raw)
    first = math.ceil(low / step - 1e-9)
    return [round(i * step, 12) for i in range(first, math.floor(high / step + 1e-9) + 1)]


def time_ticks(low_ms: int, high_ms: int) -> list[tuple[float, str]]:
    """Return the starts of years, months or days within two times, about five, with their names."""
    days = (high_ms - low_ms) / DAY_MS
    start = datetime.fromtimestamp(low_ms / 1000, UTC)
    end = datetime.fromtimestamp(high_ms / 1000, UTC)
    if days > 500:
        every = max(1, math.ceil((end.year - start.year) / (LABELS + 2)))
        marks = [datetime(y, 1, 1, tzinfo=UTC) for y in range(start.year, end.year + 1, every)]
        named = [(m, f"{m.year}") for m in marks]
    elif days > 40:
        every = max(1, math.ceil(days / 30.4 / LABELS))
        months = range(start.year * 12 + start.month - 1, end.year * 12 + end.month, every)
        named = [
            (m, f"{m:%b} {m.year}")
            for m in (datetime(i // 12, i % 12 + 1, 1, tzinfo=UTC) for i in months)
        ]
    else:
        every_ms = max(1, math.ceil(days / LABELS)) * DAY_MS
        first = low_ms // DAY_MS * DAY_MS
        at = (datetime.fromtimestamp(t / 1000, UTC) for t in range(first, high_ms + 1, every_ms))
        named = [(m, f"{m.day} {m:%b}") for m in at]
    placed = ((m.timestamp() * 1000, text) for m, text in named)
    return [(ms, text) for ms, text in placed if low_ms <= ms <= high_ms]


def shown(value: Number) -> str:
    """Return a number for an axis: 12k, 1.5M, 0.25."""
    if value is None:
        return "n/a"
    for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"
