"""GET /api/drift and /api/v1/models/{name}/drift: newest reports, strongest shifts first."""

from __future__ import annotations

import pytest

from schemas.drift import DriftReport
from schemas.timeframes import HOUR_MS, MINUTE_MS
from tests.build import drift_report, feature_drift, registered, serving
from tests.fakes.gateway import RunningGateway

PATH = "/api/drift"

pytestmark = pytest.mark.anyio


async def test_the_newest_report_of_each_series_has_its_features_strongest_first(
    gateway: RunningGateway,
):
    older, newer = drift_report(60), drift_report(120, reasons=("log_loss",), raised=True)
    gateway.bus.feed(feature_drift(110), older, newer, drift_report(60, symbol="ETHUSDT"))

    body = (await gateway.client.get(PATH)).json()["data"]

    assert body["harmful"] == 1
    assert [each["symbol"] for each in body["reports"]] == ["BTCUSDT", "ETHUSDT"]
    bitcoin, ether = body["reports"]
    assert DriftReport.model_validate(newer).model_dump(mode="json").items() <= bitcoin.items()
    assert [each["name"] for each in bitcoin["features"]] == ["natr_14", "rsi_14"]
    assert (ether["features"], ether["features_rows"]) == ([], None)


async def test_features_of_another_model_are_not_shown(gateway: RunningGateway):
    gateway.bus.feed(feature_drift(110, model_version="m0"), drift_report(120))

    body = (await gateway.client.get(PATH)).json()["data"]

    assert body["reports"][0]["features"] == []


async def test_a_model_is_named_by_its_strategy_or_version_and_an_unknown_one_is_404(
    gateway: RunningGateway,
):
    gateway.bus.feed(drift_report(60))

    for name in ("ensemble", "m1"):
        body = (await gateway.client.get(f"/api/v1/models/{name}/drift?symbol=BTC-USD")).json()
        assert [each["model_version"] for each in body["reports"]] == ["m1"]
    unknown = await gateway.client.get("/api/v1/models/m7/drift")
    assert unknown.status_code == 404
    assert "m7" in unknown.json()["detail"]
    assert "ensemble" in unknown.json()["detail"]


async def test_a_timeframe_or_symbol_that_does_not_run_is_refused_with_its_name(
    gateway: RunningGateway,
):
    assert (await gateway.client.get(f"{PATH}?timeframe=7m")).status_code == 400
    assert (await gateway.client.get(f"{PATH}?symbol=nope")).status_code in {400, 404}


async def test_harm_of_the_serving_model_is_a_worry_of_the_health_and_that_of_an_older_is_not(
    gateway: RunningGateway,
):
    gateway.bus.feed(drift_report(60, reasons=("age",), model_version="m0"))

    body = (await gateway.client.get("/api/v1/health")).json()
    assert body["drift"] == {"reports": 1, "harmful": 0}

    gateway.bus.feed(drift_report(120, reasons=("age",)))
    body = (await gateway.client.get("/api/v1/health")).json()
    assert body["drift"] == {"reports": 1, "harmful": 1}
    assert any("should be retrained: age" in reason for reason in body["degraded"])


async def test_a_model_in_service_without_a_report_is_named_with_the_reason(
    gateway: RunningGateway,
):
    hour = registered(model_version="h1", timeframe_ms=HOUR_MS)
    quarter = {"timeframe_ms": 15 * MINUTE_MS, "trained_from_ms": 0}
    brought = registered(model_version="i1", **quarter)
    gateway.bus.feed(serving(), serving(model=hour), serving(model=brought), drift_report(60))

    rows = (await gateway.client.get(PATH)).json()["data"]["unreported"]
    of_hour = (await gateway.client.get(f"{PATH}?timeframe=1h")).json()["data"]["unreported"]

    told = {row["timeframe"]: row["reason"] for row in rows if "BTCUSDT" in row["symbols"]}
    assert list(told) == ["15m", "1h"]
    assert "it was imported" in told["15m"]
    assert "a block of 60 predictions" in told["1h"]
    assert [row["model_version"] for row in of_hour] == ["h1"]
