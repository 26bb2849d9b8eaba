"""The system routes: figures of performance, settings with their sources, audit, dead letters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.answers.system_metrics import quantile_ms
from gateway.settings import GatewaySettings
from gateway.views.arrival import Arrival
from gateway.views.audit import ACTIONS, AuditView
from gateway.views.events import EVENTS, EventsView
from schemas.dead_letter import DeadLetter
from schemas.events import EventKind, SystemEvent
from schemas.status import OperatorAction
from streams.runtime.environment import PREFIX, SECRETS, STARTUP_NAMES, setting_names
from streams.runtime.shown_settings import MASK
from tests.build import system_event
from tests.fakes.gateway import WALL_MS, RunningGateway, in_process_gateway
from workers.settings import Settings

pytestmark = pytest.mark.anyio

CANARY = "canary-1b5d"


def action(number: int, name: str = "configs.activate", subject: str = "A/v1") -> OperatorAction:
    return OperatorAction(action=name, event_time_ms=number, by="ann", subject=subject)


def letter(cause: str, offset: int) -> Arrival:
    record = DeadLetter(
        topic="market.bars.v1",
        partition=0,
        offset=offset,
        key="BTCUSDT",
        consumer="market",
        kind="rejected",
        cause=cause,
        payload_base64="QUJD",
        event_time_ms=1,
    )
    return Arrival(record, record.encode(), "market.bars.v1.dlq", 0, offset, WALL_MS)


async def test_metrics_count_and_time_requests_by_family_and_outcome(gateway: RunningGateway):
    for path in ("/api/signals", "/api/signals?limit=0", "/api/signals/nope", "/elsewhere"):
        await gateway.client.get(path)
    body = {"symbol": "BTC-USD"}
    await gateway.client.post("/api/v1/predict", json=body)

    figures = (await gateway.get("/api/system/metrics"))["data"]

    signals = figures["requests"]["signals"]
    assert (signals["count"], signals["refused"], signals["error"]) == (3, 2, 0)
    assert signals["mean_ms"] > 0
    assert 0 < signals["p50_ms"] <= signals["p95_ms"] <= signals["p99_ms"] <= 1000
    assert figures["requests"]["other"]["count"] == 1
    assert figures["predictions"]["outcomes"]["success"] == 1
    assert figures["predictions"]["latency"]["count"] == 1
    assert figures["active_requests"] == 1
    assert figures["memory_bytes"] > 1_000_000
    assert figures["views"]["market.bars.v1"]["age_s"] == 0


async def test_metrics_show_the_lag_of_views_and_processes(gateway: RunningGateway):
    gateway.bus.lag = {"market.bars.v1": 3, "signals.graded.v1": 0}
    gateway.bus.process_lag = {"signals": 7}

    figures = (await gateway.get("/api/system/metrics"))["data"]

    assert figures["lag_records"] == {
        "views": {"market.bars.v1": 3},
        "processes": {"signals": 7},
    }


@given(counts=st.lists(st.integers(0, 50), min_size=3, max_size=3), q=st.floats(0.01, 1))
def test_a_quantile_lies_in_the_bucket_of_its_rank(counts, q):
    bounds = [0.001, 0.01, float("inf")]
    buckets = {bound: float(sum(counts[: i + 1])) for i, bound in enumerate(bounds)}

    value = quantile_ms(buckets, q)

    total = sum(counts)
    if not total:
        assert value is None
        return
    assert value is not None
    rank = next(i for i, bound in enumerate(bounds) if buckets[bound] >= q * total)
    lower = [0.0, 1.0, 10.0][rank]
    assert lower - 1e-9 <= value <= [1.0, 10.0, 10.0][rank] + 1e-9


async def test_settings_are_shown_with_their_source_and_no_secret_is(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    names = {n.removeprefix(PREFIX) for n in setting_names(Settings) | STARTUP_NAMES}
    for name in names & SECRETS:
        text = f'{{"sasl.password": "{CANARY}"}}' if name == "KAFKA_CLIENT" else CANARY
        monkeypatch.setenv(f"{PREFIX}{name}", text)
    monkeypatch.setenv("REGIMEFLOW_REDIS_URL", f"redis://:{CANARY}@127.0.0.1:1/0")
    monkeypatch.setenv("REGIMEFLOW_API_KEY", CANARY)
    monkeypatch.setenv("REGIMEFLOW_RESULTS_URL", f"https://user:{CANARY}@store/")
    monkeypatch.setenv("REGIMEFLOW_MLFLOW_USERNAME", CANARY)
    monkeypatch.setenv("REGIMEFLOW_CONFIG__STRATEGY__TOKEN", CANARY)
    monkeypatch.setenv("UNIVERSE", "BTC-USD")
    settings = GatewaySettings(redis_url=None, kafka_client={})

    async with in_process_gateway(settings) as running:
        response = await running.client.get("/api/system/config")

    assert CANARY not in response.text
    rows = {row["name"].removeprefix(PREFIX): row for row in response.json()["data"]["settings"]}
    assert rows["UNIVERSE"] | {"part": ""} == {
        "name": "REGIMEFLOW_UNIVERSE",
        "part": "",
        "value": "BTCUSDT",
        "masked": False,
        "source": "variable",
        "named": "UNIVERSE",
    }
    assert (rows["PORT"]["value"], rows["PORT"]["source"]) == ("8080", "default")
    for name in ("API_KEY", "RESULTS_URL", "MLFLOW_USERNAME", "CONFIG__STRATEGY__TOKEN"):
        assert (rows[name]["value"], rows[name]["masked"]) == (MASK, True)
    assert rows["OIDC_ISSUER"]["value"] is None
    assert {f"{PREFIX}{name}" for name in rows} >= setting_names(GatewaySettings)


async def test_audit_lists_the_newest_actions_first_and_filters(gateway: RunningGateway):
    gateway.bus.feed(
        action(1),
        action(2, "configs.create", "A/v2"),
        action(3, "dlq.drop", "AB/v1"),
    )

    async def times(**query: object) -> list[int]:
        answer = await gateway.get("/api/system/audit", **query)
        return [row["event_time_ms"] for row in answer["data"]["actions"]]

    assert await times() == [3, 2, 1]
    assert await times(limit=1) == [3]
    assert await times(subject="A") == [2, 1]
    assert await times(subject="A/v2") == [2]
    assert await times(action="configs.activate") == [1]
    assert await times(action="nothing") == []


def test_the_audit_view_is_bounded_and_takes_each_action_once():
    view = AuditView()
    for number in range(ACTIONS + 3):
        view.put(action(number), number)
        view.put(action(number), number)

    offsets = [offset for offset, _ in view.newest()]

    assert offsets == list(range(ACTIONS + 2, 2, -1))


async def test_dead_letters_are_counted_by_topic_and_cause(gateway: RunningGateway):
    for each in (letter("late", 1), letter("late", 2), letter("torn", 3)):
        gateway.ctx.views.fold(each)

    body = (await gateway.get("/api/system/dead-letters"))["data"]

    assert body["total"] == 3
    counts = [
        (group["cause"], group["count"], group["newest"]["offset"]) for group in body["groups"]
    ]
    assert counts == [("late", 2, 2), ("torn", 1, 3)]
    assert body["groups"][0]["names"] == ["market.bars.v1.dlq/0@1", "market.bars.v1.dlq/0@2"]
    assert all(not group["newest"]["payload_base64"] for group in body["groups"])


def event(number: int, kind: EventKind = "gap", subject: str = "BTCUSDT") -> SystemEvent:
    return system_event(kind, event_id=str(number), subject=subject, event_time_ms=number)


async def test_events_are_listed_newest_first_by_kind_and_by_what_they_are_about(
    gateway: RunningGateway,
):
    gateway.bus.feed(event(1), event(2, "feed_stale"), event(3, "feed_stale", "ETHUSDT"))

    async def times(**query: object) -> list[int]:
        answer = await gateway.get("/api/system/events", **query)
        return [row["event_time_ms"] for row in answer["data"]["events"]]

    assert await times() == [3, 2, 1]
    assert await times(limit=1) == [3]
    assert await times(kind="feed_stale") == [3, 2]
    assert await times(about="BTCUSDT") == [2, 1]
    assert await times(about="nothing") == []
    refused = await gateway.client.get("/api/system/events?kind=nonsense")
    assert (refused.status_code, "kind" in refused.json()["error"]) == (400, True)


def test_the_view_of_events_is_bounded_and_takes_each_once():
    view = EventsView()
    for number in range(EVENTS + 3):
        view.put(event(number), number)
        view.put(event(number), number)

    assert [offset for offset, _ in view.newest()] == list(range(EVENTS + 2, 2, -1))
