"""The envelope routes: signals, explanations, analysis, bars, models, health, metrics."""

from __future__ import annotations

import asyncio
import itertools
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from pydantic import BaseModel

from gateway.envelope import Envelope, iso, stamp_text
from gateway.routes.analysis import Indicators, RegimeAnswer
from gateway.routes.bars import BarList
from gateway.routes.explain import ExplanationAnswer, ExplanationHistory
from gateway.routes.models import ModelList
from gateway.routes.signals import SignalDetail, SignalList
from gateway.routes.system import Health
from gateway.views.arrival import Arrival, UnreadableArrival
from schemas.dead_letter import DeadLetter
from schemas.explanations import Attribution, FeatureInteraction
from schemas.predictions import PredictionReply
from schemas.record import Record
from schemas.refdata import RefdataTable, Row
from schemas.signals import SignalAcknowledged
from schemas.status import CanaryTrace, MonitorWindow, OperatorAction
from schemas.timeframes import HOUR_MS
from schemas.training import TrainingProgress
from tests.build import (
    bar,
    close_time,
    explanation,
    features,
    registered,
    score_totals,
    scored,
    serving,
    signal,
    status,
)
from tests.fakes.gateway import LAST, WALL_MS, RunningGateway, ticks

pytestmark = pytest.mark.anyio

PROMETHEUS = Path(__file__).resolve().parents[3] / "deploy" / "prometheus"
TEST_DATA = (PROMETHEUS / "alerts_test.yml").read_text()
RULES = {
    rule["alert"]: rule
    for group in yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
}

WINDOW = MonitorWindow(
    subject="market.bars.v1/BTCUSDT",
    topic="market.bars.v1",
    symbol="BTCUSDT",
    event_time_ms=1,
    window_ms=10_000,
    records=10,
    per_second=1.0,
    lateness_p50_ms=3.0,
    lateness_max_ms=9.0,
    staleness_ms=200.0,
)


def checked(shape: type[BaseModel], body: Any) -> Any:
    """The data of an envelope, after its shape was checked as a JSON client would see it."""
    assert body["success"] is True
    assert body["error"] is None
    assert body["timestamp"].endswith("Z")
    envelope: Any = Envelope  # of a shape that only the caller knows
    envelope[shape].model_validate(body, strict=False)
    return body["data"]


async def test_signals_are_newest_first_over_all_markets(gateway):
    body = checked(SignalList, await gateway.get("/api/signals", limit=3))

    times = [(item["event_time_ms"], item["symbol"]) for item in body["signals"]]
    assert times == [
        (close_time(LAST), "BTCUSDT"),
        (close_time(LAST), "ETHUSDT"),
        (close_time(LAST - 1), "BTCUSDT"),
    ]
    assert body["summary"] is None


async def test_signals_are_filtered_by_ticker_grade_and_direction(gateway):
    gateway.bus.feed(
        signal(LAST + 1, grade="B"),
        signal(LAST + 2, grade="C", direction="sell"),
        signal(LAST + 3, grade="C", direction="neutral"),
    )

    async def ids(**query):
        body = await gateway.get("/api/signals", ticker="BTC-USD", **query)
        return [item["signal_id"] for item in body["data"]["signals"]]

    assert await ids(limit=1) == [f"signal-BTCUSDT-{LAST + 3}"]
    assert await ids(grade=["B", "C"], limit=2) == [
        f"signal-BTCUSDT-{LAST + 3}",
        f"signal-BTCUSDT-{LAST + 2}",
    ]
    assert await ids(direction="sell") == [f"signal-BTCUSDT-{LAST + 2}"]
    assert await ids(grade="A") == []
    gateway.bus.feed(signal(LAST + 4, rank=75.0), signal(LAST + 5, rank=74.9))
    assert await ids(min_rank=75) == [f"signal-BTCUSDT-{LAST + 4}"]
    assert await ids(before_ms=close_time(1)) == ["signal-BTCUSDT-0"]


async def test_scored_signals_come_with_their_score_and_the_track_record(gateway):
    scores = scored(0), scored(1, hit=False, outcome="sell", net_return=-0.002)
    gateway.bus.feed(*scores, score_totals(*scores))

    done = checked(SignalList, await gateway.get("/api/signals", scored=True))
    still_open = checked(SignalList, await gateway.get("/api/signals", scored=False, limit=500))

    assert [item["score"]["net_return"] for item in done["signals"]] == [-0.002, 0.003]
    assert done["summary"][0]["group"] == "directional"
    assert done["summary"][0]["hit_rate"] == 0.5
    assert done["reliability"][0]["known"] == 2
    assert len(still_open["signals"]) == 38


async def test_one_signal_carries_its_explanation_score_and_acknowledgement(gateway):
    gateway.bus.feed(scored(3), explanation(3))

    body = checked(SignalDetail, await gateway.get("/api/signals/signal-BTCUSDT-3"))

    assert body["explained"] is True
    assert body["explanation"]["sentence"]
    assert body["score"]["hit"] is True
    assert body["acknowledged"] is None


async def test_unknown_signal_is_not_found_in_the_envelope(gateway):
    response = await gateway.client.get("/api/signals/nope")

    assert response.status_code == 404
    body = response.json()
    assert (body["success"], body["data"]) == (False, None)
    assert "nope" in body["error"]


async def test_acknowledging_twice_publishes_once_and_keeps_the_first(gateway):
    path = "/api/signals/signal-BTCUSDT-3/acknowledge"

    first = await gateway.client.post(path, json={"by": "ada"})
    second = await gateway.client.post(path)

    assert first.json()["data"] == second.json()["data"]
    assert first.json()["data"]["by"] == "ada"
    [(record, trace_id)] = gateway.bus.published
    assert isinstance(record, SignalAcknowledged)
    assert trace_id == first.headers["x-correlation-id"]
    shown = await gateway.get("/api/signals/signal-BTCUSDT-3")
    assert shown["data"]["acknowledged"]["by"] == "ada"


async def test_wrong_body_of_an_acknowledgement_is_refused_in_the_envelope(gateway):
    response = await gateway.client.post(
        "/api/signals/signal-BTCUSDT-3/acknowledge", json={"by": 5}
    )

    assert response.status_code == 400
    assert response.json()["error"].startswith("by: ")


async def test_explanation_of_the_newest_signal_is_asked_for_when_not_made(gateway):
    pending = checked(ExplanationAnswer, await gateway.get("/api/explain/BTC-USD"))
    gateway.bus.feed(explanation(LAST))
    ready = checked(ExplanationAnswer, await gateway.get("/api/explain/BTC-USD"))

    assert (pending["status"], pending["explanation"]) == ("pending", None)
    assert pending["detail"] == "the explain process has not started"
    assert ready["status"] == "ready"
    assert ready["signal_id"] == f"signal-BTCUSDT-{LAST}"
    assert ready["explanation_text"] == ready["explanation"]["sentence"]
    asked = [record for record, _ in gateway.bus.published]
    assert [record.explain for record in asked] == [True, False, False]
    assert [record.attribution for record in asked] == [None, "values", "values"]


def attributed(request, *, status="ok", detail=""):
    """Answer a request for an attribution as the explain process does."""
    if request.attribution is None:
        return ()
    pair = FeatureInteraction(features=("natr_14", "rsi_14"), value=-0.25)
    made = Attribution(
        prediction_id="p1",
        model_version="m1",
        explained_class="buy",
        feature_names=("rsi_14", "natr_14"),
        shap_values=(0.5, -0.125),
        base_value=0.25,
        model_output=0.625,
        interactions=(pair,) if request.attribution == "interactions" else None,
    )
    return (
        PredictionReply(
            request_id=request.request_id,
            reply_to=request.reply_to,
            event_time_ms=request.event_time_ms,
            status=status,
            detail=detail,
            attribution=made if status == "ok" else None,
        ),
    )


async def test_explanation_carries_every_value_and_asks_for_them_once(gateway):
    gateway.bus.feed(explanation(LAST))
    gateway.bus.answers = attributed

    first = checked(ExplanationAnswer, await gateway.get("/api/explain/BTC-USD"))
    second = checked(ExplanationAnswer, await gateway.get("/api/explain/BTC-USD"))

    assert first == second
    assert len(gateway.bus.published) == 1
    assert first["values_status"] == "ready"
    assert first["feature_names"] == ["rsi_14", "natr_14"]
    assert first["base_value"] + sum(first["shap_values"]) == first["model_output"]
    assert first["interactions"] is None
    assert first["detail"] == ""


async def test_interactions_are_told_when_asked_for(gateway):
    gateway.bus.feed(explanation(LAST))
    gateway.bus.answers = attributed

    body = await gateway.get("/api/explain/BTC-USD", interactions="true")

    pairs = checked(ExplanationAnswer, body)["interactions"]
    assert pairs == [{"features": ["natr_14", "rsi_14"], "value": -0.25}]


async def test_callers_share_one_request_for_the_same_interactions(gateway):
    gateway.bus.feed(explanation(LAST))
    published = asyncio.Event()

    def notice(_: Any) -> tuple[()]:
        published.set()
        return ()

    gateway.bus.answers = notice
    asked = [
        asyncio.create_task(gateway.get("/api/explain/BTC-USD", interactions="true"))
        for _ in range(3)
    ]
    await published.wait()
    [(request, _)] = gateway.bus.published
    gateway.bus.feed(*attributed(request))
    bodies = [checked(ExplanationAnswer, await task) for task in asked]

    assert len(gateway.bus.published) == 1
    assert all(body["values_status"] == "ready" for body in bodies)


async def test_values_that_cannot_be_computed_say_why(gateway):
    gateway.bus.feed(explanation(LAST))
    gateway.bus.answers = lambda request: attributed(
        request, status="failed", detail="model m1 is not loaded"
    )

    body = checked(ExplanationAnswer, await gateway.get("/api/explain/BTC-USD"))

    assert (body["status"], body["values_status"]) == ("ready", "failed")
    assert body["detail"] == "model m1 is not loaded"
    assert body["shap_values"] is None


async def test_values_that_are_late_say_what_the_explain_process_says(gateway):
    behind = "not explained: the explain process was 7 neutral predictions behind"
    gateway.bus.feed(explanation(LAST), status("explain", state="degraded", detail=behind))

    body = checked(ExplanationAnswer, await gateway.get("/api/explain/BTC-USD"))
    health = await gateway.get("/health")

    assert body["values_status"] == "pending"
    assert body["detail"] == f"explain is degraded: {behind}"
    assert any(behind in reason for reason in health["degraded"])


async def test_explanation_history_is_oldest_first_and_counts_what_is_missing(gateway):
    gateway.bus.feed(explanation(LAST - 5), explanation(LAST - 3), explanation(LAST - 2))

    body = checked(ExplanationHistory, await gateway.get("/api/explain/BTC/USDT/history", limit=2))

    assert [item["event_time_ms"] for item in body["explanations"]] == [
        close_time(LAST - 3),
        close_time(LAST - 2),
    ]
    assert body["not_explained"] == 2


async def test_regime_has_probabilities_trend_state_and_history(gateway):
    body = checked(RegimeAnswer, await gateway.get("/api/analysis/BTC-USD/regime", history=3))

    assert body["regime"]["trend_state"] == "TRENDING"
    assert 0 <= body["regime"]["entropy"] <= 1
    assert [item["event_time_ms"] for item in body["history"]] == [
        close_time(LAST - 2),
        close_time(LAST - 1),
        close_time(LAST),
    ]


async def test_regime_history_can_end_before_a_moment(gateway):
    query = {"history": 2, "before_ms": close_time(10)}

    body = checked(RegimeAnswer, await gateway.get("/api/analysis/BTC-USD/regime", **query))

    assert [item["event_time_ms"] for item in body["history"]] == [close_time(8), close_time(9)]
    assert body["regime"]["event_time_ms"] == close_time(LAST)


async def test_indicators_are_the_newest_features_with_null_in_warm_up(gateway):
    body = checked(
        Indicators,
        await gateway.get("/api/analysis/BTC-USD/indicators", history=2, names="rsi_14"),
    )

    assert body["values"] == {"rsi_14": 50.0 + LAST, "natr_14": None}
    assert [point["values"] for point in body["history"]] == [{"rsi_14": 68.0}, {"rsi_14": 69.0}]


@pytest.mark.parametrize(
    "path",
    ["/api/analysis/BTC-USD/regime", "/api/analysis/BTC-USD/indicators", "/api/explain/BTC-USD"],
)
async def test_what_is_shown_as_newest_says_when_it_is_older_than_two_bars(gateway, path):
    gateway.bus.feed(explanation(LAST))
    fresh = await gateway.get(path)
    gateway.bus.feed(*ticks(121))
    old = await gateway.get(path)

    assert (fresh["data"]["stale"], old["data"]["stale"]) == (False, True)


async def test_known_indicators_are_no_error_before_the_first_bar_of_a_timeframe(gateway):
    path = "/api/analysis/BTC-USD/indicators"
    empty = await gateway.get(path, timeframe="1h", history=2, names="rsi_14")
    wrong = await gateway.get(path, timeframe="1h", history=2, names="rsi_15")

    assert (empty["data"]["values"], empty["data"]["history"]) == ({}, [])
    assert "rsi_15" in wrong["error"]


async def test_an_empty_ticker_is_not_all_of_them(gateway):
    response = await gateway.client.get("/api/signals", params={"ticker": ""})

    assert response.status_code == 404


@pytest.mark.parametrize(
    ("query", "named"), [({"history": 2}, "names"), ({"history": 1, "names": "rsi_15"}, "rsi_15")]
)
async def test_indicator_history_needs_known_names(gateway, query, named):
    response = await gateway.client.get("/api/analysis/BTC-USD/indicators", params=query)

    assert response.status_code == 400
    assert named in response.json()["error"]


async def test_bars_are_oldest_first_and_can_be_paged_backwards(gateway):
    newest = checked(BarList, await gateway.get("/api/bars/BTC-USD", limit=2))
    before = checked(
        BarList,
        await gateway.get(
            "/api/bars/BTC-USD", limit=2, before_ms=newest["bars"][0]["event_time_ms"]
        ),
    )

    assert [b["event_time_ms"] for b in before["bars"] + newest["bars"]] == [
        close_time(minute) for minute in range(LAST - 3, LAST + 1)
    ]
    assert newest["timeframe_ms"] == 60_000


@pytest.mark.parametrize(
    "path",
    [
        "/api/bars/DOGE-USD",
        "/api/explain/DOGE-USD",
        "/api/explain/DOGE-USD/history",
        "/api/analysis/DOGE-USD/regime",
        "/api/analysis/DOGE-USD/indicators",
        "/api/signals?ticker=DOGE-USD",
    ],
)
async def test_unknown_market_is_not_found_on_every_route(gateway, path):
    response = await gateway.client.get(path)

    assert response.status_code == 404
    assert "DOGEUSDT" in response.json()["error"]


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/api/signals?limit=0", "limit"),
        ("/api/signals?limit=many", "limit"),
        ("/api/signals?grade=D", "grade"),
        ("/api/signals?sort=up", "sort"),
        ("/api/bars/BTC-USD?limit=5001", "limit"),
        ("/api/analysis/BTC-USD/regime?history=-1", "history"),
        ("/api/explain/BTC-USD/history?limit=501", "limit"),
    ],
)
async def test_wrong_query_gives_400_naming_the_field(gateway, path, field):
    response = await gateway.client.get(path)

    assert response.status_code == 400
    assert field in response.json()["error"]


async def test_models_are_listed_in_the_documented_shape(gateway):
    body = await gateway.get("/api/v1/models")

    ModelList.model_validate(body)
    assert body["total_models"] == 1
    assert (
        body["models"]["ensemble"].items()
        >= {
            "name": "ensemble",
            "version": "m1",
            "device": "cpu",
            "parameters": 2_456_789,
        }.items()
    )
    assert body["models"]["ensemble"]["loaded_at"].endswith("Z")
    assert body["models"]["ensemble"]["serving"] is True
    assert body["serving"]["ensemble"]["metrics"]["log_loss"] == 1.0


async def test_two_versions_of_one_name_are_both_listed(gateway):
    model = status().models[0]
    gateway.bus.feed(status(models=(model, model.model_copy(update={"version": "m2"}))))

    body = await gateway.get("/api/v1/models")

    assert {name: model["version"] for name, model in body["models"].items()} == {
        "ensemble": "m2",
        "ensemble@m1": "m1",
    }
    assert body["total_models"] == 2


@pytest.mark.parametrize(
    "path",
    [
        *("/api/v1/models", "/api/signals", "/api/signals/signal-BTCUSDT-3", "/api/bars/BTC-USD"),
        *("/api/explain/BTC-USD", "/api/explain/BTC-USD/history"),
        *("/api/analysis/BTC-USD/regime", "/api/analysis/BTC-USD/indicators"),
    ],
)
async def test_a_view_that_is_still_being_read_answers_503_and_never_half_of_it(gateway, path):
    gateway.bus.ready = False

    response = await gateway.client.get(path)

    assert response.status_code == 503
    assert int(response.headers["retry-after"]) > 0
    assert "starting" in response.text


@pytest.mark.parametrize("path", ["/health", "/api/v1/health"])
async def test_health_has_the_documented_fields(gateway, path):
    response = await gateway.client.get(path)

    body = response.json()
    Health.model_validate(body, strict=False)
    assert response.status_code == 200
    assert body["status"] == "healthy"
    assert body["model_loaded"] is True
    assert body["gpu_available"] is False
    assert body["timestamp"].endswith("Z")


def dead_letter(kind="rejected", cause="high 1.0 is below open"):
    return DeadLetter(
        topic="market.bars.raw.v1",
        partition=0,
        offset=5,
        key="BTCUSDT",
        consumer="market",
        kind=kind,
        cause=cause,
        payload_base64="QUJD",
        event_time_ms=1,
    )


def settled(action, offset):
    return OperatorAction(
        action=action, event_time_ms=2, by="ann", subject=f"market.bars.raw.v1.dlq/0@{offset}"
    )


@pytest.mark.parametrize("action", ["dlq.replay", "dlq.drop"])
@pytest.mark.parametrize("audit_first", [False, True])
async def test_health_counts_the_dead_letters_that_are_open(gateway, action, audit_first):
    letters = [
        Arrival(letter, letter.encode(), "market.bars.raw.v1.dlq", 0, offset, WALL_MS)
        for offset, letter in enumerate([dead_letter(), dead_letter("bug", "a step failed")])
    ]
    audit = [settled(action, 1), settled("models.promote", 0)]
    steps = [letters, [arrival(entry, "operators.audit.v1") for entry in audit]]
    for entry in itertools.chain(*(reversed(steps) if audit_first else steps)):
        gateway.ctx.views.fold(entry)

    body = await gateway.get("/health")
    gateway.ctx.views.fold(arrival(settled(action, 0), "operators.audit.v1"))
    after = await gateway.get("/health")

    assert body["dead_letters"]["market.bars.raw.v1"]["count"] == 1
    assert body["dead_letters"]["market.bars.raw.v1"]["newest"]["kind"] == "rejected"
    assert body["status"] == "healthy"
    assert after["dead_letters"] == {}


async def test_health_shows_processes_markets_canary_windows_and_dead_letters(gateway):
    gateway.bus.process_lag = {"inference": 7}
    letter = dead_letter()
    trace = CanaryTrace(
        trace_id="t", symbol="BTCUSDT", event_time_ms=1, stages_ms={"a": 1.0}, complete=True
    )
    gateway.ctx.views.fold(arrival(letter, "market.bars.raw.v1.dlq"))
    gateway.bus.feed(WINDOW, trace)

    body = checked(Health, await gateway.get("/api/system/health"))

    assert body["processes"]["inference"]["lag_records"] == 7
    assert body["symbols"][0].items() >= {"symbol": "BTCUSDT", "bars": 20, "signals": 20}.items()
    assert body["dead_letters"]["market.bars.raw.v1"]["count"] == 1
    assert body["windows"][0]["per_second"] == 1.0
    assert body["canary"]["complete"] is True
    assert body["clock_ms"] == close_time(LAST)


def arrival(record, topic):
    return Arrival(record, record.encode(), topic, 0, 0, WALL_MS)


@pytest.mark.parametrize(("ago_s", "state"), [(30, "stopping"), (31, "stopped")])
async def test_a_process_that_has_had_time_to_stop_is_shown_as_stopped(gateway, ago_s, state):
    said_ms = WALL_MS - ago_s * 1_000
    gateway.bus.feed(status("ingest", state="stopping", models=()), appended_ms=said_ms)

    body = await gateway.get("/health")

    assert body["processes"]["ingest"]["state"] == state


@pytest.mark.parametrize(
    ("said", "ago_s", "shown"),
    [
        *(("running", 20, "running"), ("running", 21, "silent"), ("holding", 21, "silent")),
        *(("starting", 240, "starting"), ("restoring", 241, "silent")),
    ],
)
async def test_a_process_that_says_nothing_more_is_a_reason_to_worry(gateway, said, ago_s, shown):
    gateway.bus.feed(status("market", state=said, models=()), appended_ms=WALL_MS - ago_s * 1_000)

    body = await gateway.get("/health")

    worries = [reason for reason in body["degraded"] if reason.startswith("no word from market")]
    assert body["processes"]["market"]["state"] == shown
    assert bool(worries) == (shown == "silent")
    said_ms = WALL_MS - ago_s * 1_000
    assert body["processes"]["market"]["said_at"] == iso(said_ms)
    assert not worries or f"since {stamp_text(said_ms)}: hung or ended" in worries[0]


@pytest.mark.parametrize(("began_s", "shown"), [(240, "running"), (241, "silent")])
async def test_a_process_heard_only_before_the_gateway_began_may_be_starting(
    gateway, began_s, shown
):
    gateway.bus.began_ms = WALL_MS - began_s * 1_000
    gateway.bus.feed(status("archive", models=()), appended_ms=WALL_MS - 900_000)

    body = await gateway.get("/health")

    assert body["processes"]["archive"]["state"] == shown


async def test_processes_that_fell_silent_are_one_reason_that_names_them_all(gateway):
    for ago_s, name in ((60, "signals"), (240, "market"), (30, "inference")):
        said_ms = WALL_MS - ago_s * 1_000
        gateway.bus.feed(status(name, state="running", models=()), appended_ms=said_ms)

    body = await gateway.get("/health")

    (reason,) = (each for each in body["degraded"] if "no word" in each)
    since = stamp_text(WALL_MS - 240_000)
    assert reason.startswith(f"no word from inference, market, signals since {since}: ")


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        (None, "the first one is trained when the history is complete"),
        ("folds", "the first one is being trained"),
        ("failed", "the training of the first one failed: 12 rows"),
    ],
)
async def test_health_says_where_the_first_model_is(empty, stage, said):
    if stage is not None:
        step = TrainingProgress(
            request_id="1",
            strategy="ensemble",
            event_time_ms=1,
            stage=stage,
            done=0,
            note="12 rows",
        )
        empty.bus.feed(step)

    body = await empty.get("/health")

    assert f"no model serves yet: {said}" in body["degraded"]


@pytest.mark.parametrize(("ago_s", "old"), [(60, False), (61, True)])
async def test_rates_that_the_monitor_no_longer_measures_are_called_old(gateway, ago_s, old):
    measured_ms = WALL_MS - ago_s * 1_000
    gateway.bus.feed(WINDOW, appended_ms=measured_ms)

    body = await gateway.get("/health")

    reason = (
        f"rates and canary are old: the monitor has said nothing since {stamp_text(measured_ms)}"
    )
    assert (reason in body["degraded"]) == old


async def test_while_the_broker_is_away_no_process_is_called_silent(gateway):
    gateway.bus.feed(status("market", models=()), appended_ms=WALL_MS - 60_000)
    gateway.bus.connected = False

    body = await gateway.get("/health")

    assert body["processes"]["market"]["state"] == "running"


async def test_while_the_broker_is_away_an_answer_says_how_old_it_is(gateway):
    gateway.bus.feed(bar(0))
    fresh = await gateway.client.get("/api/bars/BTCUSDT")
    gateway.bus.connected, gateway.bus.heard_ms = False, WALL_MS - 90_500

    aged = [await gateway.client.get(path) for path in ("/api/bars/BTCUSDT", "/api/v1/strategies")]
    alive = await gateway.client.get("/health")

    assert "age" not in fresh.headers
    assert [(each.status_code, each.headers["age"]) for each in aged] == [(200, "90")] * 2
    assert "age" not in alive.headers  # it is made now


async def test_health_names_a_record_that_no_view_could_take(gateway):
    for offset in (7, 9):
        bad = UnreadableArrival("market.bars.v1", 0, offset, "close: expected a number", WALL_MS)
        gateway.bus.inbox(bad)

    body = await gateway.get("/health")

    assert body["unreadable"]["market.bars.v1"] == {
        "count": 2,
        "newest": {
            "topic": "market.bars.v1",
            "partition": 0,
            "offset": 9,
            "cause": "close: expected a number",
            "appended_ms": WALL_MS,
        },
    }
    assert "market.bars.v1" in (reasons := await degraded(gateway))
    assert "2, the newest at 0@9: close: expected a number" in reasons
    metrics = (await gateway.client.get("/metrics")).text
    assert 'regimeflow_records_rejected_total{topic="market.bars.v1"} 2.0' in metrics


async def test_a_record_passed_over_long_ago_is_listed_and_no_worry(gateway):
    long_ago_ms = WALL_MS - HOUR_MS - 1
    gateway.bus.inbox(UnreadableArrival("jobs.results.v1", 0, 3, "to_ms: too late", long_ago_ms))

    body = await gateway.get("/health")

    assert body["unreadable"]["jobs.results.v1"]["count"] == 1
    assert body["status"] == "healthy"


async def test_health_is_starting_and_503_until_the_views_are_read(gateway):
    gateway.bus.ready = False

    response = await gateway.client.get("/health")

    assert response.status_code == 503
    assert response.json()["status"] == "starting"


async def degraded(gateway: RunningGateway) -> str:
    body = await gateway.get("/health")
    assert body["status"] == "degraded"
    return " ".join(body["degraded"])


async def test_health_names_every_reason_for_being_degraded(gateway):
    unqualified = registered(qualified=False, gates={"log_loss": False})
    gateway.bus.connected = False
    gateway.bus.feed(
        serving(model=unqualified),
        status("training", state="failed", detail="disk full"),
        *ticks(200),
    )

    reasons = await degraded(gateway)

    assert "broker does not answer" in reasons
    assert "training is failed: disk full" in reasons
    assert "model m1 is unqualified: log_loss" in reasons
    assert "BTCUSDT is 3.3 bars old" in reasons


@pytest.mark.parametrize("stands_in", [True, False])
async def test_health_and_models_say_what_answers_while_inference_refuses_a_model(
    gateway, stands_in
):
    loaded = status().models[0]
    gateway.bus.feed(serving(model=registered(model_version="v1")))
    other = loaded.model_copy(update={"version": "v2"})
    told = status(models=(other,) if stands_in else (), refused={"v1": "v1 refused: altered"})
    gateway.bus.feed(told)

    model = (await gateway.get("/health"))["timeframes"][0]["model"]
    listed = await gateway.get("/api/v1/models")

    answers = "v2" if stands_in else None
    assert (model["state"], model["model_version"]) == (
        "serving" if stands_in else "failed",
        answers,
    )
    assert model["detail"].startswith("v1 refused: altered")
    shown = listed["serving"]["ensemble"]
    assert (shown["model_version"], shown["answered_by"]) == ("v1", answers)
    assert shown["refused"] == "v1 refused: altered"
    assert [row["serving"] for row in listed["models"].values()] == [True] * stands_in


async def test_health_says_that_a_model_without_a_record_is_not_watched_for_drift(gateway):
    imported = registered()
    unknown = imported.metrics.model_copy(update={"log_loss": None})
    gateway.bus.feed(serving(model=imported.model_copy(update={"metrics": unknown})))

    assert "model m1 is not watched for drift" in await degraded(gateway)


async def test_health_and_predict_name_a_market_that_the_model_was_trained_without(gateway):
    still = "its price does not move in 3,600 bars"
    gateway.bus.feed(
        serving(model=registered(left_out={"SOLUSDT": still})), bar(LAST, symbol="SOLUSDT")
    )

    reasons = await degraded(gateway)
    answer = await gateway.client.post("/api/v1/predict", json={"symbol": "SOL-USD"})

    assert f"model m1 was trained without SOLUSDT: {still}" in reasons
    assert answer.status_code == 503
    assert f"model m1 was trained without it: {still}" in answer.json()["detail"]


async def test_a_market_that_ended_is_neither_stale_nor_a_reason_and_predict_says_so(gateway):
    gateway.bus.feed(status("ingest", ended={"ETHUSDT": close_time(LAST)}), *ticks(1_200))

    body = await gateway.get("/health")
    answer = await gateway.client.post("/api/v1/predict", json={"symbol": "ETH-USD"})

    states = {row["symbol"]: (row["stale"], row["ended"]) for row in body["symbols"]}
    assert states == {"BTCUSDT": (True, False), "ETHUSDT": (False, True)}
    assert not any("ETHUSDT" in reason for reason in body["degraded"])
    assert answer.status_code == 503
    assert answer.json()["detail"].startswith("ETHUSDT has ended")


async def test_a_contract_that_the_venue_trades_no_longer_has_ended(gateway):
    rows: list[Row] = [
        {"symbol": "ETHUSDT", "active": False},
        {"symbol": "BTCUSDT", "active": True},
    ]
    gateway.bus.feed(RefdataTable.of("symbol", rows, "test", 1), *ticks(200))

    body = await gateway.get("/health")

    assert [row["symbol"] for row in body["symbols"] if row["ended"]] == ["ETHUSDT"]


async def test_health_names_a_symbol_that_waits_for_features_and_until_when(gateway):
    waiting = features(LAST + 1, rsi_14=None).model_copy(update={"bars_until_complete": 57})
    gateway.bus.feed(waiting)

    reasons = await degraded(gateway)

    until = close_time(LAST + 58)
    assert (
        f"BTCUSDT has no signals: its features are complete again at {stamp_text(until)}" in reasons
    )
    (row,) = [s for s in (await gateway.get("/health"))["symbols"] if s["symbol"] == "BTCUSDT"]
    assert row["features_complete_at_ms"] == until

    gateway.bus.feed(features(LAST + 58, rsi_14=1.0).model_copy(update={"bars_until_complete": 0}))

    rows = (await gateway.get("/health"))["symbols"]
    assert [row["features_complete_at_ms"] for row in rows] == [None] * len(rows)


async def test_an_ended_market_waits_for_no_features(gateway):
    waiting = features(LAST + 1, "ETHUSDT", rsi_14=None)
    gateway.bus.feed(
        waiting.model_copy(update={"bars_until_complete": 57}),
        status("ingest", ended={"ETHUSDT": close_time(LAST)}),
        *ticks(1_200),
    )

    body = await gateway.get("/health")

    assert not any("ETHUSDT" in reason for reason in body["degraded"])


@pytest.mark.parametrize(
    ("alert", "series"),
    [
        ("FeedDead", 'regimeflow_symbol_state{state="stale",symbol="BTCUSDT",timeframe="1m"}'),
        ("SymbolWaits", 'regimeflow_symbol_state{state="waiting",symbol="BTCUSDT",timeframe="1m"}'),
        ("SymbolEnded", 'regimeflow_symbol_state{state="ended",symbol="BTCUSDT",timeframe="1m"}'),
        ("ProcessInTrouble", 'regimeflow_process_state{state="degraded",worker="ingest"}'),
        ("ProcessInTrouble", 'regimeflow_process_state{state="silent",worker="market"}'),
    ],
)
async def test_what_goes_wrong_is_a_series_that_an_alert_watches(gateway, alert, series):
    waiting = features(LAST + 1, rsi_14=None).model_copy(update={"bars_until_complete": 57})
    wrong: dict[str, list[Record]] = {
        "stale": list(ticks(200)),
        "waiting": [waiting],
        "ended": [status("ingest", ended={"BTCUSDT": close_time(LAST)})],
        "degraded": [status("ingest", state="degraded", models=())],
        "silent": [status("market", models=())],
    }
    state = series.split('"')[1]
    said_ms = WALL_MS - 60_000 if state == "silent" else WALL_MS
    before = samples((await gateway.client.get("/metrics")).text)
    gateway.bus.feed(*wrong[state], appended_ms=said_ms)

    after = samples((await gateway.client.get("/metrics")).text)

    assert not firing(alert, before)
    assert series in firing(alert, after)
    assert series.removesuffix("}") in TEST_DATA


def series_text(sample: Sample) -> str:
    labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
    return f"{sample.name}{{{labels}}}"


def samples(text: str) -> list[Sample]:
    return [s for family in text_string_to_metric_families(text) for s in family.samples]


def firing(alert: str, exposed: list[Sample]) -> set[str]:
    """Return the samples for which an alert's rule holds; the rule compares one selector."""
    shape = r'max by \(([\w, ]+)\) \((\w+)\{state(=~?)"([\w|]+)"\}\) == 1'
    rule = re.fullmatch(shape, RULES[alert]["expr"])
    assert rule is not None
    labels, name, _, states = rule.groups()
    return {
        series_text(sample)
        for sample in exposed
        if sample.name == name and sample.labels["state"] in states.split("|")
        if sample.value == 1 and set(labels.split(", ")) <= sample.labels.keys()
    }


async def test_views_keep_answering_while_the_broker_is_away(gateway):
    gateway.bus.connected = False

    for path in ("/api/signals", "/api/bars/BTC-USD", "/api/explain/BTC-USD", "/api/v1/models"):
        assert (await gateway.client.get(path)).status_code == 200
    answer = await gateway.client.post("/api/v1/predict", json={"symbol": "BTC-USD"})
    assert answer.status_code == 200


async def test_metrics_carry_the_documented_names(gateway):
    await gateway.client.post("/api/v1/predict", json={"symbol": "BTC-USD"})
    await gateway.client.post("/api/v1/predict", json={"symbol": "AAPL"})

    text = (await gateway.client.get("/metrics")).text

    assert 'predictions_total{status="success"} 1.0' in text
    assert 'predictions_total{status="refused"} 1.0' in text
    assert "prediction_latency_seconds_count 2.0" in text
    assert "active_requests 1.0" in text
    assert "model_load_time_seconds 0.25" in text
    assert 'regimeflow_actions_total{action="BUY"} 1.0' in text
    assert 'regimeflow_view_age_seconds{topic="market.bars.v1"} 0.0' in text
