"""A challenge that was won by policy promotes its challenger, if its champion still serves."""

from __future__ import annotations

import pytest

from schemas.commands import CommandOutcome
from schemas.models import ModelServing
from schemas.record import Record
from schemas.versions import ModelStageChanged
from streams.promotion.processor import PROCESSOR
from streams.runtime.memory_driver import MemoryDriver
from tests.build import challenge, challenge_event, close_time
from tests.streams.promotion.test_promotion import registered


def promoted(**fields) -> list[Record]:
    """Return what follows, once a serves and b is in Staging, from the end of their challenge."""
    driver = MemoryDriver([PROCESSOR])
    for model in (registered("a", 200), registered("b", 210)):
        driver.feed(model)
    won = challenge(champion="a", challenger="b", status="concluded", automatic=True)
    event = {
        "challenge": won,
        "action": "concluded",
        "model": None,
        "event_time_ms": close_time(500),
        "promotes": True,
    }
    made = list(driver.feed(challenge_event(**(event | fields))))
    assert list(driver.feed(challenge_event(**(event | fields)))) == []
    return made


def test_the_winner_serves_and_the_facts_name_the_challenge():
    made = promoted()

    [serving] = [each for each in made if isinstance(each, ModelServing)]
    moved = [each for each in made if isinstance(each, ModelStageChanged)]
    assert (serving.model.model_version, serving.replaces) == ("b", "a")
    assert {each.challenge_id for each in moved} == {challenge().challenge_id}
    assert serving.effective_from_ms > close_time(500)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"champion": "x"}, "promote: a serves, expected x"),
        ({"challenger": "y"}, "y"),
    ],
)
def test_a_winner_over_a_model_that_no_longer_serves_is_refused(fields, said):
    made = promoted(challenge=challenge(**({"champion": "a", "challenger": "b"} | fields)))

    [outcome] = [each for each in made if isinstance(each, CommandOutcome)]
    assert outcome.status == "refused"
    assert said in outcome.detail


def test_without_such_a_policy_nothing_follows():
    assert promoted(promotes=False) == []
