"""Analysis only: no code path can place, change or cancel an order, and none is even named."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator

import pytest

from tests.architecture.sources import MODULES, SOURCES

CCXT_HOME = "workers/venue/exchange.py"
SIMULATOR = "workers/simulator/"  # the venue itself: it answers requests and sends none

# Whole words of ccxt's unified and implicit methods that write, in snake and camel case.
WRITES = re.compile(
    r"(create|edit|cancel|close|place|modify|amend|submit|send)_?\w*_?(order|position)s?(_|[A-Z]|$)"
    r"|(private|sapi|papi|fapi|dapi|eapi)\w*(post|put|delete|patch)"
    r"|^(set_?leverage|set_?margin_?mode|set_?position_?mode|transfer|withdraw|borrow\w*|repay\w*"
    r"|add_?margin|reduce_?margin|new_?order|batch_?orders)$",
    re.IGNORECASE,
)
HTTP_WRITES = frozenset({"post", "put", "patch", "delete"})
HTTP_CLIENTS = ("aiohttp", "httpx", "requests", "urllib", "http")
CALLS = frozenset(  # every call that reaches the venue
    {
        "fapiPublicGetTime",
        "fapiPublicGetExchangeInfo",
        "fapiPublicGetKlines",
        "fapiPublicGetMarkPriceKlines",
        "fapiPublicGetFundingRate",
        "fapiPrivateV3GetAccount",
        "fapiPrivateV3GetPositionRisk",
        "fapiPrivateGetIncome",
        "sapiGetAccountApiRestrictions",
        "load_time_difference",
        "watch_ohlcv_for_symbols",
        "watch_trades_for_symbols",
        "watch_mark_prices",
    }
)
HOUSEKEEPING = frozenset(
    {
        "apiKey",
        "close",
        "close_ws_clients",
        "frames",
        "last_http_response",
        "last_response_headers",
        "secret",
        "streaming",
        "urls",
        "ws_dial_backoff",
    }
)


def names_in(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Every identifier and every string that could name a method."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr, node.lineno
        elif isinstance(node, ast.Name):
            yield node.id, node.lineno
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, node.lineno
        elif isinstance(node, ast.Constant) and str(node.value).isidentifier():
            yield str(node.value), node.lineno


@pytest.mark.parametrize(
    "name",
    [
        "create_order",
        "createOrder",
        "create_order_ws",
        "create_market_buy_order",
        "cancel_all_orders",
        "edit_orders",
        "close_position",
        "fapiPrivatePostOrder",
        "fapiPrivateDeleteAllOpenOrders",
        "sapi_post_margin_order",
        "set_leverage",
        "setMarginMode",
        "withdraw",
    ],
)
def test_the_scan_knows_what_a_write_is_called(name):
    assert WRITES.search(name)


@pytest.mark.parametrize("name", ["require_order", "close", "fapiPublicGetKlines", "in_order"])
def test_the_scan_leaves_reads_alone(name):
    assert not WRITES.search(name)


def test_no_file_names_a_call_that_writes_to_an_exchange():
    writes = [
        f"{source.name}:{line} {name}"
        for source in SOURCES
        for name, line in names_in(source.tree)
        if WRITES.search(name)
    ]

    assert writes == []


def test_only_one_file_imports_ccxt():
    users = {source.name for source in SOURCES if "ccxt" in source.roots}

    assert users == {CCXT_HOME}


def test_no_exchange_library_but_ccxt_is_imported():
    others = re.compile(r"^(binance|cryptofeed|python_binance|pybit|nautilus_trader|freqtrade)\b")

    assert [s.name for s in SOURCES if any(others.match(name) for name in s.imported)] == []


def test_every_call_of_the_client_is_on_the_read_only_list():
    tree = MODULES["workers.venue.exchange"].tree
    called = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and (
            (isinstance(node.value, ast.Attribute) and node.value.attr == "_client")
            or (isinstance(node.value, ast.Name) and node.value.id == "client")
        )
    }

    assert called - HOUSEKEEPING - {"handle_message"} == CALLS
    dynamic = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("getattr", "eval", "exec", "__import__")
    ]
    assert dynamic == []


def test_the_key_is_read_by_the_access_alone_and_kept_by_the_account_alone():
    """Who else names the setting only says whether it is set."""
    secrets = [
        source.name
        for source in SOURCES
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Attribute) and node.attr == "api_secret"
    ]
    keepers = {
        source.name
        for source in SOURCES
        for name, _ in names_in(source.tree)
        if name == "connected_account" and source.name != CCXT_HOME
    }

    assert set(secrets) == {CCXT_HOME}
    assert keepers == {"workers/account/worker.py"}


def test_no_route_of_the_gateway_writes_to_an_account():
    from gateway.routes import portfolio

    methods = {
        method for route in portfolio.router.routes for method in getattr(route, "methods", ())
    }

    assert methods == {"GET"}


def test_the_client_leaves_its_file_only_inside_the_facade():
    users = [
        source.name
        for source in SOURCES
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Attribute) and node.attr == "_client" and source.name != CCXT_HOME
        if source.parts[:2] in (("workers", "account"), ("workers", "ingest"), ("workers", "venue"))
    ]

    assert users == []


def test_no_http_write_leaves_workers_or_streams():
    writes = []
    for source in SOURCES:
        if source.name.startswith(SIMULATOR) or source.folder in ("gateway", "deploy"):
            continue
        reaches_out = bool(source.roots & set(HTTP_CLIENTS)) and source.name != CCXT_HOME
        if reaches_out and "urllib.parse" not in source.imported:
            writes += [
                f"{source.name}:{node.lineno} {node.func.attr}"
                for node in ast.walk(source.tree)
                if isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in HTTP_WRITES
            ]

    assert writes == []


def test_real_venue_is_named_by_nobody_else():
    hosts = re.compile(r"binance\.(com|vision)|wss?://(?!127\.0\.0\.1|localhost|\{)\w")
    named = [
        f"{source.name}:{node.lineno}"
        for source in SOURCES
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and hosts.search(node.value)
    ]

    assert named == []


def test_guards_are_still_in_place():
    from workers.venue import exchange

    client = exchange._ReadOnlyBinance
    assert "_require_get" in inspect.getsource(client.sign)
    assert "_require_get" in inspect.getsource(client.fetch)
    with pytest.raises(exchange.VenueRefused, match="only reads"):
        client().sign("order", ["fapiPrivate"], "POST", {"symbol": "BTCUSDT"})


def test_only_analysis_mode_exists(monkeypatch: pytest.MonkeyPatch):
    from workers.settings import Settings

    assert Settings().app_mode == "analysis_only"
    monkeypatch.setenv("APP_MODE", "live")
    with pytest.raises(ValueError, match="analysis_only"):
        Settings()
