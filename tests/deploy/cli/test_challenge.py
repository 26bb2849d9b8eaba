"""Challenges on the command line, through a gateway whose commands are decided."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.settings import GatewaySettings
from tests.build import close_time, registered
from tests.fakes.command_line import asked, call
from tests.fakes.command_processor import decide_models
from tests.fakes.gateway import RunningGateway, served_gateway

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RunningGateway]:
    monkeypatch.setenv("REGIMEFLOW_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    async with served_gateway(GatewaySettings()) as running:
        models = (
            registered(model_version=v, event_time_ms=close_time(n)) for n, v in enumerate("ab")
        )
        decide_models(running, *models)
        yield running


async def test_a_challenge_is_created_counted_evaluated_and_cancelled(gateway):
    created = await asked(gateway, "challenge", "create", "2", "--basis", "trades")
    name = created["challenge"]["challenge_id"]
    listed = await call(gateway, "challenge", "list")
    evaluated = await call(gateway, "challenge", "evaluate", name)
    shown = await call(gateway, "challenge", "show", name)
    cancelled = await call(gateway, "challenge", "cancel", name, "--reason", "enough")

    assert (created["challenge"]["champion"]["model_version"], name[:10]) == ("a", "challenge-")
    assert f"{name}  ensemble 1m  active    b against a on trades: INCONCLUSIVE" in listed.stdout
    assert "INCONCLUSIVE: 0 trades of the champion, expected 100 of each" in evaluated.stdout
    assert "mean returns (Welch): undefined" in evaluated.stdout
    assert "at least 100 trades each" in shown.stdout
    assert "ideas of the challenger, on paper: none has ended" in shown.stdout
    assert f"{name} is cancelled" in cancelled.stdout


async def test_a_trade_from_before_the_start_is_refused_by_its_time(gateway):
    created = await asked(gateway, "challenge", "create", "b", "--basis", "trades")
    name, begun = created["challenge"]["challenge_id"], close_time(0)
    trade = ("--variant", "champion", "--net-return", "0.01")
    times = ("--opened-ms", str(begun - 60_000), "--closed-ms", str(begun))

    refused = await call(gateway, "challenge", "trade", name, "t1", *trade, *times, code=1)

    assert f"opened_ms: got {begun - 60_000}, expected" in refused.output
