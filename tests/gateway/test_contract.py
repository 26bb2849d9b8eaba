"""The documents' tables, row by row: routes, samples, errors; and no input makes a 500."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.refdata import RefdataTable, Row
from tests.build import explanation, scored
from tests.fakes.gateway import api_document

pytestmark = pytest.mark.anyio

ROUTES = [
    ("post", "/api/v1/predict"),
    ("get", "/api/v1/models"),
    ("get", "/api/v1/health"),
    ("get", "/health"),
    ("get", "/metrics"),
    ("get", "/api/signals"),
    ("get", "/api/signals/{signal_id}"),
    ("post", "/api/signals/{signal_id}/acknowledge"),
    ("get", "/api/access/sign-in"),
    ("get", "/api/access/principal"),
    ("get", "/api/access/keys"),
    ("post", "/api/realtime/ticket"),
    ("get", "/api/trades"),
    ("post", "/api/trades"),
    ("get", "/api/performance"),
    ("get", "/api/performance/summary"),
    ("get", "/api/trades/performance"),
    ("get", "/api/trades/{trade_id}"),
    ("put", "/api/trades/{trade_id}"),
    ("get", "/api/portfolio/balance"),
    ("get", "/api/portfolio/positions"),
    ("get", "/api/portfolio/exposure"),
    ("get", "/api/ideas"),
    ("get", "/api/ideas/suppressed"),
    ("get", "/api/ideas/{idea_id}"),
    ("get", "/api/explain/{ticker}"),
    ("get", "/api/explain/{ticker}/history"),
    ("get", "/api/analysis"),
    ("get", "/api/analysis/{ticker}/regime"),
    ("get", "/api/analysis/{ticker}/indicators"),
    ("get", "/api/bars/{ticker}"),
    ("get", "/api/system/health"),
    ("get", "/api/system/metrics"),
    ("get", "/api/system/config"),
    ("get", "/api/system/audit"),
    ("get", "/api/system/dead-letters"),
    ("get", "/api/system/events"),
    ("post", "/api/system/dead-letters/replay"),
    ("post", "/api/system/dead-letters/drop"),
    ("get", "/api/system/ledger"),
    ("get", "/api/drift"),
    ("get", "/api/v1/models/{name}/drift"),
    ("post", "/backtest/optimize"),
    ("post", "/backtest/optimize/stream"),
    ("post", "/backtest/performance"),
    ("post", "/backtest/walk-forward"),
    ("get", "/backtest/strategies"),
    ("get", "/backtest/jobs"),
    ("get", "/backtest/jobs/{job_id}"),
    ("delete", "/backtest/jobs/{job_id}"),
    ("get", "/backtest/jobs/{job_id}/stream"),
    ("get", "/refdata/{table_name}"),
    ("post", "/refdata/refresh"),
    ("post", "/api/v1/hyperopt"),
    ("get", "/api/v1/hyperopt"),
    ("get", "/api/v1/hyperopt/{job_id}"),
    ("get", "/api/v1/hyperopt/{job_id}/result"),
    ("post", "/api/v1/hyperopt/{job_id}/cancel"),
    ("post", "/api/v1/hyperopt/{job_id}/resume"),
    ("get", "/api/v1/hyperopt/{job_id}/stream"),
    ("get", "/api/v1/strategies"),
    ("get", "/api/v1/strategies/{name}"),
    ("post", "/api/v1/strategies/validate"),
    ("post", "/api/v1/strategies/merge"),
    ("get", "/api/v1/strategies/{name}/configs"),
    ("post", "/api/v1/strategies/{name}/configs"),
    ("get", "/api/v1/strategies/{name}/configs/{config_id}"),
    ("post", "/api/v1/strategies/{name}/configs/{config_id}/activate"),
    ("post", "/api/v1/strategies/{name}/configs/{config_id}/deprecate"),
    ("post", "/api/v1/models/{model_name}/challenges"),
    ("get", "/api/v1/models/{model_name}/challenges"),
    ("get", "/api/v1/models/{model_name}/challenges/active"),
    ("get", "/api/v1/challenges/{challenge_id}"),
    ("post", "/api/v1/challenges/{challenge_id}/trades"),
    ("get", "/api/v1/challenges/{challenge_id}/evaluate"),
    ("post", "/api/v1/challenges/{challenge_id}/cancel"),
    ("get", "/api/v1/models/{name}/versions"),
    ("get", "/api/v1/models/{name}/versions/{version}"),
    ("get", "/api/v1/models/{name}/rollback-candidates"),
    ("post", "/api/v1/models/{name}/rollback"),
    ("get", "/api/v1/strategies/{name}/models"),
    ("get", "/api/v1/strategies/{name}/models/rollback-candidates"),
    ("post", "/api/v1/strategies/{name}/models/stage"),
    ("post", "/api/v1/strategies/{name}/models/promote"),
    ("post", "/api/v1/strategies/{name}/models/rollback"),
    ("post", "/api/v1/strategies/{name}/models/retrain"),
    ("post", "/api/v1/strategies/{name}/models/cancel"),
    ("get", "/api/v1/strategies/{name}/deployments"),
    ("post", "/api/v1/strategies/{name}/stage"),
    ("post", "/api/v1/strategies/{name}/promote"),
    ("post", "/api/v1/strategies/{name}/register"),
    ("get", "/api/v1/commands/{command_id}"),
    ("get", "/api/v1/trace/{id}"),
    ("get", "/api/v1/mlflow/models/{model_name}"),
    ("get", "/api/v1/mlflow/experiments/{experiment_id}"),
]
PREDICT_SAMPLE: dict[str, Any] = {
    "decision_id": str,
    "symbol": str,
    "action": str,
    "confidence": float,
    "recommended_quantity": (float, type(None)),
    "regime_probabilities": {"bull": float, "bear": float, "sideways": float, "entropy": float},
    "strategy_weights": {
        "bull_specialist": float,
        "bear_specialist": float,
        "sideways_specialist": float,
    },
    "risk_validation": {
        "approved": bool,
        "warnings": list,
        "checks": {"position_limit": str, "concentration": str, "daily_loss_limit": str},
    },
    "metadata": {"model_version": str, "latency_ms": float, "timestamp": str},
}
HEALTH_SAMPLE = {"status": str, "model_loaded": bool, "gpu_available": bool, "timestamp": str}
MODEL_SAMPLE = {"name": str, "version": str, "loaded_at": str, "device": str, "parameters": int}
METRICS = [
    ("predictions_total", "counter"),
    ("prediction_latency_seconds", "histogram"),
    ("active_requests", "gauge"),
    ("model_load_time_seconds", "gauge"),
]
ENVELOPE = {"success", "data", "error", "timestamp"}


def check(sample: Any, answer: Any, place: str = "") -> None:
    """Assert that an answer has every field of a sample, with its type."""
    if isinstance(sample, dict):
        for name, expected in sample.items():
            assert name in answer, f"{place}{name} is missing"
            check(expected, answer[name], f"{place}{name}.")
    else:
        assert isinstance(answer, sample), f"{place} is {answer!r}, expected {sample}"


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_documented_route_exists_and_describes_its_answer(method, path):
    operation = api_document()["paths"][path][method]

    assert operation["description"]
    assert {"200", "202"} & operation["responses"].keys()


def test_no_route_exists_that_the_documents_do_not_name():
    paths = api_document()["paths"]

    assert {(m, p) for p, operations in paths.items() for m in operations} == set(ROUTES)


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_every_route_refuses_a_query_field_that_it_does_not_take_by_name(
    gateway, method, path
):
    rows: tuple[Row, ...] = ({"symbol": "BTCUSDT"},)
    gateway.bus.feed(
        RefdataTable(table="symbol", version="v", source="test", rows=rows, event_time_ms=1)
    )
    address = path.format_map(
        {
            "ticker": "BTC-USD",
            "table_name": "symbol",
            "signal_id": "s",
            "job_id": "j",
            "name": "MyStrategy",
            "config_id": "v1-00000000",
            "version": "1",
            "command_id": "c",
            "trade_id": "t",
            "idea_id": "t",
            "challenge_id": "c",
            "id": "i",
            "model_name": "m",
            "experiment_id": "e",
        }
    )

    response = await gateway.client.request(method, address, params={"surprise": "1"})

    assert response.status_code == 400
    said = response.json().get("error") or response.json()["detail"]
    assert said.startswith("surprise: ")
    assert "expected" in said


async def test_a_refused_query_field_is_told_with_those_of_the_route(gateway):
    wrong = {"ticker": "BTC-USD", "timeframe": "15m"}

    analysis = await gateway.client.get("/api/analysis", params=wrong)
    signals = await gateway.client.get("/api/signals", params={"limt": 1})

    assert analysis.json()["error"] == "timeframe: unknown query field; expected ticker"
    assert signals.json()["error"] == (
        "limt: unknown query field; expected ticker, timeframe, limit, scored, grade, direction, "
        "min_rank, before_ms"
    )


async def test_samples_of_the_documents_are_answered_field_by_field(gateway):
    request = {"symbol": "BTC-USD", "timestamp": None, "strategy_override": None}
    predicted = await gateway.client.post("/api/v1/predict", json=request)
    models = await gateway.get("/api/v1/models")

    check(PREDICT_SAMPLE, predicted.json())
    check(HEALTH_SAMPLE, await gateway.get("/health"))
    check(MODEL_SAMPLE, models["models"]["ensemble"])
    assert models["total_models"] == len(models["models"])


@pytest.mark.parametrize(("name", "kind"), METRICS)
async def test_documented_metric_has_its_name_and_kind(gateway, name, kind):
    text = (await gateway.client.get("/metrics")).text

    assert f"# TYPE {name} {kind}" in text


@pytest.mark.parametrize(
    "path",
    [
        "/api/signals",
        "/api/signals/signal-BTCUSDT-1",
        "/api/explain/BTC-USD",
        "/api/explain/BTC-USD/history",
        "/api/analysis?ticker=BTC-USD",
        "/api/analysis",
        "/api/analysis/BTC-USD/regime",
        "/api/analysis/BTC-USD/indicators",
        "/api/bars/BTC-USD",
        "/api/system/health",
        "/api/system/metrics",
        "/api/system/config",
        "/api/system/audit",
        "/api/system/dead-letters",
        "/api/system/ledger",
        "/api/drift",
        "/api/portfolio/balance",
        "/api/access/keys",
        "/api/signals/nope",
        "/api/signals?limit=0",
        "/api/nowhere",
    ],
)
async def test_every_answer_of_the_envelope_family_has_the_four_fields(gateway, path):
    gateway.bus.feed(scored(1), explanation(19))

    response = await gateway.client.get(path)

    body = response.json()
    assert body.keys() == ENVELOPE
    assert body["success"] == response.is_success
    assert (body["error"] is None) == response.is_success


FINITE = st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | FINITE | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=5,
)
fields = st.sampled_from(["symbol", "timestamp", "strategy_override", "risk_check", "explain"])
bodies = st.dictionaries(fields | st.text(max_size=8), json_values, max_size=6)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=bodies)
async def test_no_body_makes_a_500(gateway, body):
    gateway.bus.feed(explanation(19))

    response = await gateway.client.post("/api/v1/predict", json={"symbol": "BTC-USD", **body})

    assert response.status_code in {200, 400, 404}
    assert response.is_success or response.json()["detail"]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=30), limit=st.text(max_size=6))
async def test_no_path_or_query_makes_a_500(gateway, text, limit):
    from urllib.parse import quote

    for path in ("/api/bars/", "/api/explain/", "/api/signals/", "/api/analysis/"):
        response = await gateway.client.get(path + quote(text, safe=""), params={"limit": limit})

        assert response.status_code < 500
