"""How usual a value is: against what came before it, and only where enough is held."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import percentileofscore

from gateway.views.feature_ranks import LEAST_BARS, feature_ranks
from gateway.views.series_view import SeriesView
from schemas.timeframes import MINUTE_MS
from tests.build import close_time, features
from tests.gateway.views.test_views import folded


def view_of(values: list[float | None]) -> SeriesView:
    vectors = [features(minute, natr_14=value) for minute, value in enumerate(values)]
    return folded(*vectors).series("BTCUSDT", MINUTE_MS)


@given(st.lists(st.integers(0, 20), min_size=LEAST_BARS, max_size=LEAST_BARS + 40))
def test_a_rank_is_that_of_an_independent_library(numbers):
    values = [float(number) for number in numbers]
    last = len(values) - 1

    rank = feature_ranks(view_of(list(values)), ["natr_14"], close_time(last))["natr_14"]

    assert rank.share_below == pytest.approx(percentileofscore(values, values[-1], "mean") / 100)
    assert (rank.bars, rank.from_ms) == (len(values), close_time(0))


def test_what_comes_later_changes_no_rank():
    values: list[float | None] = [float(n % 97) for n in range(LEAST_BARS + 100)]
    close = close_time(LEAST_BARS + 20)

    now = feature_ranks(view_of(values[: LEAST_BARS + 21]), ["natr_14"], close)
    later = feature_ranks(view_of(values), ["natr_14"], close)

    assert now == later


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ([1.0] * (LEAST_BARS - 1), "natr_14"),
        ([None] * 10 + [1.0] * (LEAST_BARS - 1), "natr_14"),
        ([1.0] * LEAST_BARS + [None], "natr_14"),
        ([1.0] * LEAST_BARS, "unheard_of"),
        ([], "natr_14"),
    ],
)
def test_a_rank_that_is_not_known_is_left_out(values, name):
    last = max(len(values) - 1, 0)

    assert feature_ranks(view_of(values), [name], close_time(last)) == {}


def test_a_close_that_is_not_held_has_no_rank():
    view = view_of([1.0] * LEAST_BARS)

    assert feature_ranks(view, ["natr_14"], close_time(LEAST_BARS + 3)) == {}
