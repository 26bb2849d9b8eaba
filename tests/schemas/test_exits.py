"""Exits of a request: what no position can have is refused with value and expectation."""

from __future__ import annotations

import math
from typing import Any

import pytest
from pydantic import ValidationError

from schemas.exits import EXIT_NAMES, NO_EXITS, Exits, ExitsRejected


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"stoploss": 0.05}, "stoploss is 0.05, expected a loss from -1 to below 0"),
        ({"stoploss": 0}, "stoploss is 0, expected a loss"),
        ({"stoploss": -1.01}, "stoploss is -1.01, expected a loss"),
        ({"stoploss": math.nan}, "stoploss is nan, expected a loss"),
        ({"stoploss": "deep"}, "stoploss is 'deep', expected a loss"),
        ({"stoploss": True}, "stoploss is True, expected a loss"),
        ({"roi_min": -0.01}, "roi_min is -0.01, expected a gain above 0"),
        ({"roi_min": 0.0}, "roi_min is 0.0, expected a gain above 0"),
        ({"roi_min": math.inf}, "roi_min is inf, expected a gain"),
        ({"roi_min": 10**400}, r"roi_min is 10{37}\d*, expected a gain"),
        ({"trailing_stop": 1.0, "trailing_offset": 0.1}, "trailing_stop is 1.0, expected a dist"),
        ({"trailing_stop": 0.1, "trailing_offset": -0.1}, "trailing_offset is -0.1, expected a g"),
        ({"trailing_stop": 0.02}, "trailing_stop is 0.02 without trailing_offset, expected both"),
        ({"trailing_offset": 0.02}, "trailing_offset is 0.02 without trailing_stop, expected both"),
        ({"hold_bars": 0}, "hold_bars is 0, expected a whole number of bars from 1"),
        ({"hold_bars": 2.5}, "hold_bars is 2.5, expected a whole number"),
        ({"hold_bars": math.inf}, "hold_bars is inf, expected a whole number"),
        ({"minimal_roi": {"0": 0.01, "60": 0.02}}, "minimal_roi is 0.02 at 60 minutes and 0.01 at"),
        ({"minimal_roi": {"-5": 0.01}}, "minimal_roi has the age '-5', expected whole minutes"),
        ({"minimal_roi": {"٣": 0.01}}, "minimal_roi has the age '٣', expected whole minutes"),
        ({"minimal_roi": {"01": 0.01}}, "minimal_roi has the age '01', expected whole minutes"),
        ({"minimal_roi": {"10000000": 0.1}}, "minimal_roi has the age '10000000', expected who"),
        ({"minimal_roi": {"0": -0.01}}, "minimal_roi is -0.01 at 0 minutes, expected a gain from"),
        ({"minimal_roi": {"0": math.nan}}, "minimal_roi is nan at 0 minutes, expected a gain"),
        ({"minimal_roi": [[0, 0.1]]}, r"minimal_roi is \[\[0, 0.1\]\], expected gains by minutes"),
        (
            {"minimal_roi": {str(n): 0.1 for n in range(51)}},
            "gains by minutes, at most 50",
        ),
    ],
)
def test_bad_exits_are_refused_with_their_value(values: dict[str, Any], message: str):
    with pytest.raises(ValidationError, match=message):
        Exits(**values)
    with pytest.raises(ExitsRejected, match=message) as refused:
        NO_EXITS.replaced(values)
    assert "\n" not in str(refused.value)


def test_an_unknown_exit_is_refused():
    with pytest.raises(ValidationError, match="stop_loss"):
        Exits.model_validate({"stop_loss": -0.1})


def test_a_table_keeps_its_meaning_through_json_whatever_the_order_of_its_keys():
    exits = Exits.model_validate({"minimal_roi": {120: 0.01, 0: 0.04, 30: 0.02}, "hold_bars": 4.0})

    assert list(exits.minimal_roi) == ["0", "30", "120"]
    assert Exits.model_validate_json(exits.model_dump_json()) == exits
    assert exits.hold_bars == 4
    assert not exits.empty
    assert NO_EXITS.empty


def test_numbers_replace_those_of_other_exits():
    exits = Exits(stoploss=-0.1, minimal_roi={"0": 0.2})

    assert exits.replaced({"stoploss": -0.2, "roi_min": 0.1}) == Exits(
        stoploss=-0.2, roi_min=0.1, minimal_roi={"0": 0.2}
    )
    assert set(EXIT_NAMES) <= set(Exits.model_fields)
