"""Tables of a model: read as they are written, refused where they cannot be right."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from schemas.predictions import ClassProbabilities, ReturnBounds
from workers.models.calibration import (
    CalibrationLookup,
    CalibrationTables,
    ProbabilityTable,
    ReturnTable,
)

FLAT = ProbabilityTable(edges=(), low=(0.2,), high=(0.4,))
BUY = ProbabilityTable(edges=(0.4, 0.6), low=(0.1, 0.35, 0.55), high=(0.3, 0.5, 0.8))
RETURNS = ReturnTable(edges=(0.0,), low=(-0.002, 0.0), mean=(-0.001, 0.001), high=(0.0, 0.002))
TABLES = CalibrationTables(sell=FLAT, neutral=FLAT, buy=BUY, returns=RETURNS)


def chances(sell, buy):
    return ClassProbabilities(sell=sell, neutral=1.0 - sell - buy, buy=buy)


@pytest.mark.parametrize(
    ("sell", "buy", "interval"),
    [(0.3, 0.39, (0.1, 0.3)), (0.3, 0.4, (0.35, 0.5)), (0.1, 0.6, (0.55, 0.8)),
     (0.0, 1.0, (0.55, 0.8)), (0.6, 0.2, (0.2, 0.4)), (0.4, 0.4, (0.2, 0.4))],
)  # fmt: skip
def test_a_step_holds_from_its_edge_on_and_a_tie_is_neutral(sell, buy, interval):
    assert CalibrationLookup(TABLES).confidence_interval(chances(sell, buy)) == interval


def test_without_a_table_of_its_own_a_short_idea_is_the_mirror_of_a_long_one():
    expected = CalibrationLookup(TABLES).expected_return(chances(0.5, 0.3))

    assert expected is not None
    assert expected.long == ReturnBounds(mean=-0.001, low=-0.002, high=0.0)
    assert expected.short == ReturnBounds(mean=0.001, low=0.0, high=0.002)
    assert str(expected.short.low) == "0.0"


def test_a_short_idea_has_a_table_of_its_own_by_the_lean_to_sell():
    own = ReturnTable(edges=(0.2,), low=(-0.003, 0.001), mean=(0.0, 0.002), high=(0.001, 0.003))
    lookup = CalibrationLookup(TABLES.model_copy(update={"short_returns": own}))

    for sell, buy, step in ((0.1, 0.4, 0), (0.35, 0.25, 0), (0.5, 0.25, 1), (0.75, 0.5, 1)):
        lean = ClassProbabilities.unchecked(sell=sell, neutral=0.0, buy=buy)
        expected = lookup.expected_return(lean)
        assert expected is not None
        assert expected.long.mean == RETURNS.mean[int(buy >= sell)]
        assert expected.short.mean == own.mean[step]


def test_a_model_without_returns_expects_none():
    lookup = CalibrationLookup(TABLES.model_copy(update={"returns": None}))

    assert lookup.expected_return(chances(0.5, 0.3)) is None


def test_tables_survive_their_bytes():
    assert CalibrationTables.decode(TABLES.encode()) == TABLES


@pytest.mark.parametrize(
    ("changed", "words"),
    [({"edges": (0.6, 0.4)}, "do not increase"), ({"edges": (0.4,)}, "expected 2"),
     ({"low": (0.2, 0.1, 0.3)}, "low falls"), ({"high": (0.3, 0.5, 1.2)}, "less than or equal"),
     ({"low": (0.1, 0.35)}, "low has 2 values")],
)  # fmt: skip
def test_a_table_that_is_no_step_function_is_refused(changed, words):
    with pytest.raises(ValidationError, match=words):
        ProbabilityTable(**(dict(BUY) | changed))


def test_a_mean_outside_its_bounds_is_refused():
    with pytest.raises(ValidationError, match="does not lie between"):
        ReturnTable(**(dict(RETURNS) | {"mean": (-0.003, 0.001)}))
