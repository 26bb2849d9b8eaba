"""Charts: one record, drawn alike as Plotly JSON, PNG and SVG; thinning loses no extreme."""

from __future__ import annotations

import math
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.timeframes import DAY_MS
from workers.research.charts.charts import Chart, ChartSeries, HeatMap, kept_points, rounded
from workers.research.charts.plotly_json import plain, to_figure, to_plotly
from workers.research.charts.png import to_png
from workers.research.charts.svg import ticks, time_ticks, to_svg

TIMES = [1_700_000_000_000 + i * DAY_MS for i in range(4)]
CHARTS: dict[str, Chart | HeatMap] = {
    "lines": Chart(
        "Equity <of> a & b",
        "time",
        "equity",
        (
            ChartSeries("a", TIMES, [1.0, None, 2.0, 4.0]),
            ChartSeries("b", TIMES, [1.0] * 4, "dashed"),
        ),
        x_kind="time",
        y_log=True,
        bands=((TIMES[0], TIMES[1]), (TIMES[1], TIMES[3])),
    ),
    "area": Chart(
        "Fall", "", "", (ChartSeries("a", TIMES, [0.0, -0.1, -0.3, 0.0], "area", "bad"),), "time",
        "percent",
    ),
    "bars": Chart("Days", "x", "y", (ChartSeries("a", [1.0, 2.0], [3, 4], "bar"),)),
    "names": Chart("Shares", "x", "y", (ChartSeries("a", ["p", "q"], [0.3, 0.4], "bar"),), "name"),
    "points": Chart("Trials", "x", "y", (ChartSeries("a", [0, 1], [3.0, 4.0], "points"),)),
    "shares": Chart(
        "Reliability", "x", "y", (ChartSeries("a", [0.4, 0.6], [0.5, None], "points", "good"),),
        y_unit="percent", x_unit="percent",
    ),
    "nothing": Chart("None", "x", "y", (ChartSeries("a", [], []),)),
    "heat": HeatMap("Heat", "x", "y", "z", [1, 2], [3], [[0.5, None]], best=(0, 0)),
}  # fmt: skip


@pytest.mark.parametrize("name", CHARTS)
def test_plotly_takes_every_chart_as_it_is(name):
    drawing = to_plotly(CHARTS[name])

    figure = to_figure(drawing)

    assert len(figure.data) == len(drawing["data"])
    assert figure.layout.title.text == CHARTS[name].title


@pytest.mark.parametrize("name", CHARTS)
def test_every_chart_is_a_png_without_a_browser(name):
    assert to_png(CHARTS[name]).startswith(b"\x89PNG\r\n\x1a\n")


@pytest.mark.parametrize("name", [n for n, c in CHARTS.items() if isinstance(c, Chart)])
def test_every_chart_is_well_formed_svg_with_its_name(name):
    chart = CHARTS[name]
    assert isinstance(chart, Chart)

    drawn = ET.fromstring(to_svg(chart))  # noqa: S314 - our own text

    assert drawn.tag == "svg"
    assert drawn.get("aria-label") == chart.title


def test_points_bars_and_shares_are_drawn_where_they_lie():
    points = to_svg(CHARTS["shares"])  # type: ignore[arg-type]
    bars = ET.fromstring(to_svg(CHARTS["bars"]))  # type: ignore[arg-type]  # noqa: S314

    assert points.count("<circle") == 1  # a missing value is not drawn
    assert ">40%</text>" in points
    low, high = [rect for rect in bars.iter("rect") if rect.get("class") == "fill-all main"]
    assert float(high.get("height", 0)) == pytest.approx(float(low.get("height", 0)) * 4 / 3, 0.01)
    assert float(low.get("x", 0)) >= 46.0


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=400), st.integers(10, 60))
def test_thinning_keeps_both_extremes_and_both_ends(values, most):
    array = np.array(values)

    kept = kept_points(array, most)

    assert len(kept) <= most or len(kept) == len(array) <= most
    assert kept[0] == 0
    assert kept[-1] == len(array) - 1
    assert np.all(np.diff(kept) > 0)
    assert array[kept].max() == array.max()
    assert array[kept].min() == array.min()


def test_plain_json_has_no_arrays_templates_or_nan():
    import plotly.graph_objects as go

    figure = go.Figure(go.Scatter(x=np.arange(3), y=np.array([1.23456789, np.nan, 3.0])))

    drawing = plain(figure.to_plotly_json())

    assert drawing["data"][0]["x"] == [0, 1, 2]
    assert drawing["data"][0]["y"] == [1.23457, None, 3.0]
    assert "template" not in drawing["layout"]


def test_rounding_keeps_digits_and_turns_what_is_not_finite_into_nothing():
    assert rounded(np.array([123456.789, math.nan, math.inf, 0.0]), 3) == [
        123000.0,
        None,
        None,
        0.0,
    ]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 1.0, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (-0.3, 0.0, [-0.3, -0.2, -0.1, 0.0]),
        (5.0, 5.0, [5.0]),
    ],
)
def test_ticks_are_round(low, high, expected):
    assert ticks(low, high) == pytest.approx(expected)


def test_ticks_of_a_log_axis_are_powers_and_their_halves():
    assert ticks(900.0, 120_000.0, log=True) == [1_000.0, 5_000.0, 20_000.0, 100_000.0]


@pytest.mark.parametrize(("days", "text"), [(3000, "2025"), (200, "Apr 2024"), (10, "2 Jan")])
def test_time_ticks_are_years_months_or_days(days, text):
    start = 1_703_980_800_000  # 2023-12-31

    named = [name for _, name in time_ticks(start, start + days * DAY_MS)]

    assert text in named
    assert 2 <= len(named) <= 9
