"""/api/v1/predict: every documented field, the moment asked about, overrides, explanations."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from gateway.envelope import iso
from gateway.routes.predict import PredictAnswer
from schemas.answers import PredictionAnswer
from schemas.predictions import PredictionReply, PredictionRequest
from schemas.status import LoadedModel, LoadedSpecialist
from schemas.timeframes import HOUR_MS, MINUTE_MS
from schemas.training import TrainingProgress
from tests.build import (
    bar,
    close_time,
    explanation,
    prediction,
    prediction_answer,
    signal,
    status,
)
from tests.fakes.gateway import LAST, WALL_MS, RunningGateway, live, tick, ticks

pytestmark = pytest.mark.anyio


async def ask(gateway: RunningGateway, **body: Any) -> tuple[int, Any]:
    response = await gateway.client.post("/api/v1/predict", json={"symbol": "BTC-USD", **body})
    return response.status_code, response.json()


def answering(model: str) -> Any:
    """A worker that answers every override at once."""

    def answers(record: Any) -> list[Any]:
        if not isinstance(record, PredictionRequest):
            return []
        if record.prediction is not None:
            return [explained(record)]
        if record.model_override is None:
            return []
        override = prediction(LAST, (0.7, 0.2, 0.1), model_version=model, prediction_id="other")
        reply = PredictionReply(
            request_id=record.request_id,
            reply_to=record.reply_to,
            event_time_ms=WALL_MS,
            status="ok",
            prediction=override,
        )
        return [reply]

    return answers


def explained(request: PredictionRequest) -> PredictionReply:
    """The reply about the answer to an override."""
    override = request.prediction
    assert override is not None
    names = {"prediction_id": override.prediction_id, "model_version": override.model_version}
    return PredictionReply(
        request_id=request.request_id,
        reply_to=request.reply_to,
        event_time_ms=WALL_MS,
        status="ok",
        explanation=explanation(LAST, answered_by="bull_specialist", why="named", **names),
    )


async def test_answer_has_every_field_of_the_documented_sample(gateway):
    status_code, body = await ask(gateway, timestamp=None, strategy_override=None, explain=False)

    assert status_code == 200
    PredictAnswer.model_validate(body)
    assert body["decision_id"] == f"prediction-BTCUSDT-{LAST}"
    assert body["symbol"] == "BTCUSDT"
    assert body["action"] == "BUY"
    assert body["confidence"] == 0.9
    assert body["recommended_quantity"] is None
    assert body["regime_probabilities"].keys() >= {"bull", "bear", "sideways", "entropy"}
    assert body["strategy_weights"] == {
        "bull_specialist": 0.6,
        "bear_specialist": 0.1,
        "sideways_specialist": 0.3,
    }
    assert body["risk_validation"]["approved"] is False
    assert body["risk_validation"]["checks"] == {
        "position_limit": "fail",
        "concentration": "fail",
        "daily_loss_limit": "fail",
    }
    assert "data missing: no account is connected" in body["risk_validation"]["warnings"][0]
    assert body["metadata"].keys() >= {"model_version", "latency_ms", "timestamp"}
    assert body["metadata"]["model_version"] == "m1"
    assert body["explanation_status"] == "not_requested"


@pytest.mark.parametrize(
    "symbol", ["BTCUSDT", "btcusdt", "BTC-USD", "BTC-USDT", "BTC/USDT", "BTC/USDT:USDT"]
)
async def test_any_spelling_of_a_symbol_is_understood(gateway, symbol):
    status_code, body = await ask(gateway, symbol=symbol)

    assert (status_code, body["symbol"]) == (200, "BTCUSDT")


@pytest.mark.parametrize("symbol", ["AAPL", "DOGEUSDT"])
async def test_unknown_symbol_is_not_found_and_names_the_known_ones(gateway, symbol):
    status_code, body = await ask(gateway, symbol=symbol)

    assert status_code == 404
    assert symbol in body["detail"]
    assert "BTCUSDT, ETHUSDT" in body["detail"]


@pytest.mark.parametrize(
    ("body", "field", "expected"),
    [
        ({"explain": 0}, "explain", "boolean"),
        ({"risk_check": "yes"}, "risk_check", "boolean"),
        ({"symbol": 5}, "symbol", "string"),
        ({"symbol": ""}, "symbol", "at least 1"),
        ({"timestamp": "yesterday"}, "timestamp", "ISO 8601"),
        ({"timestamp": "2025-10-24T00:00:00"}, "timestamp", "zone"),
        ({"timestamp": 5}, "timestamp", "string"),
        ({"timestamp": "1969-12-31T23:59:59Z"}, "timestamp", "1970"),
        ({"timestamp": "0001-01-01T00:00:00+23:59"}, "timestamp", "1970"),
        ({"timestamp": "9999-12-31T23:59:59-23:59"}, "timestamp", "2200"),
        ({"strategy_override": ["m1"]}, "strategy_override", "string"),
        ({"quantity": 5}, "quantity", "not permitted"),
    ],
)
async def test_bad_field_gives_400_with_its_name_and_the_expectation(
    gateway, body, field, expected
):
    status_code, answer = await ask(gateway, **body)

    assert status_code == 400
    assert field in answer["detail"]
    assert expected in answer["detail"]


async def test_body_that_is_no_json_gives_400(gateway):
    response = await gateway.client.post(
        "/api/v1/predict", content=b'{"symbol":', headers={"content-type": "application/json"}
    )

    assert response.status_code == 400
    assert response.json()["detail"].startswith("body: expected JSON: ")
    assert response.json()["detail"].endswith("at character 10")


@pytest.mark.parametrize(
    ("content", "expected"),
    [(b'{"symbol": "\xe9"}', "JSON in UTF-8"), (b"[" * 20_000, "JSON, nested less deep")],
    ids=["bytes", "depth"],
)
async def test_body_that_stops_the_parser_gives_400(gateway, content, expected):
    response = await gateway.client.post(
        "/api/v1/predict", content=content, headers={"content-type": "application/json"}
    )

    assert (response.status_code, response.json()["detail"]) == (400, f"body: expected {expected}")


async def test_moment_selects_the_newest_bar_closed_by_then(gateway):
    _, exact = await ask(gateway, timestamp=iso(close_time(5)))
    _, between = await ask(gateway, timestamp=iso(close_time(5) + MINUTE_MS - 1))

    assert exact["decision_id"] == between["decision_id"] == "prediction-BTCUSDT-5"


async def test_moment_in_the_future_of_the_market_is_refused_but_for_a_clock_a_little_ahead(
    gateway,
):
    ahead, _ = await ask(gateway, timestamp=iso(close_time(LAST) + 1_000))
    status_code, body = await ask(gateway, timestamp=iso(close_time(LAST) + 1_001))

    assert ahead == 200
    assert status_code == 400
    assert "timestamp" in body["detail"]
    assert iso(close_time(LAST)) in body["detail"]


async def test_moment_before_the_view_is_not_found(gateway):
    status_code, body = await ask(gateway, timestamp=iso(close_time(0) - 1))

    assert status_code == 404
    assert iso(close_time(0)) in body["detail"]


async def test_risk_is_left_out_when_not_asked_for(gateway):
    _, body = await ask(gateway, risk_check=False)

    assert body["risk_validation"] is None


@pytest.mark.parametrize(("bars", "stale"), [(2.0, False), (2.1, True), (10.0, True)])
async def test_answer_older_than_two_bars_says_stale(gateway, bars, stale):
    gateway.bus.feed(*ticks(60 * bars))

    status_code, body = await ask(gateway)

    assert status_code == 200
    assert body["stale"] is stale


async def test_answer_older_than_ten_bars_is_refused_without_asking_a_worker(gateway):
    gateway.bus.feed(*ticks(601))

    status_code, body = await ask(gateway, explain=True)

    assert status_code == 503
    assert "10.0 bars old" in body["detail"]
    assert gateway.bus.published == []


async def test_age_grows_while_no_tick_arrives(gateway):
    gateway.wall_ms = WALL_MS + 3 * MINUTE_MS

    _, body = await ask(gateway)

    assert body["stale"] is True
    assert body["metadata"]["age_bars"] == pytest.approx(3.0)


async def test_recorded_bars_do_not_age_when_the_recording_has_ended(empty):
    empty.bus.feed(bar(0, origin="replay"), signal(0), tick(0, speed=1e6))
    empty.wall_ms = WALL_MS + HOUR_MS

    status_code, body = await ask(empty)

    assert (status_code, body["stale"]) == (200, False)


async def test_before_the_first_model_the_answer_is_training_with_its_progress(empty):
    progress = TrainingProgress(
        request_id="r", strategy="ensemble", event_time_ms=1, stage="folds", done=0.4
    )
    empty.bus.feed(bar(0), tick(0), progress)

    status_code, body = await ask(empty)

    assert status_code == 503
    assert "training" in body["detail"]
    assert body["progress"] == {"stage": "folds", "done": 0.4, "note": ""}


async def test_before_the_views_are_read_the_answer_is_starting(gateway):
    gateway.bus.ready = False

    response = await gateway.client.post("/api/v1/predict", json={"symbol": "BTC-USD"})

    assert response.status_code == 503
    assert "starting" in response.json()["detail"]
    assert int(response.headers["retry-after"]) > 0


async def test_explanation_that_was_made_is_a_lookup(gateway):
    gateway.bus.feed(explanation(LAST))

    _, body = await ask(gateway, explain=True)

    assert body["explanation_status"] == "ready"
    assert body["explanation"]["positive"][0]["feature"] == "rsi_14"
    assert gateway.bus.published == []


async def test_explanation_not_made_yet_is_asked_for_and_waited_for(gateway):
    gateway.bus.answers = lambda _: [explanation(LAST)]

    _, body = await ask(gateway, explain=True)

    [(request, trace_id)] = gateway.bus.published
    assert body["explanation_status"] == "ready"
    assert request.explain
    assert request.bar_time_ms == close_time(LAST)
    assert request.deadline_ms == WALL_MS + 100
    assert trace_id


async def test_explanation_that_is_late_is_pending_and_never_waited_for_longer_than_the_bound(
    gateway,
):
    status_code, body = await ask(gateway, explain=True)

    assert status_code == 200
    assert (body["explanation"], body["explanation_status"]) == (None, "pending")
    assert body["metadata"]["latency_ms"] < 1_000


async def test_override_asks_the_worker_and_is_remembered(gateway):
    loaded = status().models[0].model_copy(update={"name": "challenger", "version": "m2"})
    gateway.bus.feed(status(models=(status().models[0], loaded)))
    gateway.bus.answers = answering("m2")

    _, first = await ask(gateway, strategy_override="challenger")
    _, second = await ask(gateway, strategy_override="m2")

    assert first["action"] == "SELL"
    assert first["confidence"] == 0.7
    assert first["metadata"]["model_version"] == "m2"
    assert first["metadata"]["signal_id"] is None
    assert first["risk_validation"]["approved"] is False
    assert second["decision_id"] == first["decision_id"]
    assert len(gateway.bus.published) == 1


async def test_override_by_the_serving_model_needs_no_worker(gateway):
    _, body = await ask(gateway, strategy_override="ensemble")

    assert body["metadata"]["model_version"] == "m1"
    assert gateway.bus.published == []


async def test_override_of_a_model_not_loaded_lists_the_loaded_ones(gateway):
    status_code, body = await ask(gateway, strategy_override="ppo")

    assert status_code == 400
    assert "ppo" in body["detail"]
    assert "ensemble (m1)" in body["detail"]


def specialised(version: str) -> LoadedModel:
    """Return a model with one specialist."""
    bull = LoadedSpecialist(name="bull_specialist", parameters=900, qualified=False)
    model = status().models[0]
    return model.model_copy(
        update={"version": version, "selection": "argmax", "specialists": (bull,)}
    )


async def test_an_override_names_a_specialist_or_the_universal_model(gateway):
    gateway.bus.feed(status(models=(specialised("m0"), specialised("m1"))))
    gateway.bus.answers = answering("m1")

    names = ("bull_specialist", "universal", "bull_specialist@m0", "bull_specialist")
    for name in names:
        status_code, body = await ask(gateway, strategy_override=name, explain=True)
        assert status_code == 200
        assert body["explanation_status"] == "ready"
        assert body["explanation"]["prediction_id"] == body["decision_id"] == "other"
        assert body["explanation"]["answered_by"] == "bull_specialist"
    refused, unknown = await ask(gateway, strategy_override="bear_specialist")

    requests = [r for r, _ in gateway.bus.published]
    assert [r.explain for r in requests if r.prediction is not None] == [True]
    asked = [(r.model_override, r.answerer) for r in requests if r.prediction is None]
    assert asked == [
        ("m1", "bull_specialist"),
        ("m1", "universal"),
        ("m0", "bull_specialist"),
    ]
    assert refused == 400
    assert "loaded: ensemble (m1), bull_specialist, ensemble@m0 (m0)" in unknown["detail"]


async def test_models_lists_each_specialist_under_the_name_that_an_override_takes(gateway):
    gateway.bus.feed(status(models=(specialised("m0"), specialised("m1"))))

    listed = (await gateway.client.get("/api/v1/models")).json()["models"]

    assert list(listed) == ["ensemble", "bull_specialist", "ensemble@m0", "bull_specialist@m0"]
    assert (listed["ensemble"]["selection"], listed["ensemble"]["qualified"]) == ("argmax", True)
    bull = listed["bull_specialist"]
    assert (bull["name"], bull["version"], bull["parameters"]) == ("bull_specialist", "m1", 900)
    assert (bull["qualified"], bull["selection"]) == (False, None)


async def test_who_answered_and_why_stand_in_the_metadata(gateway):
    _, body = await ask(gateway)

    assert body["metadata"]["answered_by"] is None  # a signal of an older release
    fields = {"answered_by": "blend", "why": "blend: bull_specialist 100%"}
    gateway.bus.feed(bar(LAST + 1), signal(LAST + 1, **fields))

    _, newer = await ask(gateway)

    assert {name: newer["metadata"][name] for name in fields} == fields


async def test_an_override_takes_the_names_that_models_lists(gateway):
    newer = status().models[0].model_copy(update={"version": "m2"})
    gateway.bus.feed(status(models=(status().models[0], newer)))
    gateway.bus.answers = answering("m2")

    _, newest = await ask(gateway, strategy_override="ensemble")
    _, older = await ask(gateway, strategy_override="ensemble@m1")

    assert newest["metadata"]["model_version"] == "m2"
    assert older["metadata"]["model_version"] == "m1"


async def test_override_that_is_late_gives_504(gateway):
    loaded = status().models[0].model_copy(update={"name": "challenger", "version": "m2"})
    gateway.bus.feed(status(models=(loaded,)))

    status_code, _ = await ask(gateway, strategy_override="m2")

    assert status_code == 504


@pytest.mark.parametrize(
    ("reply_status", "expected"),
    [("unknown_model", 400), ("unknown_bar", 503), ("expired", 504), ("failed", 503)],
)
async def test_what_the_worker_could_not_do_has_its_own_status(gateway, reply_status, expected):
    loaded = status().models[0].model_copy(update={"name": "challenger", "version": "m2"})
    gateway.bus.feed(status(models=(loaded,)))
    gateway.bus.answers = lambda request: [
        PredictionReply(
            request_id=request.request_id,
            reply_to=request.reply_to,
            event_time_ms=WALL_MS,
            status=reply_status,
        )
    ]

    status_code, _ = await ask(gateway, strategy_override="m2")
    as_of, _ = await ask(gateway, strategy_override="m2", timestamp=iso(close_time(3)))

    assert status_code == expected
    assert as_of == (404 if reply_status == "unknown_bar" else expected)


async def test_a_tie_of_an_override_is_no_direction(gateway):
    loaded = status().models[0].model_copy(update={"version": "m2"})
    gateway.bus.feed(status(models=(loaded,)))
    gateway.bus.answers = lambda request: [
        PredictionReply(
            request_id=request.request_id,
            reply_to=request.reply_to,
            event_time_ms=WALL_MS,
            status="ok",
            prediction=prediction(LAST, (0.4, 0.2, 0.4), model_version="m2"),
        )
    ]

    _, body = await ask(gateway, strategy_override="m2")

    assert body["action"] == "HOLD"
    assert body["confidence"] == 0.2


async def test_two_records_of_one_market_do_not_mix_with_another(gateway):
    gateway.bus.feed(*live("SOLUSDT", minutes=3))

    _, body = await ask(gateway, symbol="SOL/USDT", timestamp=iso(close_time(2)))

    assert body["decision_id"] == "prediction-SOLUSDT-2"


async def recorded(gateway: RunningGateway) -> list[PredictionAnswer]:
    """Return what the gateway published of its answers, once all is."""
    await gateway.ctx.answers.drain()
    records = [record for record, _ in gateway.bus.published_together]
    assert all(isinstance(record, PredictionAnswer) for record in records)
    return records  # type: ignore[return-value]  # asserted


async def test_an_answer_is_recorded_with_who_what_versions_latency_and_correlation_id(gateway):
    headers = {"X-Correlation-ID": "desk.7"}
    request = {"symbol": "btc/usdt", "risk_check": False, "timestamp": iso(close_time(LAST))}
    body = (await gateway.client.post("/api/v1/predict", json=request, headers=headers)).json()

    [record] = await recorded(gateway)

    assert gateway.bus.published_together[0][1] == record.correlation_id == "desk.7"
    assert record == prediction_answer(
        LAST,
        correlation_id="desk.7",
        event_time_ms=WALL_MS,
        replica=gateway.ctx.settings.replica,
        as_of_ms=close_time(LAST),
        risk_approved=None,
        age_bars=0.0,
        latency_ms=body["metadata"]["latency_ms"],
    )


async def test_the_answer_of_an_override_is_recorded_with_the_model_that_gave_it(gateway):
    loaded = status().models[0].model_copy(update={"name": "challenger", "version": "m2"})
    gateway.bus.feed(status(models=(status().models[0], loaded)))
    gateway.bus.answers = answering("m2")

    _, body = await ask(gateway, strategy_override="challenger")

    [record] = await recorded(gateway)
    assert (record.model_override, record.model_version) == ("challenger", "m2")
    assert (record.prediction_id, record.signal_id, record.grade) == ("other", None, None)
    assert (
        (record.action, record.confidence) == (body["action"], body["confidence"]) == ("SELL", 0.7)
    )


async def test_each_answer_is_one_record_and_a_refusal_is_none(gateway):
    for symbol in ("BTC-USD", "ETH-USD", "AAPL", "BTC-USD"):
        await ask(gateway, symbol=symbol)

    records = await recorded(gateway)
    assert [record.symbol for record in records] == ["BTCUSDT", "ETHUSDT", "BTCUSDT"]


async def test_a_signal_of_an_older_release_is_answered_and_recorded(gateway):
    older = json.loads(signal(LAST).encode())
    del older["regime"]["parameters_version"]
    newest = gateway.ctx.views.series("BTCUSDT", MINUTE_MS).signals
    compact = replace(newest.newest(), raw=json.dumps(older).encode())
    newest.put(compact.event_time_ms, compact)

    status_code, _ = await ask(gateway)

    [record] = await recorded(gateway)
    assert (status_code, record.regime_parameters_version) == (200, None)


async def test_metrics_tell_the_time_of_each_stage_of_an_answer(gateway):
    await ask(gateway)
    await ask(gateway, risk_check=False)

    text = (await gateway.client.get("/metrics")).text

    for stage in ("regime", "inference", "risk", "serialisation"):
        assert f'regimeflow_prediction_stage_seconds_count{{stage="{stage}"}} 2.0' in text
