"""Configs over HTTP: create, activate, list as of a time, validate, merge; one effect a command."""

from __future__ import annotations

import pytest

from gateway.access import control
from gateway.access.principal import Principal
from gateway.answers import commands
from gateway.errors import Unavailable, Unconfirmed
from schemas.configs import KEPT_MS, ConfigCommand
from tests.fakes.command_processor import decide_configs
from tests.fakes.documented_config import TRADAI_YAML
from tests.fakes.gateway import WALL_MS
from tests.fakes.two_at_once import post_two_at_once

pytestmark = pytest.mark.anyio

ROOT = "/api/v1/strategies"
EXAMPLE = {
    "config_data": {"timeframe": "1h", "symbols": ["BTC/USDT:USDT"]},
    "description": "Updated symbols list",
}


@pytest.fixture
def configs(gateway):
    """The gateway with the processor of configs behind its bus."""
    decide_configs(gateway)
    return gateway


async def post(gateway, path, body=None, status=200, **headers):
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    response = await gateway.client.post(f"{ROOT}{path}", json=body, headers=names)
    assert response.status_code == status, response.text
    return response.json()


async def created(gateway, name="MyStrategy", body=EXAMPLE):
    return (await post(gateway, f"/{name}/configs", body))["config"]


async def test_a_version_is_created_activated_and_listed_with_the_documented_fields(configs):
    version = await created(configs)
    assert version["status"] == "DRAFT"
    assert version["config_id"] == f"v1-{version['config_hash'][:8]}"
    assert version["description"] == "Updated symbols list"

    answer = await post(configs, f"/MyStrategy/configs/{version['config_id']}/activate")

    assert answer["config"]["status"] == "ACTIVE"
    assert answer["config"]["deployed_at"] is not None
    assert answer["outcome"]["status"] == "accepted"
    listed = await configs.get(f"{ROOT}/MyStrategy/configs")
    assert listed["active"] == version["config_id"]
    assert set(listed["configs"][0]) >= {
        "strategy_name", "config_id", "config_hash", "config_data", "status", "version_number",
        "created_at", "deployed_at", "superseded_by",
    }  # fmt: skip
    assert [row["name"] for row in (await configs.get(ROOT))["strategies"]] == [
        "MyStrategy",
        "ensemble",
    ]


async def test_the_documented_file_is_created_from_its_text(configs):
    version = await created(configs, body={"yaml": TRADAI_YAML})

    assert version["config_data"]["strategy"]["entry_point"] == "mystrategy.strategy:MyStrategy"


async def test_a_content_that_is_stored_answers_with_its_version(configs):
    first = await created(configs)

    answer = await post(configs, "/MyStrategy/configs", EXAMPLE)

    assert answer["outcome"]["status"] == "unchanged"
    assert answer["config"]["config_id"] == first["config_id"]


async def test_the_same_key_gives_the_same_answer_and_one_effect(configs):
    first = await post(configs, "/MyStrategy/configs", EXAMPLE, Idempotency_Key="once")

    again = await post(configs, "/MyStrategy/configs", EXAMPLE, Idempotency_Key="once")

    assert again == first
    published = [r for r, _ in configs.bus.published if isinstance(r, ConfigCommand)]
    assert len(published) == 1


async def test_a_key_that_was_used_for_another_request_is_refused(configs):
    await post(configs, "/MyStrategy/configs", EXAMPLE, Idempotency_Key="once")
    other = {"config_data": {"timeframe": "4h"}}

    refused = await post(configs, "/MyStrategy/configs", other, 409, Idempotency_Key="once")

    assert "was used for another request" in refused["detail"]


async def test_a_key_of_an_undecided_command_is_of_no_other_strategy(configs, monkeypatch):
    monkeypatch.setattr(commands, "WAIT_S", 0.01)
    configs.bus.answers = lambda _: []
    for status, name in ((202, "MyStrategy"), (409, "Another"), (202, "MyStrategy")):
        await post(configs, f"/{name}/configs", EXAMPLE, status, Idempotency_Key="once")

    published = [r for r, _ in configs.bus.published if isinstance(r, ConfigCommand)]
    assert {command.strategy for command in published} == {"MyStrategy"}


async def test_a_command_that_the_broker_did_not_confirm_can_be_asked_for(configs, monkeypatch):
    async def unconfirmed(*_, **__):
        raise Unconfirmed("TimeoutError")

    publish = configs.bus.publish
    monkeypatch.setattr(configs.bus, "publish", unconfirmed)
    refused = await post(configs, "/MyStrategy/configs", EXAMPLE, 503, Idempotency_Key="once")
    other = await post(configs, "/Another/configs", EXAMPLE, 409, Idempotency_Key="once")
    monkeypatch.setattr(configs.bus, "publish", publish)
    again = await post(configs, "/MyStrategy/configs", EXAMPLE, Idempotency_Key="once")

    assert f"/api/v1/commands/{refused['command_id']} says" in refused["detail"]
    assert "not decided yet" in other["detail"]
    assert again["outcome"]["command_id"] == refused["command_id"]


async def test_a_key_whose_request_was_not_sent_is_free(configs, monkeypatch):
    async def away(*_, **__):
        raise Unavailable("away")

    publish = configs.bus.publish
    monkeypatch.setattr(configs.bus, "publish", away)
    await post(configs, "/MyStrategy/configs", EXAMPLE, 503, Idempotency_Key="once")
    monkeypatch.setattr(configs.bus, "publish", publish)

    await post(configs, "/Another/configs", EXAMPLE, Idempotency_Key="once")


async def test_of_two_activations_at_once_one_wins_and_the_other_gets_409(configs):
    versions = [
        await created(configs, body={"config_data": {"timeframe": name}}) for name in ("1h", "4h")
    ]
    paths = [f"{ROOT}/MyStrategy/configs/{v['config_id']}/activate" for v in versions]

    statuses = await post_two_at_once(configs, *((path, None) for path in paths))

    assert statuses == [200, 409]


async def test_a_stale_revision_is_refused_with_what_to_do(configs):
    version = await created(configs)

    refused = await post(
        configs,
        f"/MyStrategy/configs/{version['config_id']}/activate",
        {"expected_revision": 0},
        409,
    )

    assert "read it again" in refused["detail"]
    assert refused["code"] == "stale"


async def test_a_dry_run_changes_nothing_and_names_the_change(configs):
    version = await created(configs)
    path = f"/MyStrategy/configs/{version['config_id']}/activate"

    answer = await post(configs, path, {"dry_run": True})

    assert answer["outcome"]["dry_run"]
    assert any("ACTIVE" in fact for fact in answer["outcome"]["facts"])
    assert answer["config"]["status"] == "DRAFT"
    preview = await post(configs, "/New/configs", EXAMPLE | {"dry_run": True})
    assert preview["config"] is None


async def test_versions_are_listed_as_they_stood_at_a_time(configs):
    version = await created(configs)
    configs.wall_ms = WALL_MS + 60_000
    await post(configs, f"/MyStrategy/configs/{version['config_id']}/activate")

    async def at(text):
        return await configs.get(f"{ROOT}/MyStrategy/configs", as_of=text)

    assert (await at("2027-01-15T08:00:30Z"))["active"] is None
    assert (await at("2027-01-15T08:00:30Z"))["configs"][0]["status"] == "DRAFT"
    assert (await at("2027-01-15T08:01:00Z"))["active"] == version["config_id"]
    assert (await at("2027-01-15T07:00:00+00:00"))["configs"] == []


@pytest.mark.parametrize(
    "as_of", ["yesterday", "2027-13-01", "9999-01-01T00:00:00Z", "2027-01-15T09:00:00Z", "", "-1"]
)
async def test_a_time_that_is_none_is_refused(configs, as_of):
    await created(configs)

    response = await configs.client.get(f"{ROOT}/MyStrategy/configs", params={"as_of": as_of})

    assert response.status_code == 400
    assert "as_of" in response.json()["detail"]


async def test_a_deprecated_version_is_listed_for_90_days(configs):
    first, second = [
        await created(configs, body={"config_data": {"timeframe": name}}) for name in ("1h", "4h")
    ]
    for version in (first, second):
        await post(configs, f"/MyStrategy/configs/{version['config_id']}/activate")

    configs.wall_ms = WALL_MS + KEPT_MS

    listed = await configs.get(f"{ROOT}/MyStrategy/configs")
    assert [row["config_id"] for row in listed["configs"]] == [second["config_id"]]


async def test_a_version_that_is_given_up_or_asked_for_again_is_in_its_answer(configs):
    version = await created(configs)

    given_up = await post(configs, f"/MyStrategy/configs/{version['config_id']}/deprecate")
    again = await post(configs, "/MyStrategy/configs", EXAMPLE)

    assert given_up["config"]["status"] == again["config"]["status"] == "DEPRECATED"


async def test_an_outcome_that_is_late_is_202_and_can_be_asked_for(configs, monkeypatch):
    monkeypatch.setattr(commands, "WAIT_S", 0.01)
    decide = configs.bus.answers
    configs.bus.answers = lambda _: ()

    pending = await post(configs, "/MyStrategy/configs", EXAMPLE, 202)

    assert (await configs.client.get(pending["url"])).status_code == 404
    configs.bus.feed(*decide(configs.bus.published[-1][0]))
    assert (await configs.get(pending["url"]))["status"] == "accepted"


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("/MyStrategy/configs", {}, 400, "exactly one of config_data and yaml"),
        ("/MyStrategy/configs", {"config_data": {}, "yaml": ""}, 400, "exactly one"),
        ("/MyStrategy/configs", {"config_data": {"x": 1}}, 400, "x: unknown key"),
        ("/MyStrategy/configs", {"config_data": {}, "who": "me"}, 400, "who"),
        ("/MyStrategy/configs", {"yaml": "a: &a 1"}, 400, "anchors"),
        ("/../configs", {"config_data": {}}, 404, "no route"),
        ("/My%2FStrategy/configs", {"config_data": {}}, 404, ""),
        ("/%F0%9F%92%A9/configs", {"config_data": {}}, 400, "name"),
        ("/MyStrategy/configs/v1-00000000/activate", None, 404, "no config"),
        ("/MyStrategy/configs/latest/activate", None, 400, "config_id"),
        ("/ensemble/configs/v9-00000000/activate", None, 404, "v9-00000000"),
        ("/merge", {"strategy_name": "Nobody"}, 404, "Nobody has no config"),
        ("/merge", {"base": {"strategy": {"timeframe": "7m"}}}, 400, "strategy.timeframe"),
        ("/merge", {"base": {"mlflow": {"tracking_uri": "${X}"}}}, 400, "X has no value"),
        ("/merge", {"base": {"x": 10**30}, "overrides": {"x": 1}}, 400, "yaml.x: got 1000000"),
        ("/MyStrategy/configs", {"yaml": "a: " + "9" * 5_000}, 400, "which is no int"),
    ],
)
async def test_a_bad_request_is_named(configs, path, body, status, message):
    refused = await post(configs, path, body, status)

    assert message in refused["detail"]


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("/merge", '{"base": {"x": "\\ud800"}, "overrides": {"x": 1}}', "yaml.x: got '\\ud800'"),
        ("/merge", '{"model_tags": {"x": {"\\ud800": 1}}}', "model tags.x: got '\\ud800'"),
        ("/merge", '{"base": {"x": NaN}}', "yaml.x: got nan"),
        ("/MyStrategy/configs", '{"config_data": {"\\ud800": 1}}', "config: got '\\ud800'"),
    ],
)
async def test_what_no_answer_could_carry_is_refused_with_its_path(configs, path, body, message):
    headers = {"Content-Type": "application/json"}
    refused = await configs.client.post(f"{ROOT}{path}", content=body, headers=headers)

    assert refused.status_code == 400
    assert message in refused.json()["detail"]


async def test_validate_says_what_is_wrong_and_stores_nothing(configs):
    good = await post(configs, "/validate", {"yaml": TRADAI_YAML})
    bad = await post(configs, "/validate", {"config_data": {"strategy": {"timeframe": "7m"}}})

    assert good["valid"]
    assert not bad["valid"]
    assert bad["errors"][0].startswith('strategy.timeframe: got "7m"')
    assert not configs.bus.published


async def test_merge_names_the_source_of_every_value(configs):
    version = await created(configs)
    await post(configs, f"/MyStrategy/configs/{version['config_id']}/activate")
    configs.ctx.settings.__dict__["config_environment"] = {
        "REGIMEFLOW_CONFIG__STRATEGY__TIMEFRAME": "5m"
    }

    merged = await post(
        configs,
        "/merge",
        {"base": {"strategy": {"timeframe": "15m"}}, "strategy_name": "MyStrategy"},
    )

    assert merged["config_data"]["strategy"]["timeframe"] == "5m"
    assert merged["trace"]["strategy.timeframe"]["source"] == "environment"
    assert [h["value"] for h in merged["trace"]["strategy.timeframe"]["hides"]] == ["1h", "15m"]


async def test_a_secret_of_the_environment_is_no_variable_of_a_config(configs, monkeypatch):
    monkeypatch.setenv("MLFLOW_PASSWORD", "hush")
    body = {"base": {"mlflow": {"tracking_uri": "${MLFLOW_PASSWORD:-none}"}}}

    merged = await post(configs, "/merge", body)

    assert merged["config_data"]["mlflow"]["tracking_uri"] == "none"


async def test_an_activation_counts_from_a_bar_that_is_still_to_come(configs):
    version = await created(configs)
    answer = await post(configs, f"/MyStrategy/configs/{version['config_id']}/activate")

    now_ms = configs.ctx.market_ms()
    effective = configs.bus.published[-1][0].effective_from_ms
    assert answer["config"]["effective_from_ms"] is None  # it has no market
    assert now_ms < effective
    assert effective % configs.ctx.views.base_ms == 0


async def test_who_has_signed_in_is_who_commands(configs, monkeypatch):
    monkeypatch.setattr(control, "EVERYBODY", Principal("key", "k1", "ci robot", "admin"))
    await post(configs, "/MyStrategy/configs", {**EXAMPLE, "by": "the chief"})

    [command] = [r for r, _ in configs.bus.published if isinstance(r, ConfigCommand)]
    assert command.by == "ci robot"
