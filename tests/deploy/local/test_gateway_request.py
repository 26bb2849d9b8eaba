"""The commands show the API key that is set, and say what to do when it does not suffice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from typer.testing import CliRunner, Result

from deploy.cli.app import app
from deploy.local.gateway_request import KEY_SETTING
from gateway.access.keys import NewKey, draw_key
from gateway.settings import GatewaySettings
from tests.fakes.gateway import RunningGateway, served_gateway
from tests.gateway.access.conftest import stored

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def wants_keys() -> AsyncIterator[RunningGateway]:
    async with served_gateway(GatewaySettings(api_keys=True)) as running:
        yield running


def known(gateway: RunningGateway, scope: str) -> NewKey:
    key = draw_key()
    gateway.bus.feed(stored(key, scope=scope))
    return key


async def call(*arguments: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, app, list(arguments))


@pytest.mark.parametrize("command", [("health",), ("hyperopt", "list"), ("loadtest",)])
async def test_without_a_key_the_way_to_one_is_told(wants_keys, command):
    result = await call(*command, "--url", wants_keys.url)

    assert result.exit_code in {1, 2}
    assert f"set {KEY_SETTING}" in result.stderr
    assert "Traceback" not in result.output


async def test_a_key_that_is_set_is_shown_to_the_gateway(wants_keys, monkeypatch, tmp_path):
    secret = tmp_path / "key"
    secret.write_text(known(wants_keys, "operate").text + "\n")
    monkeypatch.setenv(f"{KEY_SETTING}_FILE", str(secret))

    health = await call("health", "--url", wants_keys.url)
    load = await call("loadtest", "--url", wants_keys.url, "--requests", "8", "--json")

    assert health.stdout.startswith("status ")
    assert '"success_rate": 1.0' in load.stdout


async def test_a_key_that_does_not_suffice_names_what_is_missing(wants_keys, monkeypatch):
    monkeypatch.setenv(KEY_SETTING, known(wants_keys, "read").text)
    low = await call("hyperopt", "cancel", "x", "--url", wants_keys.url)
    monkeypatch.setenv(KEY_SETTING, draw_key().text)
    unknown = await call("hyperopt", "list", "--url", wants_keys.url)

    assert "this needs the scope operate; prometheus has read" in low.stderr
    assert f"the gateway refused {KEY_SETTING}: the API key is unknown" in unknown.stderr
