"""``regimeflow drift``: reports as lines and JSON, exit code 1 where a model does harm."""

from __future__ import annotations

import json

import pytest
from typer.testing import Result

from deploy.cli.tables.drift import NONE_YET
from gateway.settings import GatewaySettings
from tests.build import drift_report, feature_drift
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

    assert (none.exit_code, none.output.strip()) == (0, NONE_YET)
    assert quiet.exit_code == 0
    lines = quiet.output.splitlines()
    assert "BTCUSDT 1m  ensemble m1" in lines[0]
    assert lines[0].endswith("no harm")
    assert "log_loss" in lines[1]
    assert "1 of 2 have shifted, by 500 rows" in lines[2]
    assert [line for line in lines[3:] if "natr_14" in line] == lines[3:]
    assert harm.exit_code == 1
    assert "retrain: log_loss" in harm.output
    assert json.loads(document.output)["harmful"] == 1
    assert (wrong.exit_code, "Traceback" in wrong.output) == (1, False)
