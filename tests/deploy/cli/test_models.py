"""Versions of models on the command line, through a gateway whose commands are decided."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.settings import GatewaySettings
from tests.fakes.command_line import asked, call
from tests.fakes.command_processor import decide_models
from tests.fakes.gateway import RunningGateway, served_gateway
from tests.gateway.routes.test_version_routes import three_versions

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RunningGateway]:
    """A served gateway: version 1 serves, 2 is in Staging, 3 was kept out."""
    monkeypatch.setenv("REGIMEFLOW_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    async with served_gateway(GatewaySettings()) as running:
        decide_models(running, *three_versions())
        yield running


async def test_a_version_is_listed_shown_promoted_and_rolled_back(gateway):
    listed = await asked(gateway, "models", "list")
    shown = await call(gateway, "get-model", "ensemble", "--version", "3")
    dry = await call(gateway, "strategy", "set-version", "ensemble", "2", "--dry-run")
    promoted = await call(gateway, "strategy", "set-version", "ensemble", "2", "--no-archive")
    serving = await asked(gateway, "models", "show", "ensemble")
    back = await call(gateway, "deploy", "rollback", "ensemble", "--env", "dev")

    assert [row["stage"] for row in listed["versions"]] == ["Production", "Staging", "Archived"]
    assert re.search(r"\d\d:\d\d  registered -> Archived by regimeflow: kept out", shown.stdout)
    assert "run of MLflow: not mirrored yet" in shown.stdout
    assert "would write models.stages.v1: ensemble b Production" in dry.stdout
    assert "version 2 (b) is Production, was Staging; version 1 (a) is Staging" in promoted.stdout
    assert "it counts from the bar that closes at" in promoted.stdout
    assert (serving["version"], serving["stage"]) == (2, "Production")
    assert "version 1 (a) is Production" in back.stdout


async def test_a_deployment_is_rolled_back_to_by_its_id(gateway):
    first = (await gateway.get("/api/v1/strategies/ensemble/deployments"))["current"]
    await call(gateway, "strategy", "set-version", "ensemble", "b")

    rollback = ("deploy", "rollback", "ensemble", "--env", "dev", "--deployment")
    answer = await asked(gateway, *rollback, first)
    unknown = await call(gateway, *rollback, "deploy-0", code=1)

    assert (answer["env"], answer["version"]["model_version"]) == ("dev", "a")
    assert "ensemble has no deployment deploy-0; `regimeflow models list" in unknown.stderr


async def test_another_model_is_asked_for_once_and_cancelled(gateway):
    first = await call(gateway, "retrain", "--reason", "new market")
    again = await call(gateway, "retrain", code=1)
    cancelled = await call(gateway, "retrain", "--cancel")

    assert "of ensemble/1m is asked for: manual" in first.stdout
    assert "is under way for 0 min" in again.stderr
    assert "is cancelled" in cancelled.stdout


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("strategy", "set-version", "ensemble", "9"), 1, "has no version 9"),
        (("strategy", "set-version", "ensemble", "3"), 1, "is Archived, expected Staging"),
        (("strategy", "set-version", "ensemble", "2", "--stage", "Live"), 2, "Live"),
        (("get-model", "other"), 1, "other has no model versions"),
        (("retrain", "--cancel", "--force"), 2, "--force"),
    ],
)
async def test_a_refusal_is_one_line_with_its_exit_code(gateway, words, code, said):
    result = await call(gateway, *words, code=code)

    assert said in result.output + result.stderr
    assert "Traceback" not in result.output
