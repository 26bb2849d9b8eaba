"""Why a retraining would be refused now, in the order in which its limits are asked."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.answers.training_budget import RetrainingView, retraining_view
from schemas.policies import RetrainingPolicy
from schemas.timeframes import DAY_MS, HOUR_MS, MINUTE_MS
from tests.build import START_MS, training_budget

UNDER_WAY = {"training_id": "t", "cause": "drift", "training_since_ms": START_MS - 5 * MINUTE_MS}
KEPT_OUT = "2 challengers in a row were kept out"
SPENT = {"trained_ms": tuple(START_MS - DAY_MS - n for n in range(20))}


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({"trained_ms": ()}, None),
        ({"trained_ms": (START_MS - 31 * DAY_MS,)}, None),
        ({}, "cooldown: 300 min of market time of 6 h are left"),
        ({"failed": True}, None),
        (UNDER_WAY, "one is under way for 5 min of market time"),
        ({"trained_ms": (), **UNDER_WAY, "policy": RetrainingPolicy(deadline_hours=0.05)}, None),
        (SPENT, "budget: 20 retrainings within 30 days, expected fewer than 20"),
        (
            {"trained_ms": (START_MS - DAY_MS,), "rejected": 2},
            f"circuit breaker: {KEPT_OUT}, expected fewer than 2; a promotion closes it",
        ),
    ],
)
def test_the_first_limit_that_forbids_is_named(fields: dict[str, Any], refused: str | None):
    view = RetrainingView.model_validate(retraining_view(training_budget(**fields), START_MS))

    assert view.refused == refused


def test_what_is_left_counts_thirty_days_of_market_time():
    trained = (START_MS - 31 * DAY_MS, START_MS - 2 * DAY_MS, START_MS - HOUR_MS)

    view = RetrainingView.model_validate(
        retraining_view(training_budget(trained_ms=trained), START_MS)
    )

    assert (view.used, view.left, view.allowed) == (2, 18, 20)
    assert view.cooldown_ends == "2025-06-15T20:07:00.000Z"
    assert retraining_view(None, START_MS) is None
