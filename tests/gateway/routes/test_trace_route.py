"""GET /api/v1/trace/{id}: answers from the views, and says what they do not hold."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.ids import derived_id
from schemas.topics import SIGNALS
from tests.build import backtest_request, close_time, explanation, job_result, scored, signal
from tests.fakes.gateway import RunningGateway
from tests.streams.trace.test_graph import CONFIG_ID, changed, outcome

pytestmark = pytest.mark.anyio


async def traced(gateway: RunningGateway, identifier: str, **query: Any) -> dict[str, Any]:
    answer: dict[str, Any] = await gateway.get(f"/api/v1/trace/{identifier}", **query)
    return answer


def kinds(body: dict[str, Any]) -> set[str]:
    return {row["kind"] for row in body["nodes"]}


async def test_a_signal_is_traced_to_its_model_config_and_bar(gateway: RunningGateway):
    gateway.bus.feed(changed("ACTIVE", "activate-1"))
    gateway.bus.feed(signal(19, config_id=CONFIG_ID), scored(19, signal_id="signal-BTCUSDT-19"))

    body = await traced(gateway, "signal-BTCUSDT-19")

    assert body["roots"] == ["signal:signal-BTCUSDT-19"]
    assert kinds(body) >= {"signal", "score", "model", "config", "bar"}
    row = next(row for row in body["nodes"] if row["kind"] == "bar")
    assert (row["topic"], row["time"]) == ("market.bars.v1", close_time(19))
    assert row["facts"]["close"] == 100.5
    place = next(row for row in body["nodes"] if row["kind"] == "signal")
    compact = gateway.ctx.views.signals["signal-BTCUSDT-19"]
    assert (place["partition"], place["offset"]) == (compact.partition, compact.offset)
    assert any("prediction" in note and "regimeflow trace" in note for note in body["notes"])
    assert body["signals_made"] is None


async def test_a_prediction_is_traced_to_its_signal(gateway: RunningGateway):
    name = "4711"
    gateway.bus.feed(signal(19, signal_id=derived_id(SIGNALS.name, name), prediction_id=name))

    body = await traced(gateway, name)

    assert body["roots"] == ["prediction:4711"]
    assert "signal" in kinds(body)


async def test_a_model_tells_its_training_and_the_newest_of_its_signals(gateway: RunningGateway):
    body = await traced(gateway, "m1", newest=3)

    assert body["signals_made"] == 40  # twenty minutes of two markets
    signals = [row for row in body["nodes"] if row["kind"] == "signal"]
    assert [row["time"] for row in signals] == [close_time(19), close_time(19), close_time(18)]
    model = next(row for row in body["nodes"] if row["kind"] == "model")
    assert {"trained_from_ms", "trained_to_ms", "request_id"} <= model["facts"].keys()
    assert any(note.startswith("training_request bootstrap") for note in body["notes"])


@pytest.mark.parametrize("name", [CONFIG_ID, f"ensemble/{CONFIG_ID}"])
async def test_a_config_tells_its_changes_and_its_signals(gateway: RunningGateway, name: str):
    gateway.bus.feed(changed("DRAFT", "create-0"), changed("ACTIVE", "activate-1"))
    gateway.bus.feed(signal(19, config_id=CONFIG_ID))

    body = await traced(gateway, name)

    config = next(row for row in body["nodes"] if row["kind"] == "config")
    assert config["facts"]["effective_from_ms"] == close_time(2)
    assert len(config["facts"]["changes"]) == 2
    assert body["signals_made"] == 1


async def test_jobs_and_commands_are_traced(gateway: RunningGateway):
    gateway.bus.feed(backtest_request("job-1"), job_result("job-1"), outcome("activate-1"))

    job, command = await traced(gateway, "job-1"), await traced(gateway, "activate-1")

    assert kinds(job) == {"job", "result"}
    spec = next(row for row in job["nodes"] if row["kind"] == "job")["facts"]["spec"]
    assert spec == backtest_request("job-1").spec.model_dump(mode="json")
    assert kinds(command) == {"outcome"}
    assert any(note.startswith("command activate-1") for note in command["notes"])


async def test_an_unknown_id_is_404_and_names_the_kinds_of_ids(gateway: RunningGateway):
    gateway.bus.feed(explanation(19))

    response = await gateway.client.get("/api/v1/trace/nothing/at/all")

    assert response.status_code == 404
    detail = response.json()["detail"]
    assert "nothing/at/all" in detail
    for kind in ("signal", "prediction", "job", "command", "config", "model"):
        assert kind in detail
