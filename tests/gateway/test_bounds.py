"""Every number of a request has bounds, every text is valid Unicode, and neither makes a 500."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.views.jobs import JobIndex
from tests.build import job_result
from tests.fakes.gateway import api_document

pytestmark = pytest.mark.anyio

GRID: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "window_range": [10, 20, 10],
    "signal_range": [0.5, 1.5, 0.5],
}
FIXED = {"symbol": "BTCUSDT", "window": 20, "signal": 1.0}
SEARCH: dict[str, Any] = {"strategy_name": "ema_cross"}
STRATEGY: dict[str, Any] = {"symbol": "BTCUSDT", "strategy": "ema_cross"}
BODIES: list[tuple[str, dict[str, Any]]] = [
    ("/backtest/optimize", GRID),
    ("/backtest/optimize/stream", GRID),
    ("/backtest/walk-forward", GRID),
    ("/backtest/performance", FIXED),
    ("/api/v1/hyperopt", SEARCH),
]
DIGITS = 10**4_000


def refused_fields() -> Iterator[tuple[str, dict[str, Any]]]:
    """Requests with one value that no calendar, clock, number or text can hold."""
    for path, body in BODIES:
        for wrong in (2**63, 10**30, DIGITS):
            yield path, body | {"to_ms": wrong}
        yield path, body | {"from_ms": 10**17}
        yield path, body | {"equity": 1e308}
        yield path, body | {"equity": DIGITS}
        yield path, body | {"timeframe": "\ud800"}
        yield path, body | {"symbol": "\ud800"}
        yield path, body | {"\ud800": 1}
    for path in ("/backtest/optimize", "/backtest/optimize/stream", "/backtest/walk-forward"):
        for wrong_range in ([2, 1e308, 1], [2, 20, 1e-308], [2, DIGITS, 1], [2, 1e11, 1]):
            yield path, GRID | {"window_range": wrong_range}
            yield path, STRATEGY | {"space": {"fast": wrong_range}}
        yield path, GRID | {"signal_range": [0, 1e308, 1e-308]}
        yield path, STRATEGY | {"space": {"fast": [-1e308, 1e308, 1]}}
        yield path, STRATEGY | {"space": {"\ud800": [1, 2, 1]}}
        yield path, STRATEGY | {"strategy": "\ud800"}
    for wrong_param in (
        {"type": "categorical", "choices": ["\ud800"]},
        {"type": "categorical", "choices": [DIGITS]},
        {"type": "int", "low": 1, "high": 1e300},
        {"type": "float", "low": 0.1, "high": 1.0, "step": 1e-300},
    ):
        yield "/api/v1/hyperopt", SEARCH | {"param_space": {"fast": wrong_param}}
    yield "/api/v1/hyperopt", SEARCH | {"preset": "\ud800"}
    yield "/api/v1/hyperopt", SEARCH | {"spaces": ["\udfff"]}
    yield "/api/v1/hyperopt", SEARCH | {"seed": 2**63}
    yield "/api/v1/hyperopt", SEARCH | {"optimization": {"presets": {"\ud800": {}}}}
    yield "/api/v1/predict", {"symbol": "\ud800"}
    yield "/api/v1/predict", {"symbol": "BTCUSDT", "strategy_override": "\ud800"}


async def test_a_value_out_of_bounds_is_400_and_nothing_is_asked_for(bench):
    for path, body in refused_fields():
        response = await bench.client.post(
            path, content=json.dumps(body), headers={"Content-Type": "application/json"}
        )

        assert response.status_code == 400, (path, str(body)[:200], response.text[:200])
        assert response.json()["detail"]
    assert bench.bus.published == []


@pytest.mark.parametrize(
    "body", [b"[" * 30_000, b'{"seed": ' + b"9" * 10_000 + b"}", b'"\xff"', b"\xed\xa0\x80", b"NaN"]
)
async def test_a_body_that_cannot_be_read_is_400(bench, body):
    for path in ("/backtest/optimize", "/api/v1/hyperopt", "/api/v1/predict"):
        response = await bench.client.post(
            path, content=body, headers={"Content-Type": "application/json"}
        )

        assert response.status_code == 400, (path, response.text)


async def test_a_mark_by_somebody_without_a_name_in_unicode_is_400(gateway):
    body = json.dumps({"by": "\ud800"})
    response = await gateway.client.post(
        "/api/signals/signal-BTCUSDT-1/acknowledge",
        content=body,
        headers={"Content-Type": "application/json"},
    )

    assert response.status_code == 400
    assert "valid Unicode" in response.json()["error"]


@pytest.mark.parametrize("origin", ["http://[::1", "http://[", "\ud7ff".encode().decode("latin-1")])
async def test_an_origin_that_is_no_url_is_refused(gateway, origin):
    response = await gateway.client.post(
        "/api/v1/predict", json={"symbol": "BTCUSDT"}, headers={"Origin": origin.encode("latin-1")}
    )

    assert response.status_code == 403
    assert "origin" in response.json()["detail"]


@pytest.mark.parametrize("length", ["²", "-1", "1e3", "9" * 30, "+5"])
async def test_a_content_length_that_is_no_number_is_400(gateway, length):
    response = await gateway.client.get("/health", headers={"Content-Length": length.encode()})

    assert response.status_code == 400
    assert "Content-Length" in response.json()["detail"]


def parts(schema: Any, place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every part of a schema that has a type, with where it stands."""
    if isinstance(schema, list):
        for index, each in enumerate(schema):
            yield from parts(each, f"{place}.{index}")
    elif isinstance(schema, dict):
        if isinstance(schema.get("type"), str):
            yield place, schema
        for name, each in schema.items():
            if name not in {"default", "examples", "enum", "const"}:
                yield from parts(each, f"{place}.{name}")


def test_every_number_and_text_of_a_request_has_stated_bounds():
    openapi = api_document()
    schemas = openapi["components"]["schemas"]
    asked: list[tuple[str, Any]] = []
    seen: set[str] = set()
    for operations in openapi["paths"].values():
        for operation in operations.values():
            asked.append((operation["operationId"], operation.get("requestBody")))
            queries = [p for p in operation.get("parameters", ()) if p["in"] == "query"]
            asked.append((operation["operationId"], queries))
    unbounded = []
    while asked:
        where, schema = asked.pop()
        for place, part in parts(schema, where):
            if part["type"] in {"integer", "number"} and not (
                {"minimum", "exclusiveMinimum", "enum", "const"} & part.keys()
                and {"maximum", "exclusiveMaximum", "enum", "const"} & part.keys()
            ):
                unbounded.append(place)
            if part["type"] == "string" and not {"maxLength", "enum", "const"} & part.keys():
                unbounded.append(place)
            if part["type"] == "array" and "maxItems" not in part:
                unbounded.append(place)
        for name in references(schema) - seen:
            seen.add(name)
            asked.append((name, schemas[name]))

    assert unbounded == []
    assert {"OptimizeSpec", "TuningSpec", "Parameter", "Range"} <= seen


def references(schema: Any) -> set[str]:
    """Return the names of the component schemas that a schema refers to."""
    text = json.dumps(schema)
    marker = '"#/components/schemas/'
    return {part.split('"', 1)[0] for part in text.split(marker)[1:]}


async def test_a_stored_job_that_cannot_be_shown_is_passed_over_and_the_others_stay():
    index = JobIndex()
    index.result(job_result("good"))

    with pytest.raises(TypeError, match="64-bit"):
        index.result(job_result("bad", spec={"symbol": "BTCUSDT", "to_ms": 10**30}))

    assert index.get("bad") is None
    assert index.get("good") is not None


async def test_a_job_stored_with_wider_bounds_is_still_shown(bench):
    spec = GRID | {"kind": "optimize", "equity": 1e18}
    bench.bus.feed(job_result("old", spec=spec))

    listed = await bench.get("/backtest/jobs")
    shown = await bench.client.get("/backtest/jobs/old")

    assert listed["jobs"][0]["job_id"] == "old"
    assert shown.status_code == 200
    assert shown.json()["spec"]["equity"] == 1e18
