"""``regimeflow drift``: reports as lines and JSON, exit code 1 where a model does harm."""

from __future__ import annotations

import json

import pytest
from typer.testing import Result

from gateway.settings import GatewaySettings
from schemas.timeframes import HOUR_MS
from tests.build import drift_report, feature_drift, registered, serving
from tests.fakes.command_line import invoke
from tests.fakes.gateway import RunningGateway, served_gateway

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def drift(gateway: RunningGateway, *words: str) -> Result:
    return await invoke("drift", *words, "--url", gateway.url)


async def test_reports_are_shown_with_their_numbers_and_harm_is_exit_code_1():
    async with served_gateway(GatewaySettings()) as gateway:
        none = await drift(gateway)
        gateway.bus.feed(feature_drift(50), drift_report(60))
        quiet, wrong = await drift(gateway, "BTC-USD", "--features", "1"), await drift(gateway, "x")
        gateway.bus.feed(drift_report(120, reasons=("log_loss",)))
        harm, document = await drift(gateway), await drift(gateway, "--json")

    assert (none.exit_code, "BTCUSDT 1m  ensemble m1  no report yet" in none.output) == (0, True)
    assert quiet.exit_code == 0
    lines = quiet.output.splitlines()
    assert "BTCUSDT 1m  ensemble m1" in lines[0]
    assert lines[0].endswith("no alarm")
    assert "log_loss" in lines[1]
    assert "1 of 2 have shifted, by 500 rows" in lines[2]
    assert [line for line in lines[3:] if "natr_14" in line] == lines[3:]
    assert harm.exit_code == 1
    assert "retrain: log_loss" in harm.output
    assert json.loads(document.output)["harmful"] == 1
    assert (wrong.exit_code, "Traceback" in wrong.output) == (1, False)


async def test_what_is_not_watched_says_so_and_never_that_there_is_no_harm():
    report = drift_report(60)
    unarmed = report.measures[0].model_copy(update={"armed": False})
    async with served_gateway(GatewaySettings()) as gateway:
        gateway.bus.feed(
            serving(model=registered(model_version="h1", timeframe_ms=HOUR_MS)),
            drift_report(60, measures=(unarmed,)),
        )
        unwatched = (await drift(gateway)).output
        gateway.bus.feed(drift_report(120, measures=(*report.measures, unarmed)))
        partly = (await drift(gateway)).output

    assert "not watched: no measure passed its trial" in unwatched
    assert "not watched: it failed its trial" in unwatched
    assert "no alarm" not in unwatched
    assert "1h  ensemble h1  no report yet" in unwatched
    assert "no alarm in log_loss; others are not watched" in partly
