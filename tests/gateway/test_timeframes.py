"""Several timeframes side by side: they never mix, and each is asked for by its name."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.kafka.topics import start_offset
from gateway.settings import GatewaySettings
from gateway.views.series_view import bars_per_series
from gateway.views.timeframes import running_timeframes
from schemas.market import HistoryReady
from schemas.record import Record
from schemas.timeframes import HOUR_MS, MINUTE_MS
from schemas.topics import BARS
from schemas.training import TrainingProgress
from tests.build import (
    bar,
    close_time,
    explanation,
    registered,
    score_totals,
    scored,
    serving,
    signal,
    status,
)
from tests.fakes.gateway import LAST, RunningGateway, higher, ticks
from tests.gateway.views.test_views import folded

pytestmark = pytest.mark.anyio

QUARTER_MS = 15 * MINUTE_MS
LENGTHS = {"1m": MINUTE_MS, "15m": QUARTER_MS, "1h": HOUR_MS}
ROUTES = (
    "/api/bars/BTC-USD",
    "/api/analysis/BTC-USD/regime",
    "/api/analysis/BTC-USD/indicators",
    "/api/explain/BTC-USD",
    "/api/explain/BTC-USD/history",
    "/api/signals",
)


def newest_close(timeframe_ms: int) -> int:
    return close_time(LAST) // timeframe_ms * timeframe_ms


def model_at(timeframe_ms: int, version: str) -> Record:
    return serving(model=registered(timeframe_ms=timeframe_ms, model_version=version))


def progress(timeframe_ms: int, stage: Any, note: str = "") -> TrainingProgress:
    return TrainingProgress(
        request_id="r",
        strategy="ensemble",
        event_time_ms=1,
        stage=stage,
        done=0.4,
        note=note,
        timeframe_ms=timeframe_ms,
    )


def history(timeframe_ms: int) -> HistoryReady:
    return HistoryReady(
        source="test",
        symbols=("BTCUSDT",),
        timeframe_ms=timeframe_ms,
        from_ms=0,
        to_ms=close_time(0),
        event_time_ms=close_time(0),
    )


@pytest.fixture
def several(gateway: RunningGateway) -> RunningGateway:
    """The live markets with three bars of 15m and of 1h."""
    for length in (QUARTER_MS, HOUR_MS):
        gateway.bus.feed(*higher(length), *higher(length, "ETHUSDT"))
    return gateway


@pytest.mark.parametrize("name", LENGTHS)
async def test_bars_features_and_regimes_are_those_of_the_timeframe_asked_for(several, name):
    length = LENGTHS[name]

    bars = (await several.get("/api/bars/BTC-USD", timeframe=name))["data"]
    regime = (await several.get("/api/analysis/BTC-USD/regime", timeframe=name))["data"]
    values = (await several.get("/api/analysis/BTC-USD/indicators", timeframe=name))["data"]

    for body in (bars, regime, values):
        assert (body["symbol"], body["timeframe"], body["timeframe_ms"]) == (
            "BTCUSDT",
            name,
            length,
        )
    assert {each["timeframe_ms"] for each in bars["bars"]} == {length}
    assert bars["bars"][-1]["event_time_ms"] == newest_close(length)
    assert regime["regime"]["timeframe_ms"] == length
    assert values["event_time_ms"] == newest_close(length)


@pytest.mark.parametrize("path", ROUTES)
async def test_who_names_no_timeframe_gets_the_base(several, path):
    body = await several.get(path)

    assert body["data"]["timeframe"] == "1m"
    assert body["data"] == (await several.get(path, timeframe="1m"))["data"]


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("wrong", ["5m", "7m", "15M", "", "60000", "1m,15m", "\ud83d"])
async def test_a_timeframe_that_does_not_run_is_refused_with_those_that_do(several, path, wrong):
    wrong = wrong.encode("utf-8", "replace").decode()

    response = await several.client.get(path, params={"timeframe": wrong})

    assert response.status_code == 400
    assert response.json()["error"] == (
        f"timeframe: {wrong!r} does not run here; expected 1m, 15m, 1h"
    )


async def test_an_unknown_market_is_not_found_at_any_timeframe(several):
    for name in LENGTHS:
        response = await several.client.get("/api/bars/DOGE-USD", params={"timeframe": name})
        assert response.status_code == 404


async def test_a_timeframe_without_bars_yet_is_empty_and_no_fault(gateway):
    bars = (await gateway.get("/api/bars/BTC-USD", timeframe="1h"))["data"]
    explained = (await gateway.get("/api/explain/BTC-USD", timeframe="1h"))["data"]

    assert (bars["timeframe"], bars["bars"]) == ("1h", [])
    assert (explained["timeframe"], explained["status"]) == ("1h", "none")


async def test_signals_scores_and_explanations_never_mix(several):
    quarter = signal(
        symbol="BTCUSDT",
        timeframe_ms=QUARTER_MS,
        event_time_ms=newest_close(QUARTER_MS),
        signal_id="quarter",
    )
    at: dict[str, Any] = {"timeframe_ms": QUARTER_MS, "event_time_ms": quarter.event_time_ms}
    losing = scored(
        signal_id="quarter",
        timeframe_ms=QUARTER_MS,
        signal_time_ms=quarter.event_time_ms,
        hit=False,
        outcome="sell",
    )
    several.bus.feed(
        quarter,
        explanation(**at, explanation_id="e", sentence="of the quarter"),
        losing,
        score_totals(losing),
        score_totals(scored(0)),
    )

    base = (await several.get("/api/signals", scored=True))["data"]
    listed = (await several.get("/api/signals", timeframe="15m", scored=True))["data"]
    detail = (await several.get("/api/signals/quarter"))["data"]
    told = (await several.get("/api/explain/BTC-USD/history", timeframe="15m"))["data"]
    untold = (await several.get("/api/explain/BTC-USD/history"))["data"]

    assert base["signals"] == []
    assert base["summary"][0]["hit_rate"] == 1.0
    assert [each["signal_id"] for each in listed["signals"]] == ["quarter"]
    assert listed["summary"][0]["hit_rate"] == 0.0
    assert detail["explanation"]["sentence"] == "of the quarter"
    assert [each["timeframe_ms"] for each in told["explanations"]] == [QUARTER_MS]
    assert untold["explanations"] == []


async def test_a_prediction_is_that_of_the_timeframe(several):
    async def predict(**body):
        request = {"symbol": "BTC-USD", **body}
        return await several.client.post("/api/v1/predict", json=request)

    base, hour = await predict(), await predict(timeframe="1h")
    wrong = await predict(timeframe="5m")

    assert base.json()["metadata"]["timeframe"] == "1m"
    assert hour.json()["metadata"]["timeframe_ms"] == HOUR_MS
    assert hour.json()["metadata"]["age_bars"] < 1
    assert wrong.status_code == 400
    assert wrong.json()["detail"] == "timeframe: '5m' does not run here; expected 1m, 15m, 1h"


async def test_models_are_listed_and_named_by_their_timeframe(several):
    loaded = status().models[0]
    models = tuple(
        loaded.model_copy(update={"version": version, "timeframe_ms": length})
        for version, length in (("m1", MINUTE_MS), ("m15", QUARTER_MS), ("m60", HOUR_MS))
    )
    several.bus.feed(status(models=models), model_at(QUARTER_MS, "m15"), model_at(HOUR_MS, "m60"))

    body = await several.get("/api/v1/models")
    override = {"symbol": "BTC-USD", "timeframe": "1h", "strategy_override": "m15"}
    refused = await several.client.post("/api/v1/predict", json=override)

    assert {name: each["timeframe"] for name, each in body["models"].items()} == {
        "ensemble": "1m",
        "ensemble/15m": "15m",
        "ensemble/1h": "1h",
    }
    assert {name: each["model_version"] for name, each in body["serving"].items()} == {
        "ensemble": "m1",
        "ensemble/15m": "m15",
        "ensemble/1h": "m60",
    }
    assert refused.status_code == 400
    assert refused.json()["detail"] == (
        "strategy_override: model 'm15' is not loaded for 1h; loaded: ensemble/1h (m60)"
    )


def test_the_settings_name_what_runs_and_a_recording_its_base():
    named = (MINUTE_MS, QUARTER_MS, HOUR_MS)

    assert folded(bar(0)).base_ms == MINUTE_MS
    assert running_timeframes(named, None) == named
    assert running_timeframes(named, MINUTE_MS) == named
    assert running_timeframes(named, HOUR_MS) == (HOUR_MS,)
    assert running_timeframes((MINUTE_MS, 20 * MINUTE_MS), QUARTER_MS) == (QUARTER_MS,)


async def test_a_recording_of_hours_is_answered_from_as_the_base(empty):
    close = newest_close(HOUR_MS)
    hour = {"timeframe_ms": HOUR_MS, "event_time_ms": close, "open_time_ms": close - HOUR_MS}
    empty.bus.feed(bar(**hour, origin="replay"))

    bars = (await empty.get("/api/bars/BTC-USD"))["data"]
    refused = await empty.client.get("/api/bars/BTC-USD", params={"timeframe": "15m"})

    assert (bars["timeframe"], len(bars["bars"])) == ("1h", 1)
    assert refused.json()["error"] == "timeframe: '15m' does not run here; expected 1h"


def test_the_default_timeframes_of_all_markets_share_one_budget():
    settings = GatewaySettings()
    series = len(settings.universe) * len(settings.timeframes)

    assert start_offset(BARS.name, 0, 10**6, series) == 10**6 - 2 * series * bars_per_series(series)


async def test_a_wrong_time_of_a_higher_bar_moves_market_time_no_further_than_a_base_bar(several):
    before = several.ctx.market_ms()
    close = newest_close(HOUR_MS) + 2 * HOUR_MS
    several.bus.feed(bar(timeframe_ms=HOUR_MS, event_time_ms=close, open_time_ms=close - HOUR_MS))

    assert several.ctx.market_ms() == before


async def test_higher_timeframes_on_the_way_to_their_first_model_are_pending_and_no_fault(several):
    several.bus.feed(history(QUARTER_MS), progress(HOUR_MS, "folds"))

    body = await several.get("/health")

    assert body["status"] == "healthy"
    assert body["degraded"] == []
    assert body["pending"] == [
        "15m: no model serves yet: the history is complete, and the first one is trained next",
        "1h: no model serves yet: the first one is being trained",
    ]
    assert {each["timeframe"]: each["model"]["state"] for each in body["timeframes"]} == {
        "1m": "serving",
        "15m": "waiting",
        "1h": "training",
    }
    assert [each["bars"] for each in body["timeframes"]] == [2 * (LAST + 1), 6, 6]
    assert [each["signals"] for each in body["timeframes"]] == [2 * (LAST + 1), 6, 6]
    assert [each["timeframe"] for each in body["symbols"]] == ["1m", "1m"]
    for each in body["timeframes"]:
        assert {row["timeframe_ms"] for row in each["symbols"]} == {each["timeframe_ms"]}


async def test_a_first_training_that_waits_for_another_is_not_said_to_run(several):
    several.bus.feed(progress(QUARTER_MS, "folds"), progress(MINUTE_MS, "dataset"))

    pending = (await several.get("/health"))["pending"]
    several.bus.feed(progress(MINUTE_MS, "done"))
    after = (await several.get("/health"))["pending"]

    assert pending[0].endswith("the training of the first one goes on after that of 1m")
    assert after[0].endswith("the first one is being trained")


async def test_a_higher_timeframe_whose_first_training_failed_is_a_reason(several):
    several.bus.feed(progress(HOUR_MS, "failed", "too few bars"))

    body = await several.get("/health")

    reason = "1h: no model serves yet: the training of the first one failed: too few bars"
    assert reason in body["degraded"]


async def test_a_higher_bar_is_stale_after_two_of_its_own_bars(several):
    several.bus.feed(model_at(QUARTER_MS, "m15"), model_at(HOUR_MS, "m60"))
    late_s = (newest_close(QUARTER_MS) + 2 * QUARTER_MS - close_time(LAST)) / 1000 + 60
    several.bus.feed(*ticks(late_s))

    body = await several.get("/health")
    states = (await several.client.get("/metrics")).text

    stale = {
        each["timeframe"]: [row["stale"] for row in each["symbols"]] for each in body["timeframes"]
    }
    assert stale == {"1m": [True, True], "15m": [True, True], "1h": [False, False]}
    assert "BTCUSDT 15m is 2.1 bars old" in body["degraded"]
    assert not any("1h" in reason for reason in body["degraded"])
    for name, state in (("1m", "stale"), ("15m", "stale"), ("1h", "live")):
        line = f'symbol_state{{state="{state}",symbol="BTCUSDT",timeframe="{name}"}} 1.0'
        assert line in states


async def test_a_pending_timeframe_sets_off_no_alert_of_its_bars(several):
    several.bus.feed(*ticks(10 * 3_600.0))

    body = await several.get("/health")
    states = (await several.client.get("/metrics")).text

    assert not any("1h" in reason for reason in body["degraded"])
    assert any(reason.startswith("1h: ") for reason in body["pending"])
    assert 'symbol_state{state="pending",symbol="BTCUSDT",timeframe="1h"} 1.0' in states


async def test_an_ended_market_has_ended_at_every_timeframe(several):
    several.bus.feed(status("ingest", ended={"BTCUSDT": close_time(LAST)}), *ticks(10 * 3_600.0))

    body = await several.get("/health")

    ended = {row["ended"] for each in body["timeframes"] for row in each["symbols"][:1]}
    assert ended == {True}
    assert not any("BTCUSDT" in reason for reason in body["degraded"])


async def test_bars_of_timeframes_that_the_gateway_is_not_told_of_are_a_reason(empty):
    close = newest_close(5 * MINUTE_MS)
    five = {"timeframe_ms": 5 * MINUTE_MS, "event_time_ms": close}
    empty.bus.feed(bar(**five, open_time_ms=close - 5 * MINUTE_MS))

    body = await empty.get("/health")

    assert (
        "no bar of 1m is held, only of 5m: the gateway answers for what REGIMEFLOW_TIMEFRAMES names"
    ) in body["degraded"]


async def test_an_answer_before_the_first_model_of_a_timeframe_says_how_far_it_is(gateway):
    gateway.bus.feed(bar(LAST), progress(HOUR_MS, "folds"))
    request = {"symbol": "BTC-USD", "timeframe": "1h"}

    response = await gateway.client.post("/api/v1/predict", json=request)

    assert response.status_code == 503
    assert response.json()["detail"] == "training: the first model is at folds, 40%"
