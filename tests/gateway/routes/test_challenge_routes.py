"""Challenges over HTTP: created, posted to, evaluated, cancelled; and who may not."""

from __future__ import annotations

import pytest

from gateway.access.scopes import needed_scope
from schemas.versions import ModelCommand
from tests.build import (
    challenge,
    challenge_event,
    close_time,
    registered,
    shadow_result,
    trade_result,
)
from tests.fakes.command_processor import decide_models
from tests.fakes.gateway import tick
from tests.fakes.two_at_once import post_two_at_once

pytestmark = pytest.mark.anyio

MODELS = "/api/v1/models/ensemble/challenges"
CHALLENGES = "/api/v1/challenges"
NOW = 60  # minute of the market
LATER_MS = close_time(NOW) + 1


@pytest.fixture
def models(gateway):
    """A gateway with version 1 (a) in Production and version 2 (b) in Staging."""
    decide_models(
        gateway,
        *(registered(model_version=v, event_time_ms=close_time(n)) for n, v in enumerate("ab")),
    )
    return gateway


async def send(gateway, path, body, status=200, **headers):
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    response = await gateway.client.post(path, json=body, headers=names)
    assert response.status_code == status, response.text
    return response.json()


async def test_a_challenge_is_created_once_and_is_the_active_one(models):
    answer = await send(models, MODELS, {"challenger": 2}, idempotency_key="k")
    again = await send(models, MODELS, {"challenger": 2}, idempotency_key="k")

    name = answer["challenge"]["challenge_id"]
    assert again == answer
    assert answer["challenge"]["champion"]["version"] == 1
    active = await models.get(f"{MODELS}/active")
    assert (active["challenge_id"], active["sequence"]["family"]) == (
        name,
        "normal_mixture_of_blocks",
    )
    assert (await models.get(MODELS))["challenges"] == [answer["challenge"]]
    evaluated = await models.get(f"{CHALLENGES}/{name}/evaluate")
    assert evaluated["recommendation"] == "INCONCLUSIVE"
    assert evaluated["welch_test"] is None
    assert "is active" in (await send(models, MODELS, {"challenger": 2}, 409))["detail"]


async def test_a_key_answers_what_it_answered_whatever_has_changed_since(models):
    answer = await send(models, MODELS, {"challenger": 2}, idempotency_key="k")
    name = answer["challenge"]["challenge_id"]
    await send(models, f"{CHALLENGES}/{name}/cancel", {})
    await send(models, "/api/v1/strategies/ensemble/models/promote", {"version": 2})

    again = await send(models, MODELS, {"challenger": 2}, idempotency_key="k")
    other = await send(models, MODELS, {"challenger": 1}, 409, idempotency_key="k")

    assert again["outcome"] == answer["outcome"]
    assert again["challenge"]["challenge_id"] == name
    assert "another request" in other["detail"]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"challenger": 1}, 400, "which serves; expected another"),
        ({"challenger": "nobody"}, 404, "has no version nobody"),
        ({"challenger": 2, "champion": 2}, 409, "expected version 1, which is in Production"),
        ({"challenger": 2, "min_trades": 1}, 400, "greater than or equal to 2"),
        ({"challenger": 2, "deadline_hours": -1}, 400, "greater than 0"),
        ({"challenger": 2, "basis": "luck"}, 400, "log_loss"),
        ({"challenger": 2, "timeframe": "7m"}, 400, "does not run here"),
    ],
)
async def test_what_cannot_be_compared_is_refused(models, body, status, said):
    assert said in (await send(models, MODELS, body, status))["detail"]


async def test_of_two_challenges_at_once_one_begins_and_the_other_gets_409(models):
    statuses = await post_two_at_once(models, *((MODELS, {"challenger": 2}) for _ in range(2)))

    assert statuses == [200, 409]
    assert len((await models.get(MODELS))["challenges"]) == 1


async def test_a_version_that_is_neither_staged_nor_serves_can_challenge_nobody(models):
    archived = {"version": 2, "stage": "Archived"}
    await send(models, "/api/v1/strategies/ensemble/models/stage", archived)

    refused = await send(models, MODELS, {"challenger": 2}, 409)

    assert refused["detail"] == (
        "challenger: version 2 is Archived, expected Staging: move it there first"
    )


@pytest.fixture
async def posted(models):
    """Where trades of a challenge that has begun are posted, and one that it takes."""
    created = await send(models, MODELS, {"challenger": 2, "basis": "trades", "min_trades": 2})
    trade = {
        "trade_id": "1",
        "variant": "champion",
        "net_return": 0.01,
        "opened_ms": close_time(40),
        "closed_ms": close_time(NOW),
    }
    models.bus.feed(tick(NOW), tick(NOW))  # alone a leap is not believed
    return f"{CHALLENGES}/{created['challenge']['challenge_id']}/trades", trade


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        ({"trade_id": ""}, 400, "trade_id"),
        ({"trade_id": "é" * 101}, 400, "trade_id"),
        ({"variant": "both"}, 400, "'champion' or 'challenger'"),
        ({"net_return": "much"}, 400, "net_return"),
        ({"net_return": 1e9}, 400, "less than or equal to 1000"),
        ({"net_return": -11}, 400, "greater than or equal to -10"),
        ({"net_return": None}, 400, "net_return"),
        ({"opened_ms": -1}, 400, "opened_ms"),
        ({"opened_ms": 2**70}, 400, "opened_ms"),
        ({"closed_ms": 1}, 400, "closed_ms: got 1, expected"),
        ({"profit": 1}, 400, "profit"),
    ],
)
async def test_a_trade_that_cannot_be_is_refused_by_field_and_expectation(
    models, posted, changes, status, said
):
    path, trade = posted

    assert said in (await send(models, path, trade | changes, status))["detail"]


async def test_a_trade_that_comes_again_counts_once_and_one_from_ahead_or_after_the_end_not_at_all(
    models, posted
):
    path, trade = posted
    unicode = trade | {"trade_id": "Geschäft-1 💶", "variant": "challenger"}
    codes = [
        (await send(models, path, each))["outcome"]["code"] for each in (trade, trade, unicode)
    ]
    other = await send(models, path, trade | {"net_return": 0.5}, 409)
    ahead = await send(models, path, trade | {"trade_id": "2", "closed_ms": LATER_MS}, 400)
    evaluated = await models.get(path.replace("trades", "evaluate"))
    await send(models, path.replace("trades", "cancel"), {})

    assert codes == ["done", "same", "done"]
    assert other["detail"].startswith("1 is another trade of")
    expected = f"expected {close_time(NOW)}, now, or before"
    assert ahead["detail"] == f"closed_ms: got {LATER_MS}, {expected}"
    assert [evaluated[each]["trades"] for each in ("champion", "challenger")] == [1, 1]
    assert "is not active" in (await send(models, path, trade | {"trade_id": "3"}, 409))["detail"]


async def test_one_arm_empty_or_without_any_spread_decides_nothing_and_shows_no_test(
    models, posted
):
    path, trade = posted
    for number in range(3):
        await send(models, path, trade | {"trade_id": f"champion-{number}"})
    alone = await models.get(path.replace("trades", "evaluate"))
    for number in range(3):
        alike = trade | {"trade_id": f"challenger-{number}", "variant": "challenger"}
        await send(models, path, alike | {"net_return": 0.02})
    constant = await models.get(path.replace("trades", "evaluate"))

    for evaluated in (alone, constant):
        assert (evaluated["recommendation"], evaluated["welch_test"]) == ("INCONCLUSIVE", None)
    assert alone["reason"] == "0 trades of the challenger, expected 2 of each"
    assert alone["challenger"]["mean_return"] is None
    assert constant["sequence"]["low"] is None
    assert constant["challenger"]["deviation"] == 0.0


async def test_trades_count_once_and_a_cancelled_challenge_takes_none(models):
    created = await send(models, MODELS, {"challenger": 2, "basis": "trades", "min_trades": 2})
    name = created["challenge"]["challenge_id"]
    path = f"{CHALLENGES}/{name}/trades"
    early = {
        "trade_id": "1",
        "variant": "champion",
        "net_return": 0.01,
        "opened_ms": close_time(0),
        "closed_ms": close_time(1),
    }

    assert "the start of" in (await send(models, path, early, 400))["detail"]
    backwards = early | {"closed_ms": 0}
    assert "closed_ms: got 0" in (await send(models, path, backwards, 400))["detail"]
    cancelled = await send(models, f"{CHALLENGES}/{name}/cancel", {"reason": "enough"})
    assert (cancelled["challenge"]["status"], cancelled["challenge"]["reason"]) == (
        "cancelled",
        "enough",
    )
    assert "is not active" in (await send(models, path, early, 409))["detail"]
    assert (await models.client.get(f"{MODELS}/active")).status_code == 404
    assert (await models.client.get(f"{CHALLENGES}/none")).status_code == 404


async def test_a_challenge_past_its_deadline_keeps_the_champion_at_once(models):
    over = challenge(created_ms=1, deadline_ms=2, champion="a", challenger="b")
    models.bus.feed(challenge_event(challenge=over, model=None))

    row = await models.get(f"{CHALLENGES}/{over.challenge_id}/evaluate")

    assert (row["status"], row["recommendation"]) == ("active", "KEEP_CHAMPION")


async def test_a_promotion_names_the_challenge_that_was_won_and_no_other(models):
    fields = {"champion": "a", "challenger": "b", "status": "concluded"}
    won = challenge(**fields, recommendation="PROMOTE_CHALLENGER")
    lost = challenge(**fields, challenge_id="challenge-ffffffffffff")
    for each in (won, lost):
        models.bus.feed(challenge_event(challenge=each, model=None))
    path = "/api/v1/strategies/ensemble/promote"

    refused = await send(models, path, {"version": 2, "challenge_id": lost.challenge_id}, 409)
    await send(models, path, {"version": 2, "challenge_id": won.challenge_id})

    assert "expected PROMOTE_CHALLENGER of b" in refused["detail"]
    [command] = [each for each, _ in models.bus.published if isinstance(each, ModelCommand)]
    assert (command.challenge_id, command.replaces) == (won.challenge_id, "a")
    versions = await models.get("/api/v1/models/ensemble/versions/2")
    assert versions["history"][-1]["challenge_id"] == won.challenge_id


async def test_the_interval_of_each_look_is_kept(models):
    for blocks, low in ((1, None), (2, -0.1), (2, -0.1), (3, 0.01)):
        after = challenge(blocks=blocks, gain=0.1, low=low, high=0.3)
        event = challenge_event(
            challenge=after, model=None, action="evaluated", event_time_ms=close_time(blocks)
        )
        models.bus.feed(event)

    row = await models.get(f"{CHALLENGES}/{challenge().challenge_id}")

    assert [(p["blocks"], p["low"]) for p in row["points"]] == [(1, None), (2, -0.1), (3, 0.01)]


async def test_ideas_of_both_models_are_told_apart_and_count_once(models):
    models.bus.feed(challenge_event(model=None))
    results = [
        shadow_result(variant, result=trade_result(kind="paper", trade_id=name, net_return=net))
        for variant, name, net in (
            ("champion", "a", -0.01),
            ("challenger", "a", 0.02),  # of the same signal
            ("challenger", "b", 0.04),
            ("challenger", "b", 0.04),
        )
    ]
    models.bus.feed(*results, shadow_result(challenge_id="challenge-ffffffffffff"))

    ideas = (await models.get(f"{CHALLENGES}/{challenge().challenge_id}"))["ideas"]

    assert [(ideas[v]["trades"], ideas[v]["wins"]) for v in ("champion", "challenger")] == [
        (1, 0),
        (2, 2),
    ]
    assert ideas["challenger"]["expectancy"] == pytest.approx(0.03)
    assert [each["result"]["trade_id"] for each in ideas["newest"]] == ["b", "a", "a"]
    paper = await models.get("/api/performance/summary")
    assert paper["data"]["ideas"]["trades"] == 0


def test_what_changes_a_model_needs_admin_and_a_trade_needs_operate():
    assert needed_scope("POST", MODELS) == "admin"
    assert needed_scope("POST", f"{CHALLENGES}/x/cancel") == "admin"
    assert needed_scope("POST", f"{CHALLENGES}/x/trades") == "operate"
    assert needed_scope("GET", f"{CHALLENGES}/x/evaluate") == "read"
