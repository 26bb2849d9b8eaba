"""The load test: right percentiles, a report from a real server, clear refusals."""

from __future__ import annotations

import asyncio
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.cli.load_client import measure_load, percentile
from gateway.settings import GatewaySettings
from tests.fakes.gateway import served_gateway, ticks


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
async def served():
    async with served_gateway(GatewaySettings()) as running:
        yield running


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50), st.sampled_from([50, 75, 90, 95, 99]))
def test_percentiles_equal_numpys(numbers, percent):
    ordered = sorted(numbers)

    assert percentile(ordered, percent) == pytest.approx(
        float(np.percentile(ordered, percent)), abs=1e-9
    )


@pytest.mark.anyio
async def test_report_has_percentiles_success_rate_and_actions(served, tmp_path):
    output = tmp_path / "results.json"

    report = await asyncio.to_thread(measure_load, served.url, 60, 7, output)

    assert report["requests"] == 60
    assert report["success_rate"] == 1.0
    assert report["actions"] == {"BUY": 60, "SELL": 0, "HOLD": 0}
    assert report["symbols"] == ["BTCUSDT", "ETHUSDT"]
    latency = report["latency_ms"]
    assert latency["p50"] <= latency["p75"] <= latency["p90"] <= latency["p95"] <= latency["p99"]
    assert json.loads(output.read_text()) == report


@pytest.mark.anyio
async def test_failures_are_counted_not_hidden(served):
    served.bus.feed(*ticks(3_600))

    report = await asyncio.to_thread(measure_load, served.url, 10, 2)

    assert report["success_rate"] == 0.0
    assert report["statuses"] == {"503": 10}


@pytest.mark.parametrize(
    ("arguments", "named"),
    [(("http://127.0.0.1:1", 0, 1), "requests 0"), (("127.0.0.1:1", 1, 1), "no address")],
)
def test_what_cannot_be_run_is_refused(arguments, named):
    with pytest.raises(ValueError, match=named):
        measure_load(*arguments)
