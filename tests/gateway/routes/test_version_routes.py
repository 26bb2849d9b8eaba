"""Versions over HTTP: list as of a time, stage, promote, roll back, register, train."""

from __future__ import annotations

import pytest

from gateway.access.scopes import needed_scope
from schemas.gates import GateFigure, GateReport
from schemas.models import ModelRegistered
from schemas.policies import GatesPolicy, GatesUsed
from schemas.versions import ModelCommand
from streams.configs.content import SHIPPED, config_id, content_hash, normalised
from tests.build import close_time, comparison, config_command, mlflow_run, registered, signal
from tests.fakes.command_processor import decide_models
from tests.fakes.gateway import LAST, ticks
from tests.fakes.two_at_once import post_two_at_once

pytestmark = pytest.mark.anyio

MODELS, STRATEGIES = "/api/v1/models/ensemble", "/api/v1/strategies/ensemble"


def trained(version: str, minute: int, **fields) -> ModelRegistered:
    return registered(
        model_version=version,
        event_time_ms=close_time(minute),
        request_id=f"run-{version}",
        **fields,
    )


SHIPPED_ID = config_id(1, content_hash(normalised(SHIPPED)))
FIGURES = {
    "sharpe_ratio": 1.2, "profit_factor": 1.6, "max_drawdown": 0.19, "total_trades": 80.0,
    "win_rate": 0.55,
}  # fmt: skip
REPORT = GateReport(
    name="ensemble",
    passed=True,
    figures=tuple(
        GateFigure(name=name, value=value, verdict="shown") for name, value in FIGURES.items()
    ),
)


def three_versions() -> tuple[ModelRegistered, ...]:
    return (
        trained("a", 2, reports=(REPORT,)),
        trained("b", 4),
        trained("c", 6, comparison=comparison("a", verdict="keep", reasons=("it is worse",))),
    )


@pytest.fixture
def models(gateway):
    """Version 1 serves, 2 is in Staging, 3 was kept out; commands are decided."""
    decide_models(gateway, *three_versions())
    return gateway


async def post(gateway, path, body=None, status=200, **headers):
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    response = await gateway.client.post(path, json=body, headers=names)
    assert response.status_code == status, response.text
    return response.json()


async def stages(gateway, path=f"{MODELS}/versions", **query) -> dict[int, str]:
    listed = await gateway.get(path, **query)
    return {row["version"]: row["stage"] for row in listed["versions"]}


async def test_both_paths_list_the_versions_with_stage_and_reason(models):
    listed = await models.get(f"{MODELS}/versions")

    assert listed == await models.get(f"{STRATEGIES}/models")
    assert listed["production"] == 1
    assert [(r["version"], r["stage"], r["model_version"]) for r in listed["versions"]] == [
        (1, "Production", "a"), (2, "Staging", "b"), (3, "Archived", "c"),
    ]  # fmt: skip
    assert "it is worse" in listed["versions"][2]["reason"]


async def test_what_served_at_a_time_is_listed_with_why(models):
    await post(models, f"{STRATEGIES}/models/promote", {"version": 2, "reason": "reviewed"})

    now = await models.get(f"{MODELS}/versions")
    early = await models.get(f"{MODELS}/versions", as_of=_iso(close_time(5)))

    assert (now["production"], early["production"]) == (2, 1)
    assert now["versions"][1]["reason"] == "reviewed"
    assert len(early["versions"]) == 2
    assert (await models.client.get(f"{MODELS}/versions?as_of=soon")).status_code == 400


async def test_of_two_promotions_at_once_one_wins_and_the_other_gets_409(gateway):
    decide_models(gateway, trained("a", 2), trained("b", 4), trained("c", 6))
    path = f"{STRATEGIES}/models/promote"

    statuses = await post_two_at_once(gateway, (path, {"version": 2}), (path, {"version": 3}))

    assert statuses == [200, 409]
    assert await stages(gateway) == {1: "Archived", 2: "Production", 3: "Staging"}


async def test_what_served_a_bar_is_told_apart_from_what_was_promoted_by_then(models):
    promoted = await post(models, f"{STRATEGIES}/models/promote", {"version": 2})
    row = promoted["version"]

    ahead = await models.client.get(f"{MODELS}/versions", params={"as_of": row["effective_from"]})
    models.bus.feed(*ticks(600.0))
    before = await models.get(f"{MODELS}/versions", as_of=row["since"])
    after = await models.get(f"{MODELS}/versions", as_of=row["effective_from"])
    nothing = await models.get(f"{MODELS}/versions", as_of="1970-01-01")

    assert row["since"] < row["effective_from"]
    assert ahead.status_code == 400
    assert f"as_of: got '{row['effective_from']}', expected a time up to now" in ahead.text
    assert (before["versions"][1]["stage"], before["production"]) == ("Production", 1)
    assert after["production"] == 2
    assert (nothing["versions"], nothing["production"]) == ([], None)


async def test_what_predicted_a_bar_is_what_its_signal_names_whatever_was_to_serve(models):
    models.bus.feed(signal(LAST, signal_id="s", model_version="b"))

    closed = await models.get(f"{MODELS}/versions", as_of=_iso(close_time(LAST)))
    before = await models.get(f"{MODELS}/versions", as_of=_iso(close_time(5)))

    assert (closed["production"], before["production"]) == (2, 1)


def _iso(ms: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(ms / 1000, UTC).isoformat()


@pytest.mark.parametrize("path", ["promote", "models/promote"])
async def test_a_version_is_promoted_from_a_later_bar_on(models, path):
    answer = await post(models, f"{STRATEGIES}/{path}", {"version": "b", "no_archive": True})

    assert answer["outcome"]["status"] == "accepted"
    assert (answer["version"]["version"], answer["version"]["stage"]) == (2, "Production")
    assert answer["version"]["effective_from"] > _iso(close_time(LAST))
    assert await stages(models) == {1: "Staging", 2: "Production", 3: "Archived"}


@pytest.mark.parametrize("path", ["stage", "models/stage"])
async def test_each_stage_can_be_named(models, path):
    staged = await post(models, f"{STRATEGIES}/{path}", {"version": 3})
    await post(models, f"{STRATEGIES}/{path}", {"version": 2, "stage": "Archived"})
    await post(models, f"{STRATEGIES}/{path}", {"version": 3, "stage": "Production"})

    assert staged["version"]["stage"] == "Staging"
    assert await stages(models) == {1: "Archived", 2: "Archived", 3: "Production"}


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("models/promote", {"version": 9}, 404, "has no version 9"),
        ("models/promote", {"version": 3}, 409, "is Archived, expected Staging"),
        ("models/stage", {"version": 1}, 409, "is Production, expected None or Archived"),
        ("models/stage", {"version": 2, "no_archive": True}, 400, "no_archive"),
        ("models/promote", {}, 400, "version"),
        ("models/promote", {"version": 0}, 400, "got 0, expected its number from 1, or its model"),
        ("models/promote", {"version": 1.5}, 400, "version: got 1.5, expected"),
        ("models/promote", {"version": []}, 400, "version: got [], expected"),
        ("models/cancel", {"training_id": ""}, 400, "training_id"),
        ("models/promote", {"version": 2, "expected_revision": 1}, 409, "revision 3"),
        ("models/promote", {"version": 2, "timeframe": "7m"}, 400, "7m"),
        ("models/rollback", {}, 409, "has served no version before a"),
        ("models/rollback", {"deployment": "deploy-0"}, 404, "no deployment deploy-0"),
        ("models/rollback", {"deployment": "deploy-0", "version": 1}, 400, "got both"),
        ("models/cancel", {"training_id": "x"}, 404, "no training of ensemble/1m is under way"),
        ("register", {"run_id": "x"}, 404, "no model of training x"),
        ("register", {"run_id": "run-a", "strategy_name": "other"}, 400, "strategy_name"),
        ("register", {"run_id": "run-a", "thresholds": {"min_luck": 1.0}}, 400, "thresholds"),
    ],
)
async def test_a_refusal_names_what_is_wrong_and_changes_nothing(models, path, body, status, said):
    before = await stages(models)

    answer = await post(models, f"{STRATEGIES}/{path}", body, status)

    assert said in answer["detail"]
    assert await stages(models) == before


async def test_an_unknown_model_is_404_with_those_that_are_known(models):
    response = await models.client.get("/api/v1/models/other/versions")

    assert response.status_code == 404
    assert "strategies that have: ensemble" in response.json()["detail"]


async def test_a_dry_run_tells_what_would_change(models):
    answer = await post(models, f"{STRATEGIES}/models/promote", {"version": 2, "dry_run": True})

    assert answer["outcome"]["dry_run"]
    assert "models.stages.v1: ensemble a Archived" in answer["outcome"]["facts"]
    assert answer["version"]["stage"] == "Staging"


@pytest.mark.parametrize("path", [MODELS, f"{STRATEGIES}/models"])
async def test_a_rollback_goes_to_the_version_before_or_a_candidate(models, path):
    await post(models, f"{STRATEGIES}/models/promote", {"version": 2})
    listed = await models.get(f"{path}/rollback-candidates")

    answer = await post(models, f"{path}/rollback", {"reason": "it does harm"})

    assert [row["version"] for row in listed["candidates"]] == [1, 3]
    assert answer["version"]["version"] == 1
    named = await post(models, f"{path}/rollback", {"version": 3})
    assert named["version"]["stage"] == "Production"


async def other_config_is_active(models) -> str:
    """Return the first deployment, once another config is ACTIVE and another model serves."""
    first: str = (await models.get(f"{STRATEGIES}/deployments"))["current"]
    created = config_command("create")
    await post(models, f"{STRATEGIES}/configs", {"config_data": created.config_data})
    listed = await models.get(f"{STRATEGIES}/configs")
    other = next(c["config_id"] for c in listed["configs"] if c["status"] == "DRAFT")
    await post(models, f"{STRATEGIES}/configs/{other}/activate")
    await post(models, f"{STRATEGIES}/models/promote", {"version": 2})
    return first


async def test_a_rollback_to_a_deployment_brings_back_its_model_and_its_config(models):
    first = await other_config_is_active(models)

    answer = await post(models, f"{STRATEGIES}/models/rollback", {"deployment": first})

    assert answer["version"]["model_version"] == "a"
    assert answer["config"]["status"] == "accepted"
    now = (await models.get(f"{STRATEGIES}/deployments"))["deployments"]
    assert (now[0]["config_id"], now[0]["version"]) == (now[-1]["config_id"], 1)
    assert len({row["deployment_id"] for row in now}) == len(now) == 5


async def test_a_deployment_whose_config_is_refused_says_that_its_model_serves_again(models):
    first = await other_config_is_active(models)
    configs = models.ctx.views.configs
    stale = configs.revision("ensemble") - 1
    configs.revision = lambda _: stale

    answer = await post(models, f"{STRATEGIES}/models/rollback", {"deployment": first}, 409)

    assert "version 1 (a) is Production" in answer["detail"]
    assert "config v1-" in answer["detail"]
    assert "revision" in answer["detail"]


async def test_a_deployment_that_is_decided_late_says_that_its_config_is_left(models, monkeypatch):
    from gateway.answers import commands

    first = await other_config_is_active(models)
    monkeypatch.setattr(commands, "WAIT_S", 0.01)
    models.bus.answers = lambda _: ()

    answer = await post(models, f"{STRATEGIES}/models/rollback", {"deployment": first}, 503)

    assert "is not ACTIVE yet: ask again" in answer["detail"]


async def test_the_same_key_is_one_rollback(models):
    await post(models, f"{STRATEGIES}/models/promote", {"version": 2})

    first = await post(models, f"{MODELS}/rollback", {}, Idempotency_Key="once")
    again = await post(models, f"{MODELS}/rollback", {}, Idempotency_Key="once")

    assert again["outcome"] == first["outcome"]


@pytest.mark.parametrize("config_follows", [True, False])
async def test_a_repeated_rollback_to_a_deployment_tells_of_its_config_as_it_did(
    models, config_follows
):
    first = await other_config_is_active(models)
    if not config_follows:
        old = (await models.get(f"{STRATEGIES}/configs"))["configs"]
        old = next(c["config_id"] for c in old if c["status"] != "ACTIVE")
        await post(models, f"{STRATEGIES}/configs/{old}/activate")
    path, body = f"{STRATEGIES}/models/rollback", {"deployment": first}

    answer = await post(models, path, body, Idempotency_Key="once")
    again = await post(models, path, body, Idempotency_Key="once")

    assert (answer["config"] is not None) == config_follows
    assert again == answer


async def test_a_repeated_registration_is_judged_by_the_config_of_its_time(models):
    path, body = f"{STRATEGIES}/register", {"run_id": "run-a"}
    answer = await post(models, path, body, Idempotency_Key="once")
    strict = {"gates": {"registration": {"max_drawdown_pct": 5.0}}}
    for number, action in enumerate(("create", "activate")):
        made_ms = models.ctx.wall_ms() + 1 + number
        later = config_command(action, 20 + number, content=strict, event_time_ms=made_ms)
        for made in models.bus.answers(later):
            models.bus.feed(made)

    assert await post(models, path, body, Idempotency_Key="once") == answer


async def test_a_registration_lists_each_threshold_with_the_value_found(models):
    body = {"run_id": "run-a", "strategy_name": "ensemble"}

    answer = await post(models, f"{STRATEGIES}/register", body)
    failed = await post(
        models,
        f"{STRATEGIES}/register",
        {**body, "thresholds": {"max_drawdown_pct": 15.0, "min_sharpe_ratio": 1.5}},
        409,
    )
    unreported = await post(models, f"{STRATEGIES}/register", {"run_id": "run-b"}, 409)

    assert answer["outcome"]["code"] == "same"
    assert {r["name"]: (r["threshold"], r["value"]) for r in answer["thresholds"]} == {
        "min_sharpe_ratio": (1.0, 1.2), "min_profit_factor": (1.5, 1.6),
        "max_drawdown_pct": (20.0, 19.0), "min_total_trades": (50.0, 80.0),
        "min_win_rate": (40.0, 55.00000000000001),
    }  # fmt: skip
    assert [row["passed"] for row in failed["thresholds"]] == [False, True, False, True, True]
    assert "max_drawdown_pct 15, found 19.0" in failed["detail"]
    assert "found None" in unreported["detail"]
    assert answer["config_id"] == failed["config_id"] == SHIPPED_ID


async def test_a_registration_names_the_training_by_its_run_in_mlflow_too(models):
    models.bus.feed(mlflow_run("model/b", run_id="f00d"), mlflow_run("model/a", run_id="cafe"))

    answer = await post(models, f"{STRATEGIES}/register", {"run_id": "cafe"})
    shown = await models.get(f"{MODELS}/versions/1")

    assert answer["version"]["model_version"] == "a"
    assert shown["mlflow_run_id"] == "cafe"
    assert (await models.get(f"{MODELS}/versions/3"))["mlflow_run_id"] is None


async def test_the_active_config_says_what_a_registration_asks_for(models):
    strict = {"gates": {"registration": {"max_drawdown_pct": 5.0}}}
    for number, action in enumerate(("create", "activate")):
        for made in models.bus.answers(config_command(action, 20 + number, content=strict)):
            models.bus.feed(made)

    failed = await post(models, f"{STRATEGIES}/register", {"run_id": "run-a"}, 409)

    assert "max_drawdown_pct 5, found 19.0" in failed["detail"]
    assert failed["config_id"].startswith("v2-")


async def test_a_version_shows_the_policy_that_judged_it_and_each_threshold_with_its_value(gateway):
    policy = GatesUsed(config_id="v2-0a1b2c3d", gates=GatesPolicy(edge_level=0.05))
    figure = GateFigure(
        name="edge_p_value", value=0.02, threshold=0.05, rule="below", verdict="passed"
    )
    report = GateReport(name="ensemble", passed=True, figures=(figure,))
    decide_models(gateway, trained("a", 2, policy=policy, reports=(report, REPORT)))

    shown = await gateway.get(f"{MODELS}/versions/1")

    assert shown["policy"]["config_id"] == "v2-0a1b2c3d"
    assert shown["policy"]["gates"]["edge_level"] == 0.05
    [move] = shown["history"]
    assert move["decision"]["config_id"] == "v2-0a1b2c3d"
    assert [f["name"] for f in move["decision"]["figures"]] == ["ensemble.edge_p_value"]


async def test_a_retraining_is_asked_for_with_the_newest_closes_and_can_be_cancelled(models):
    answer = await post(models, f"{STRATEGIES}/models/retrain", {"reason": "new market"})
    again = await post(models, f"{STRATEGIES}/models/retrain", {}, 409)
    cancelled = await post(models, f"{STRATEGIES}/models/cancel", {})

    [command, *_] = [r for r, _ in models.bus.published if isinstance(r, ModelCommand)]
    assert command.closes == {s: close_time(LAST) for s in ("BTCUSDT", "ETHUSDT")}
    assert answer["outcome"]["subject"] == "ensemble/1m"
    assert "is under way" in again["detail"]
    assert "is cancelled" in cancelled["outcome"]["detail"]
    await post(models, f"{STRATEGIES}/models/promote", {"version": 2})  # no revision was missed


async def test_a_training_of_an_unknown_strategy_is_404(models):
    refused = await post(models, "/api/v1/strategies/nobody/models/retrain", {}, 404)

    assert "no ready history of nobody/1m is known" in refused["detail"]


async def test_one_version_is_shown_with_reports_and_history(models):
    shown = await models.get(f"{MODELS}/versions/1", timeframe="1m")

    assert shown["reports"][0]["figures"][0]["name"] == "sharpe_ratio"
    assert [change["to_stage"] for change in shown["history"]] == ["Production"]
    assert (await models.client.get(f"{MODELS}/versions/x")).status_code == 404


async def test_an_outcome_that_is_late_is_202_with_its_address(models, monkeypatch):
    from gateway.answers import commands

    monkeypatch.setattr(commands, "WAIT_S", 0.01)
    models.bus.answers = lambda _: ()

    answer = await post(models, f"{STRATEGIES}/models/promote", {"version": 2}, 202)

    assert answer["url"] == f"/api/v1/commands/{answer['command_id']}"


def test_whatever_changes_a_model_needs_the_strictest_scope():
    paths = ("/api/v1/models/m/rollback", "/api/v1/strategies/m/promote",
             "/api/v1/strategies/m/models/retrain")  # fmt: skip

    assert {needed_scope("POST", path) for path in paths} == {"admin"}
    assert needed_scope("GET", "/api/v1/models/m/versions") == "read"
