"""Exits: levels of a position, and the order in which one bar reaches them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.exits import Exits
from schemas.timeframes import HOUR_MS, MINUTE_MS
from streams.exits import (
    EXIT_REASONS,
    BarPrices,
    HeldPosition,
    best_price,
    exit_rules,
    find_exit,
    mean_entry,
)


def ending(exits: Exits, held: HeldPosition, prices: BarPrices) -> tuple[str, float]:
    """Return why and where a bar closes a position; the price matters only where it does."""
    reason, price = find_exit(held, prices, exit_rules([exits], HOUR_MS), 0)
    return EXIT_REASONS[reason], price if reason else 0.0


def long(best: float = 100.0, age_ms: int = 0) -> HeldPosition:
    return HeldPosition(1.0, 100.0, best, age_ms)


def short(best: float = 100.0, age_ms: int = 0) -> HeldPosition:
    return HeldPosition(-1.0, 100.0, best, age_ms)


BOTH = Exits(stoploss=-0.05, roi_min=0.1)
TRAIL = Exits(trailing_stop=0.25, trailing_offset=0.5)
TABLE = Exits(minimal_roi={"0": 0.5, "60": 0.25, "120": 0.0})


@pytest.mark.parametrize(
    ("exits", "held", "prices", "expected"),
    [
        (Exits(), long(), (100, 1, 900), ("open", 0.0)),
        (BOTH, long(), (100, 96, 109), ("open", 0.0)),
        (BOTH, long(), (100, 95, 109), ("stoploss", 95.0)),
        (BOTH, long(), (100, 96, 111), ("roi", 110.00000000000001)),
        (BOTH, long(), (100, 90, 120), ("stoploss", 95.0)),
        (BOTH, long(), (93, 90, 120), ("stoploss", 93.0)),
        (BOTH, long(), (112, 90, 120), ("roi", 112.0)),
        (BOTH, short(), (100, 91, 105), ("stoploss", 105.0)),
        (BOTH, short(), (100, 90, 104), ("roi", 90.0)),
        (BOTH, short(), (100, 80, 110), ("stoploss", 105.0)),
        (BOTH, short(), (107, 80, 110), ("stoploss", 107.0)),
        (BOTH, short(), (88, 80, 110), ("roi", 88.0)),
        (TRAIL, long(149.0), (140, 100, 149), ("open", 0.0)),
        (TRAIL, long(160.0), (140, 121, 300), ("open", 0.0)),
        (TRAIL, long(160.0), (140, 120, 300), ("trailing_stop", 120.0)),
        (TRAIL, long(160.0), (118, 110, 300), ("trailing_stop", 118.0)),
        (TRAIL, short(40.0), (45, 30, 50), ("trailing_stop", 50.0)),
        (TRAIL, short(60.0), (70, 30, 75), ("open", 0.0)),
        (TABLE, long(age_ms=59 * MINUTE_MS), (100, 99, 140), ("open", 0.0)),
        (TABLE, long(age_ms=60 * MINUTE_MS), (100, 99, 140), ("roi", 125.0)),
        (TABLE, long(age_ms=600 * MINUTE_MS), (99, 98, 101), ("roi", 100.0)),
        (Exits(hold_bars=3), long(age_ms=3 * HOUR_MS - 1), (100, 50, 200), ("open", 0.0)),
        (Exits(hold_bars=3), long(age_ms=3 * HOUR_MS), (100, 50, 200), ("time", 100.0)),
        (Exits(hold_bars=1, stoploss=-0.1), long(age_ms=HOUR_MS), (90, 80, 95), ("stoploss", 90.0)),
        (Exits(stoploss=-1.0), long(), (100, 0.01, 100), ("open", 0.0)),
    ],
)
def test_a_bar_closes_a_position_where_the_levels_and_their_order_say(
    exits: Exits, held: HeldPosition, prices: tuple[float, float, float], expected: object
):
    assert ending(exits, held, BarPrices(*prices)) == expected


def test_of_a_stop_and_a_trailing_stop_the_nearer_one_counts():
    exits = Exits(stoploss=-0.125, trailing_stop=0.25, trailing_offset=0.0)

    assert ending(exits, long(), BarPrices(100, 80, 100)) == ("stoploss", 87.5)
    assert ending(exits, long(120.0), BarPrices(100, 80, 100)) == ("trailing_stop", 90.0)


def test_a_lone_gain_and_a_table_take_the_profit_at_the_lower_of_both():
    assert Exits(roi_min=0.3, minimal_roi={"60": 0.4, "120": 0.1}).table == [
        (0, 0.3), (60, 0.3), (120, 0.1),
    ]  # fmt: skip
    assert Exits(minimal_roi={"120": 0.1, "60": 0.4}).table == [(60, 0.4), (120, 0.1)]


@given(
    side=st.sampled_from([1.0, -1.0]),
    ticks=st.lists(st.integers(1, 40), min_size=3, max_size=3),
    best=st.integers(20, 40),
    exits=st.builds(
        Exits,
        stoploss=st.sampled_from([None, -0.25, -0.05]),
        roi_min=st.sampled_from([None, 0.05, 0.25]),
    ),
)
def test_a_position_ends_at_a_price_that_the_bar_had(
    side: float, ticks: list[int], best: int, exits: Exits
):
    low, opened, high = map(float, sorted(ticks))
    held = HeldPosition(side, 20.0, float(best if side > 0 else 41 - best), 0)

    reason, price = ending(exits, held, BarPrices(opened, low, high))

    assert reason == "open" or low <= price <= high


def test_the_best_price_and_the_mean_entry_follow_the_position():
    assert best_price(1.0, 100.0, 90.0, 120.0) == 120.0
    assert best_price(-1.0, 100.0, 90.0, 120.0) == 90.0
    assert mean_entry(0.0, 100.1, 3.0, 3.0) == 100.1
    assert mean_entry(100.0, 110.0, 3.0, 12.0) == 102.5
