"""A challenge is ended by a command once one of its two models has left its place."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.timeframes import HOUR_MS, MINUTE_MS
from schemas.versions import ModelStageChanged
from tests.build import challenge, challenge_event, close_time
from workers.training.moot import MootChallenges

ABOUT = challenge(champion="m1", challenger="m2")


def moved(version: str, to_stage: str, **fields: Any) -> ModelStageChanged:
    defaults: dict[str, Any] = {
        "strategy": "ensemble",
        "timeframe_ms": MINUTE_MS,
        "number": 2,
        "model_version": version,
        "from_stage": "Staging",
        "to_stage": to_stage,
        "event_time_ms": close_time(1),
        "effective_from_ms": None,
        "action": "stage",
        "reason": "by hand",
        "by": "ann",
        "command_id": None,
        "revision": 3,
    }
    return ModelStageChanged(**(defaults | fields))


def standing() -> MootChallenges:
    """Return a challenge of m1 by m2, both in their places."""
    moot = MootChallenges()
    for record in (moved("m1", "Production"), moved("m2", "Staging")):
        moot.take(record)
    moot.take(challenge_event(challenge=ABOUT))
    return moot


@pytest.mark.parametrize(
    ("version", "to_stage", "said"),
    [
        ("m2", "Production", "its challenger m2 is in Production, no longer in Staging: by hand"),
        ("m1", "Archived", "its champion m1 is in Archived, no longer in Production: by hand"),
        ("m1", "Staging", "its champion m1 is in Staging"),
    ],
)
def test_a_model_that_has_left_its_place_ends_its_challenge_once(version, to_stage, said):
    moot = standing()
    assert moot.to_cancel(5, "training") == []

    moot.take(moved(version, to_stage))

    [command] = moot.to_cancel(5, "training")
    assert (command.action, command.challenge_id) == ("cancel", ABOUT.challenge_id)
    assert (command.market_ms, command.by) == (close_time(1), "training")
    assert command.reason.startswith(said)
    assert moot.to_cancel(5, "training") == []


def test_what_has_ended_and_other_models_and_timeframes_ask_for_nothing():
    moot = standing()

    moot.take(moved("m3", "Archived"))
    moot.take(moved("m1", "Archived", timeframe_ms=HOUR_MS))
    assert moot.to_cancel(5, "training") == []

    moot.take(challenge_event(challenge=ABOUT.changed({"status": "concluded"})))
    moot.take(moved("m1", "Archived"))
    assert moot.to_cancel(5, "training") == []


def test_a_champion_that_has_come_back_before_anybody_looked_was_away_all_the_same():
    moot = MootChallenges()
    before = (moved("m1", "Archived"), moved("m1", "Production"), moved("m2", "Staging"))
    created = challenge_event(challenge=ABOUT, event_time_ms=close_time(2))
    for record in (*before, created):
        moot.take(record)
    assert moot.to_cancel(5, "training") == []

    moot.take(moved("m1", "Archived", event_time_ms=close_time(3)))
    moot.take(moved("m1", "Production", event_time_ms=close_time(4)))

    [command] = moot.to_cancel(5, "training")
    assert command.reason.startswith("its champion m1 was in Archived for some bars: by hand")
