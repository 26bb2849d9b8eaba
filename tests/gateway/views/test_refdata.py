"""Reference data over HTTP: tables, filters, the list for an unknown name, refresh, no start."""

from __future__ import annotations

import asyncio

import pytest

from gateway import app as application
from gateway.app import create_app
from gateway.settings import GatewaySettings
from gateway.views.refdata import RefdataView
from schemas.refdata import TABLES, Row
from tests.build import refdata
from tests.fakes.gateway import FakeBus

pytestmark = pytest.mark.anyio

ROWS: tuple[Row, ...] = (
    {"symbol": "BTCUSDT", "active": True, "tick_size": 0.1},
    {"symbol": "OLDUSDT", "active": False, "tick_size": None},
)


@pytest.fixture
def filled(gateway):
    """The gateway with every table."""
    others = [refdata(name) for name in TABLES if name != "symbol"]
    gateway.bus.feed(refdata("symbol", *ROWS), *others)
    return gateway


async def test_a_table_is_returned_whole_with_its_version(filled):
    answer = await filled.get("/refdata/symbol")

    assert answer == {
        "table": "symbol",
        "version": "0011223344556677",
        "source": "symbol.json",
        "count": 2,
        "rows": list(ROWS),
    }


@pytest.mark.parametrize(
    ("query", "symbols"),
    [
        ({"active": "true"}, ["BTCUSDT"]),
        ({"active": "false", "symbol": "OLDUSDT"}, ["OLDUSDT"]),
        ({"tick_size": "0.1"}, ["BTCUSDT"]),
        ({"tick_size": "null"}, ["OLDUSDT"]),
        ({"symbol": "nope"}, []),
    ],
)
async def test_a_column_in_the_query_keeps_the_rows_with_that_value(filled, query, symbols):
    answer = await filled.get("/refdata/symbol", **query)

    assert [row["symbol"] for row in answer["rows"]] == symbols


async def test_an_unknown_table_is_404_with_the_list_and_an_unknown_column_400(filled):
    table = await filled.client.get("/refdata/colours")
    column = await filled.client.get("/refdata/symbol?colour=red")

    assert (table.status_code, column.status_code) == (404, 400)
    assert ", ".join(TABLES) in table.json()["detail"]
    assert "expected symbol, active, tick_size" in column.json()["detail"]


async def test_strategies_are_the_table_of_that_name(filled):
    assert await filled.get("/backtest/strategies") == await filled.get("/refdata/strategy")


async def test_missing_tables_are_503_with_what_to_do(gateway):
    gateway.bus.feed(refdata("indicator"))

    response = await gateway.client.get("/refdata/symbol")

    assert response.status_code == 503
    assert "regimeflow topics apply" in response.json()["detail"]


async def test_a_new_table_counts_at_once_and_refresh_reads_the_topic_again(filled):
    filled.bus.feed(refdata("symbol", {"symbol": "NEWUSDT"}))

    answer = await filled.get("/refdata/symbol")
    refreshed = (await filled.client.post("/refdata/refresh")).json()

    assert answer["rows"] == [{"symbol": "NEWUSDT"}]
    assert filled.bus.read_again_topics == ["refdata.tables.v1"]
    assert [row["table"] for row in refreshed["tables"]] == list(TABLES)
    assert {row["version"] for row in refreshed["tables"]} == {"0011223344556677"}
    assert {row["rows"] for row in refreshed["tables"]} == {1}


async def test_a_gateway_without_reference_data_gives_up_and_says_why(settings, monkeypatch):
    monkeypatch.setattr(RefdataView.wait_until_complete, "__defaults__", (0.01,))
    refused: asyncio.Queue[str] = asyncio.Queue()
    app = create_app(settings, FakeBus(), refuse=refused.put_nowait)

    async with app.router.lifespan_context(app), asyncio.timeout(10):
        why = await refused.get()

    assert "missing on refdata.tables.v1: asset_type, exchange" in why
    assert "regimeflow topics apply" in why


async def test_tables_that_come_late_are_waited_for(settings):
    refused: asyncio.Queue[str] = asyncio.Queue()
    bus = FakeBus()
    app = create_app(settings, bus, refuse=refused.put_nowait)

    async with app.router.lifespan_context(app):
        bus.feed(*(refdata(name) for name in TABLES))
        await asyncio.sleep(0)

        assert app.state.ctx.views.refdata.missing == []
        assert refused.empty()


def test_the_process_ends_with_the_reason_and_is_not_started_again(monkeypatch, capsys):
    monkeypatch.setattr(RefdataView.wait_until_complete, "__defaults__", (0.01,))
    monkeypatch.setattr(application, "KafkaBus", lambda _: FakeBus())

    code = application.run(GatewaySettings(port=0), lambda: None)

    assert code == application.EXIT_REFUSED
    assert "regimeflow topics apply" in capsys.readouterr().out
