"""The server for assistants: tools that only read, short answers, clear refusals."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

import httpx2
import pytest
from fastmcp import Client
from fastmcp.client.client import CallToolResult
from fastmcp.client.transports import StdioTransport, StreamableHttpTransport
from fastmcp.exceptions import ToolError
from mcp.types import TextContent
from typer.testing import CliRunner

from deploy.cli.app import app
from deploy.cli.mcp_server import CALLERS, OWN, ReadingClient, mcp_server
from deploy.cli.mcp_tools import MAX_CHARACTERS, TOOLS, bounded, call_arguments, read_document
from deploy.generate.api_document import api_document
from deploy.local.gateway_request import KEY_SETTING
from gateway.access.keys import draw_key
from gateway.access.scopes import needed_scope
from gateway.settings import GatewaySettings
from tests.build import (
    backtest_request,
    explanation,
    job_progress,
    job_result,
    refdata,
    scored,
    status,
)
from tests.fakes.gateway import (
    RunningGateway,
    feed_live_markets,
    higher,
    in_process_gateway,
)
from tests.gateway.access.conftest import stored

pytestmark = pytest.mark.anyio

ARGUMENTS: dict[str, dict[str, Any]] = {
    "get_signal": {"signal_id": "signal-BTCUSDT-1"},
    "analyse_market": {"ticker": "BTC-USD"},
    "get_regime": {"ticker": "BTC/USDT:USDT", "timeframe": "15m"},
    "get_indicators": {"ticker": "BTC-USD", "history": 5, "names": "rsi_14"},
    "explain_market": {"ticker": "BTC-USD"},
    "list_explanations": {"ticker": "BTC-USD"},
    "list_bars": {"ticker": "BTC-USD"},
    "trace_origin": {"id": "signal-BTCUSDT-1"},
    "get_backtest": {"job_id": "job-1"},
    "get_search": {"job_id": "job-2"},
}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def gateway() -> AsyncIterator[RunningGateway]:
    """A gateway that has something to say to every tool."""
    async with in_process_gateway(GatewaySettings()) as running:
        feed_live_markets(running.bus)
        yield running


@cache
def document() -> dict[str, Any]:
    return api_document(GatewaySettings())


def answer(result: CallToolResult) -> dict[str, Any]:
    assert result.structured_content is not None
    return result.structured_content


def text(result: CallToolResult) -> str:
    [content] = result.content
    assert isinstance(content, TextContent)
    return content.text


@asynccontextmanager
async def assistant(
    gateway: RunningGateway | None, credentials: Any = OWN
) -> AsyncIterator[Client[Any]]:
    transport = None if gateway is None else httpx2.ASGITransport(gateway.app)
    client = ReadingClient("http://127.0.0.1:9", credentials, transport)
    async with Client(mcp_server(document(), client)) as asked:
        yield asked


def test_every_tool_is_a_get_route_that_needs_no_more_than_to_read():
    paths = document()["paths"]

    for tool in TOOLS:
        assert "get" in paths[tool.path], tool.name
        assert needed_scope("GET", tool.path.replace("{", "").replace("}", "")) == "read"
        named = {p["name"] for p in paths[tool.path]["get"].get("parameters", ())}
        assert tool.limit is None or tool.limit.parameter in named


def test_the_document_of_the_tools_has_nothing_else():
    part = read_document(document())

    assert set(part["paths"]) == {tool.path for tool in TOOLS}
    assert {method for each in part["paths"].values() for method in each} == {"get"}


async def test_each_tool_is_listed_with_a_short_description_and_as_one_that_only_reads(gateway):
    async with assistant(gateway) as asked:
        tools = await asked.list_tools()

    assert {tool.name for tool in tools} == {tool.name for tool in TOOLS}
    for tool in tools:
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint
        assert len(tool.description or "") < 300
    assert len(json.dumps([tool.model_dump(mode="json") for tool in tools])) < 20_000


async def test_every_tool_answers(gateway):
    job, search = backtest_request("job-1"), "job-2"
    gateway.bus.feed(*higher(900_000), explanation(19), scored(1), status("backtest"), job)
    gateway.bus.feed(job_progress("job-1"), job_result("job-1"), refdata("strategy"))
    gateway.bus.feed(job_result(search, kind="hyperopt"))

    async with assistant(gateway) as asked:
        for tool in TOOLS:
            result = await asked.call_tool(tool.name, ARGUMENTS.get(tool.name, {}))

            assert result.structured_content, tool.name


async def test_an_answer_is_what_the_route_answers(gateway):
    async with assistant(gateway) as asked:
        result = await asked.call_tool("list_signals", {"ticker": "BTC-USD", "limit": 2})

    answered = await gateway.get("/api/signals", ticker="BTC-USD", limit=2)
    assert answer(result)["data"] == answered["data"]


async def test_where_the_assistant_names_no_limit_that_of_the_tool_counts(gateway):
    async with assistant(gateway) as asked:
        result = await asked.call_tool("list_signals", {})

    assert len(answer(result)["data"]["signals"]) == 10


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("list_signals", {"limit": 51}, "limit: 51, expected at most 50"),
        ("list_signals", {"limit": "many"}, "limit: Input should be a valid integer"),
        ("list_bars", {"ticker": "DOGE-USD"}, "symbol DOGEUSDT is unknown; known: BTCUSDT"),
        ("list_bars", {"ticker": "BTC-USD", "timeframe": "7m"}, "'7m' does not run here"),
        ("list_bars", {}, "Missing required arguments: ticker"),
        ("list_bars", {"ticker": "BTC-USD", "limt": 1}, "Unknown arguments: limt"),
        ("get_backtest", {"job_id": "nope"}, "nope"),
        ("get_signal", {"signal_id": "../system/config"}, "cannot contain dot segments"),
        ("get_signal", {"signal_id": "x/acknowledge"}, "GET is not possible here"),
        ("get_signal", {"signal_id": "?a=b#c"}, "is not among the newest held"),
        ("trace_origin", {"id": "../../system/audit"}, "cannot contain dot segments"),
    ],
)
async def test_a_refusal_says_what_is_wrong(gateway, tool, arguments, said):
    async with assistant(gateway) as asked:
        with pytest.raises(ToolError) as refused:
            await asked.call_tool(tool, arguments)

    assert said in str(refused.value)
    assert "Traceback" not in str(refused.value)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v1/predict"),
        ("DELETE", "/backtest/jobs/x"),
        ("GET", "/api/system/config"),
        ("GET", "/api/system/audit"),
    ],
)
async def test_the_client_sends_nothing_that_needs_more_than_to_read(gateway, method, path):
    client = ReadingClient("http://127.0.0.1:9", OWN, httpx2.ASGITransport(gateway.app))

    with pytest.raises(ToolError, match="is not for assistants"):
        await client.request(method, path)


async def test_where_no_gateway_answers_the_tool_says_how_to_start_one():
    async with assistant(None) as asked:
        with pytest.raises(ToolError) as refused:
            await asked.call_tool("get_health", {})

    assert "no gateway answers at http://127.0.0.1:9" in str(refused.value)
    assert "`regimeflow run`" in str(refused.value)


async def test_an_address_that_is_no_gateway_is_told():
    page = httpx2.MockTransport(lambda _: httpx2.Response(200, text="<h1>hello</h1>"))
    client = ReadingClient("http://127.0.0.1:9", OWN, page)
    async with Client(mcp_server(document(), client)) as asked:
        with pytest.raises(ToolError, match="did not answer with a JSON object"):
            await asked.call_tool("get_health", {})


@pytest.fixture
async def guarded() -> AsyncIterator[RunningGateway]:
    """A gateway that wants a key."""
    async with in_process_gateway(GatewaySettings(api_keys=True)) as running:
        feed_live_markets(running.bus)
        yield running


async def test_the_key_that_is_set_is_shown_and_its_refusal_told(guarded, monkeypatch, caplog):
    good, unknown = draw_key(), draw_key()
    guarded.bus.feed(stored(good))

    async def asked_with(key: str) -> str:
        monkeypatch.setenv(KEY_SETTING, key)
        async with assistant(guarded) as asked:
            result = await asked.call_tool("get_health", {}, raise_on_error=False)
            return text(result)

    assert '"status":' in await asked_with(good.text)
    assert "set REGIMEFLOW_API_KEY (`regimeflow keys create" in await asked_with("")
    assert await asked_with(unknown.text) == (
        "the gateway refused REGIMEFLOW_API_KEY: the API key is unknown"
    )
    assert good.text not in caplog.text
    assert unknown.text not in caplog.text


@asynccontextmanager
async def over_http(gateway: RunningGateway) -> AsyncIterator[str]:
    """Serve the tools over HTTP to callers; yields the address."""
    client = ReadingClient("http://127.0.0.1:9", CALLERS, httpx2.ASGITransport(gateway.app))
    server = mcp_server(document(), client)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        running = asyncio.create_task(
            server.run_http_async(show_banner=False, sockets=[listener], log_level="critical")
        )
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_over_http_the_caller_shows_his_own_key_and_this_server_lends_him_none(
    guarded, monkeypatch
):
    key = draw_key()
    guarded.bus.feed(stored(key))
    monkeypatch.setenv(KEY_SETTING, key.text)

    async def asked_with(headers: dict[str, str]) -> str:
        async with Client(StreamableHttpTransport(address, headers=headers)) as asked:
            result = await asked.call_tool("get_health", {}, raise_on_error=False)
            return text(result)

    async with over_http(guarded) as address:
        by_key = await asked_with({"X-API-Key": key.text})
        by_token = await asked_with({"Authorization": f"Bearer {key.text}"})
        nobody = await asked_with({})
        stranger = await asked_with({"X-API-Key": draw_key().text})

    assert '"status":' in by_key
    assert '"status":' in by_token
    assert nobody.startswith("the gateway wants to know who asks: send this server a bearer token")
    assert stranger.endswith("the API key is unknown")


def test_a_long_answer_is_cut_and_says_where():
    whole: dict[str, Any] = {
        "jobs": [{"job_id": str(n), "text": "x" * 1_000} for n in range(100)],
        "equity": {"time_ms": list(range(10_000))},
        "plots": {"equity": ["y"] * 10_000},
        "bars": [{"close": n} for n in range(300)],
    }

    shorter = bounded(whole)

    assert len(json.dumps(shorter)) <= MAX_CHARACTERS
    assert "plots" not in shorter
    assert shorter["jobs"] == whole["jobs"][:15]
    assert shorter["bars"][-1] == {"close": 299}
    assert shorter["equity"]["time_ms"][:2] == [0, 667]
    assert shorter["cut"] == [
        "jobs: 15 of 100", "equity.time_ms: 15 of 10000", "bars: 15 of 300",
    ]  # fmt: skip


def test_a_short_answer_stays_as_it_is():
    assert bounded({"a": [1, 2], "b": None}) == {"a": [1, 2], "b": None}


def test_the_limit_of_a_tool_is_no_more_than_its_route_allows():
    paths = document()["paths"]
    for tool in TOOLS:
        if tool.limit is None:
            continue
        [schema] = [
            parameter["schema"]
            for parameter in paths[tool.path]["get"]["parameters"]
            if parameter["name"] == tool.limit.parameter
        ]

        assert schema["minimum"] <= tool.limit.default <= tool.limit.most <= schema["maximum"]
        assert call_arguments(tool, {}) == {tool.limit.parameter: tool.limit.default}


async def test_the_command_speaks_over_standard_input_and_output(tmp_path):
    words = ["-m", "deploy.cli.app", "mcp", "--url", "http://127.0.0.1:9"]
    environment = {**os.environ, "REGIMEFLOW_HOME": str(tmp_path), KEY_SETTING: "rfk_canary"}
    transport = StdioTransport(sys.executable, words, env=environment, keep_alive=False)

    async with Client(transport) as asked:
        tools = await asked.list_tools()
        result = await asked.call_tool("get_health", {}, raise_on_error=False)

    assert len(tools) == len(TOOLS)
    assert result.is_error
    assert "no gateway answers at http://127.0.0.1:9" in text(result)


def test_without_its_libraries_the_command_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "fastmcp", None)
    monkeypatch.delitem(sys.modules, "deploy.cli.mcp_server")

    result = CliRunner().invoke(app, ["mcp"])

    assert result.exit_code == 1
    assert "uv sync --inexact --no-default-groups --extra mcp" in result.output
    assert "Traceback" not in result.output
