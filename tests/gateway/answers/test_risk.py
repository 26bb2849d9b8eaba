"""The advice of /predict: for the account as it is now, by the ACTIVE config, closed otherwise."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.configs import ConfigChanged
from schemas.predictions import PredictionReply, PredictionRequest
from schemas.refdata import RefdataTable
from streams.configs.content import config_id, content_hash, normalised
from tests.build import (
    account_position,
    account_snapshot,
    closed_idea,
    idea_event,
    prediction,
    signal,
)
from tests.fakes.gateway import LAST, WALL_MS, RunningGateway

pytestmark = pytest.mark.anyio


def contract(**fields: Any) -> RefdataTable:
    """Return the venue's table with the one contract that the signals are of."""
    row = {"symbol": "BTCUSDT", "step_size": 0.001, "min_notional": 5.0, **fields}
    return RefdataTable.of("symbol", [row], "simulated", WALL_MS)


def active(content: dict[str, Any]) -> ConfigChanged:
    """Return the activation of a config."""
    digest = content_hash(normalised(content))
    return ConfigChanged(
        strategy="ensemble",
        config_id=config_id(2, digest),
        config_hash=digest,
        version_number=2,
        status="ACTIVE",
        event_time_ms=WALL_MS - 1,
        created_ms=WALL_MS - 1,
        deployed_ms=WALL_MS - 1,
        deprecated_ms=None,
        superseded_by=None,
        description="",
        config_data=content,
        effective_from_ms=0,
        revision=2,
        command_id="c",
        by="test",
        reason="",
    )


SIGNAL = signal(LAST, invalidation_price=98.5)  # two below its price


async def ask(gateway: RunningGateway, *records: Any, **body: Any) -> dict[str, Any]:
    gateway.bus.feed(SIGNAL, *records)
    response = await gateway.client.post("/api/v1/predict", json={"symbol": "BTC-USD", **body})
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


async def test_a_quantity_and_the_numbers_of_every_limit_are_given(gateway):
    body = await ask(gateway, account_snapshot(), contract())

    assert body["recommended_quantity"] == 50.0  # 100 of 10,000 over a distance of 2
    risk = body["risk_validation"]
    assert risk["approved"] is True
    assert set(risk["checks"].values()) == {"pass"}
    assert [(row["name"], row["value"], row["limit"]) for row in risk["details"]] == [
        ("position_limit", 5_025.0, 100_000.0),
        ("concentration", 0.5025, 1.0),
        ("daily_loss_limit", 0.0, -0.03),
    ]
    assert risk["warnings"] == ["spread is unknown"]  # the signal's own
    assert risk["quantity_note"] == ""


async def test_limits_are_those_of_the_active_config(gateway):
    content = {
        "risk": {"risk_per_trade": 0.02, "max_daily_loss": 0.01},
        "strategy_service": {"defaults": {"stake_amount": 3_000, "max_open_trades": 1}},
    }

    alone = await ask(gateway, account_snapshot(), contract(), active(content))
    other = account_position(symbol="ETHUSDT", notional=10.0)
    crowded = await ask(gateway, account_snapshot(positions=(other,)))

    assert alone["recommended_quantity"] == 29.85  # 3,000 at 100.5
    assert alone["risk_validation"]["details"][2]["limit"] == -0.01
    assert crowded["risk_validation"]["checks"]["position_limit"] == "fail"
    assert crowded["recommended_quantity"] is None
    assert crowded["risk_validation"]["quantity_note"] == "failing: position_limit"


async def test_an_idea_counts_as_an_open_trade_until_it_has_ended(gateway):
    one = active({"strategy_service": {"defaults": {"max_open_trades": 1}}})
    opened = idea_event(3, symbol="ETHUSDT")
    ended = closed_idea(3, symbol="ETHUSDT")

    before = await ask(gateway, account_snapshot(), contract(), one, opened)
    after = await ask(gateway, ended)

    assert before["risk_validation"]["checks"]["position_limit"] == "fail"
    assert after["risk_validation"]["checks"]["position_limit"] == "pass"


@pytest.mark.parametrize(
    ("records", "age_ms", "said"),
    [
        ((), 0, "no account is connected"),
        ((account_snapshot(),), 61_000, "the account was read 61 s ago"),
        ((account_snapshot(),), 601_000, "no account is connected"),
    ],
)
async def test_an_account_that_is_unknown_or_old_fails_closed(gateway, records, age_ms, said):
    gateway.bus.feed(*records, appended_ms=WALL_MS - age_ms)

    body = await ask(gateway, contract())

    assert body["recommended_quantity"] is None
    assert body["risk_validation"]["approved"] is False
    assert set(body["risk_validation"]["checks"].values()) == {"fail"}
    for check in body["risk_validation"]["details"]:
        assert check["detail"].startswith(f"data missing: {said}")
        assert (check["value"], check["limit"]) == (None, None)


@pytest.mark.parametrize(
    "row", [{"step_size": step} for step in (None, 0, -1.0, "0.1")] + [{"symbol": "ETHUSDT"}]
)
async def test_a_contract_that_the_venue_has_not_told_has_no_quantity(gateway, row):
    body = await ask(gateway, account_snapshot(), contract(**row))

    assert body["recommended_quantity"] is None
    assert "contract's step" in body["risk_validation"]["quantity_note"]


async def test_without_a_risk_check_the_quantity_is_the_same(gateway):
    body = await ask(gateway, account_snapshot(), contract(), risk_check=False)

    assert (body["recommended_quantity"], body["risk_validation"]) == (50.0, None)


async def test_the_answer_of_another_model_is_sized_by_its_own_direction_and_levels(gateway):
    def answers(record: Any) -> list[Any]:
        if not isinstance(record, PredictionRequest):
            return []
        other = prediction(LAST, (0.7, 0.2, 0.1), model_version="m2", prediction_id="other")
        reply = PredictionReply(
            request_id=record.request_id,
            reply_to=record.reply_to,
            event_time_ms=WALL_MS,
            status="ok",
            prediction=other,
        )
        return [reply]

    gateway.bus.answers = answers
    loaded = gateway.ctx.views.models.loaded()[0].model_copy(update={"version": "m2"})
    gateway.bus.feed(
        *(
            each.model_copy(update={"models": (*each.models, loaded)})
            for each in gateway.ctx.views.statuses.values()
            if each.models
        )
    )

    body = await ask(gateway, account_snapshot(), contract(), strategy_override="m2")

    assert body["action"] == "SELL"
    # The invalidation lies 0.78 above the price: the limit of its value counts, not its risk.
    assert body["recommended_quantity"] == pytest.approx(100.0 * 100 / 100.5, rel=1e-4)
    assert body["risk_validation"]["checks"]["concentration"] == "warn"
    assert "spread is unknown" not in body["risk_validation"]["warnings"]
