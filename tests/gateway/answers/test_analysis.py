"""GET /api/analysis: the timeframes side by side, with what is not there yet and why."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.answers.analysis import CHANNELS, channel_levels
from gateway.answers.readings import RULES
from gateway.envelope import Envelope
from gateway.routes.analysis import Analysis
from schemas.features import FeatureVector
from schemas.timeframes import HOUR_MS, MINUTE_MS
from tests.build import bar, close_time, features, regimes, registered, serving, signal
from tests.fakes.gateway import LAST, RunningGateway, higher, ticks
from tests.gateway.test_timeframes import history, progress

pytestmark = pytest.mark.anyio

QUARTER_MS = 15 * MINUTE_MS
STRONG = {rule.name: rule.centre + rule.band + 1.0 for rule in RULES if rule.minus is None}
WEAK = {rule.name: rule.centre - rule.band - 1.0 for rule in RULES if rule.minus is None}


async def analysis(gateway: RunningGateway, ticker: str = "BTC-USD") -> Any:
    body = await gateway.get("/api/analysis", ticker=ticker)
    Envelope[Analysis].model_validate(body, strict=False)
    return body["data"]


def values_at(timeframe_ms: int, values: dict[str, Any]) -> FeatureVector:
    close = close_time(LAST) // timeframe_ms * timeframe_ms
    vector = features(0, **values)
    return vector.model_copy(update={"timeframe_ms": timeframe_ms, "event_time_ms": close})


async def test_timeframes_stand_side_by_side_in_rising_order(gateway):
    gateway.bus.feed(*higher(QUARTER_MS), *higher(HOUR_MS))

    body = await analysis(gateway)

    assert body["symbol"] == "BTCUSDT"
    assert [each["timeframe"] for each in body["timeframes"]] == ["1m", "15m", "1h"]
    assert [each["base"] for each in body["timeframes"]] == [True, False, False]
    for each in body["timeframes"]:
        close = close_time(LAST) // each["timeframe_ms"] * each["timeframe_ms"]
        assert each["close_ms"] == each["regime"]["event_time_ms"] == close
        assert each["signal"]["event_time_ms"] == close
        assert each["regime"]["likeliest"] == "bull"
        assert each["regime"]["trend_state"] == "TRENDING"
        assert not each["stale"]


async def test_agreement_is_the_mean_direction_of_the_timeframes(gateway):
    gateway.bus.feed(*higher(QUARTER_MS), *higher(HOUR_MS))
    gateway.bus.feed(values_at(MINUTE_MS, STRONG), values_at(QUARTER_MS, STRONG))
    gateway.bus.feed(values_at(HOUR_MS, WEAK))

    body = await analysis(gateway)

    assert body["agreement"]["votes"] == {"1m": "bullish", "15m": "bullish", "1h": "bearish"}
    assert body["agreement"]["score"] == pytest.approx(1 / 3)
    assert body["agreement"]["definition"]
    rules = body["definitions"]["indicators"]
    shown = {
        indicator["name"]
        for each in body["timeframes"]
        for family in each["families"]
        for indicator in family["indicators"]
    }
    assert shown == rules.keys()


async def test_a_stale_timeframe_says_so_and_does_not_vote(gateway):
    gateway.bus.feed(*higher(QUARTER_MS), *higher(HOUR_MS))
    gateway.bus.feed(values_at(QUARTER_MS, STRONG), values_at(HOUR_MS, WEAK))
    gateway.bus.feed(*ticks(45 * 60.0))

    body = await analysis(gateway)

    stale = {each["timeframe"]: each["stale"] for each in body["timeframes"]}
    assert stale == {"1m": True, "15m": True, "1h": False}
    assert body["agreement"]["votes"] == {"1m": None, "15m": None, "1h": "bearish"}
    assert body["agreement"]["score"] is None  # one alone agrees with nothing


async def test_a_timeframe_without_anything_is_null_and_says_why(gateway):
    gateway.bus.feed(history(QUARTER_MS), progress(HOUR_MS, "folds"))

    minute, quarter, hour = (await analysis(gateway))["timeframes"]

    assert minute["model"]["state"] == "serving"
    assert minute["model"]["model_version"] == "m1"
    assert quarter["model"]["state"] == "waiting"
    assert "history is complete" in quarter["detail"]
    assert hour["model"] == {
        "state": "training",
        "detail": "the first one is being trained",
        "model_version": None,
        "qualified": None,
        "done": 0.4,
    }
    for each in (quarter, hour):
        nothing = ("close_ms", "close", "direction", "balance", "regime", "signal")
        assert all(each[name] is None for name in nothing)
        assert all(
            indicator["value"] is indicator["reading"] is None
            for family in each["families"]
            for indicator in family["indicators"]
        )
        assert "no bar yet" in each["detail"]


async def test_history_that_is_filled_and_a_failed_training_are_told_apart(gateway):
    gateway.bus.feed(progress(HOUR_MS, "failed", "too few bars"))

    _, quarter, hour = (await analysis(gateway))["timeframes"]

    assert quarter["model"]["state"] == "filling"
    assert hour["model"]["state"] == "failed"
    assert "too few bars" in hour["detail"]


async def test_a_model_that_serves_is_named_however_old_its_last_training_is(gateway):
    model = registered(timeframe_ms=HOUR_MS, model_version="m60", qualified=False)
    gateway.bus.feed(progress(HOUR_MS, "done"), serving(model=model))

    hour = (await analysis(gateway))["timeframes"][2]

    assert hour["model"]["state"] == "serving"
    assert (hour["model"]["model_version"], hour["model"]["qualified"]) == ("m60", False)
    assert hour["model"]["done"] is None
    assert "no signal yet" in hour["detail"]


async def test_levels_are_the_extremes_of_the_newest_bars(gateway):
    for minute in range(LAST + 1, LAST + 41):
        gateway.bus.feed(bar(minute, high=110.0 if minute == LAST + 20 else 101.0))
    gateway.bus.feed(bar(LAST + 41, low=90.0, close=100.0, open=100.0))

    short, long = (await analysis(gateway))["timeframes"][0]["levels"]

    assert (short["bars"], long["bars"]) == CHANNELS
    assert (short["resistance"], short["support"]) == (101.0, 90.0)
    assert (long["resistance"], long["support"]) == (110.0, 90.0)
    assert (short["resistance_percent"], short["support_percent"]) == (1.0, 10.0)
    assert short["from_ms"] == close_time(LAST + 21)


async def test_levels_are_null_where_a_bar_is_missing_or_too_few_are_held(gateway):
    gateway.bus.feed(*(bar(minute) for minute in range(LAST + 2, LAST + 12)))

    levels = (await analysis(gateway))["timeframes"][0]["levels"]

    assert all(level["resistance"] is None and level["from_ms"] is None for level in levels)


prices = st.floats(min_value=1.0, max_value=1e6, allow_nan=False)


@given(st.lists(st.tuples(prices, prices), min_size=20, max_size=20))
def test_the_close_lies_between_its_levels(pairs):
    bars = [
        bar(minute, low=min(pair), high=max(pair), open=min(pair), close=max(pair)).model_dump()
        for minute, pair in enumerate(pairs)
    ]

    levels = channel_levels(bars, 20)

    assert levels["support"] <= bars[-1]["close"] <= levels["resistance"]
    assert levels["support_percent"] >= 0 <= levels["resistance_percent"]


async def test_regime_dwell_funding_and_volatility_rank_are_shown(gateway):
    gateway.bus.feed(
        bar(LAST + 1, funding_rate=0.0001, funding_time_ms=close_time(0)),
        features(LAST + 1, natr_14=0.002, natr_rank_100=0.75),
        regimes(
            LAST + 1, bull=1 / 3, bear=1 / 3, sideways=1 / 3, parameters_version=None, trend_bars=7
        ),
    )

    minute = (await analysis(gateway))["timeframes"][0]

    assert minute["funding"] == {"rate": 0.0001, "settled_ms": close_time(0)}
    assert minute["volatility"] == {"natr_14": 0.002, "rank": 0.75, "rank_bars": 100}
    assert minute["regime"]["likeliest"] is None
    assert (minute["regime"]["trend_state"], minute["regime"]["trend_bars"]) == ("TRENDING", 7)
    assert minute["regime"]["entropy"] == pytest.approx(1.0)


async def test_a_signal_whose_horizon_lies_behind_has_expired(gateway):
    before = (await analysis(gateway))["timeframes"][0]["signal"]
    gateway.bus.feed(signal(LAST + 1, expires_ms=close_time(LAST + 1)), *ticks(60.0))
    after = (await analysis(gateway))["timeframes"][0]["signal"]

    assert (before["expired"], after["expired"]) == (False, True)


async def test_warm_up_says_until_when(gateway):
    vector = features(LAST + 1, rsi_14=50.0).model_copy(update={"bars_until_complete": 10})
    gateway.bus.feed(bar(LAST + 1), vector)

    assert "indicators warm up until 20" in (await analysis(gateway))["timeframes"][0]["detail"]


async def test_an_unknown_market_is_not_found_and_a_missing_one_refused(gateway):
    unknown = await gateway.client.get("/api/analysis", params={"ticker": "DOGE-USD"})
    missing = await gateway.client.get("/api/analysis")

    assert unknown.status_code == 404
    assert "DOGEUSDT is unknown; known: BTCUSDT, ETHUSDT" in unknown.json()["error"]
    assert missing.status_code == 400
    assert "ticker" in missing.json()["error"]


async def test_before_the_views_are_read_there_is_no_analysis(gateway):
    gateway.bus.ready = False

    response = await gateway.client.get("/api/analysis", params={"ticker": "BTC-USD"})

    assert response.status_code == 503
