"""Promotion: one request for ready history, one serving model, replaced by its better alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.ids import derived_id
from schemas.market import HistoryReady
from schemas.models import ModelChanged, ModelMetrics, ModelRegistered, ModelServing
from schemas.regimes import RegimeParameters
from schemas.timeframes import HOUR_MS, MINUTE_MS
from schemas.training import TrainingRequest
from streams.promotion.effective import LEAD_MS, effective_from
from streams.promotion.processor import PROCESSOR
from streams.runtime.memory_driver import replay
from tests.build import close_time, comparison, regime_parameters


def history(minute=100, timeframe_ms=MINUTE_MS):
    return HistoryReady(
        source="test",
        symbols=("BTCUSDT",),
        timeframe_ms=timeframe_ms,
        from_ms=0,
        to_ms=close_time(minute),
        event_time_ms=close_time(minute),
        base_ms=None if timeframe_ms == MINUTE_MS else MINUTE_MS,
    )


def registered(version="m1", minute=200, timeframe_ms=MINUTE_MS, *, qualified=True, better_than=""):
    metrics = ModelMetrics(
        rows=100, folds=3, log_loss=1.0, prior_log_loss=1.1, brier=0.6, accuracy=0.5,
        macro_f1=0.4, calibration_error=0.02,
    )  # fmt: skip
    return ModelRegistered(
        strategy="ensemble", model_version=version, request_id="r", timeframe_ms=timeframe_ms,
        event_time_ms=close_time(minute) + 1, symbols=("BTCUSDT",), trained_from_ms=0,
        trained_to_ms=close_time(100), feature_set_id="f", feature_names=("a",), horizon_bars=15,
        uri="file:///models/m1", files=(), metrics=metrics, gates={"log_loss": qualified},
        qualified=qualified, regimes=(regime_parameters(timeframe_ms=timeframe_ms),),
        base_ms=None if timeframe_ms == MINUTE_MS else MINUTE_MS,
        comparison=comparison(better_than) if better_than else None,
    )  # fmt: skip


def serving(records):
    return [r.model.model_version for r in replay([PROCESSOR], records)
            if isinstance(r, ModelServing)]  # fmt: skip


def requests(records):
    return [r for r in replay([PROCESSOR], records) if isinstance(r, TrainingRequest)]


def test_ready_history_asks_for_one_model_only():
    [request] = requests([history(), history()])

    assert request.to_ms == history().to_ms


def test_longer_history_asks_again_while_nothing_serves_and_never_after():
    assert len(requests([history(100), history(101)])) == 2
    assert not [
        r for r in replay([PROCESSOR], [registered(), history(300)])
        if isinstance(r, TrainingRequest)
    ]  # fmt: skip


def test_a_change_takes_effect_on_a_bar_close_at_least_two_bars_ahead():
    changed = next(r for r in replay([PROCESSOR], [registered()]) if isinstance(r, ModelChanged))

    assert changed.effective_from_ms % MINUTE_MS == 0
    assert changed.effective_from_ms - changed.event_time_ms >= 2 * MINUTE_MS
    assert changed.effective_from_ms - changed.event_time_ms <= LEAD_MS + MINUTE_MS


@pytest.mark.parametrize(("base_ms", "bars"), [(MINUTE_MS, 5), (3 * MINUTE_MS, 2), (HOUR_MS, 1)])
def test_a_change_of_longer_bars_counts_from_the_next_one(base_ms, bars):
    model = registered(timeframe_ms=base_ms).changed({"base_ms": base_ms})

    for market_ms in (1_000 * base_ms, 1_000 * base_ms - 1):
        assert effective_from(model, market_ms, 0) == (1_000 + bars) * base_ms


def test_model_and_regime_filter_change_at_the_same_bar():
    out = replay([PROCESSOR], [registered()])

    times = {r.effective_from_ms for r in out if isinstance(r, ModelChanged | RegimeParameters)}

    assert len(times) == 1


def test_the_first_model_serves_whatever_its_gates_say_and_a_later_one_if_it_is_better():
    weak = registered("a", 200, qualified=False)

    assert serving([weak, registered("b", 210)]) == ["a"]
    assert serving([weak, registered("b", 210, better_than="a")]) == ["a", "b"]
    assert serving([weak, registered("b", 210, better_than="x")]) == ["a"]


def test_redelivered_model_changes_nothing():
    assert serving([registered(), registered()]) == ["m1"]


def test_each_timeframe_asks_for_its_own_model_by_an_id_of_its_own():
    both = [history(), history(timeframe_ms=HOUR_MS)]

    base, higher = requests(both)

    assert [base.timeframe_ms, higher.timeframe_ms] == [MINUTE_MS, HOUR_MS]
    assert (base.base_ms, higher.base_ms) == (None, MINUTE_MS)
    assert base.request_id == derived_id(
        "training.requests.v1", "ensemble", history().to_ms, "bootstrap"
    )
    assert base.request_id != higher.request_id


def test_a_model_of_another_timeframe_neither_replaces_nor_holds_back():
    out = replay(
        [PROCESSOR],
        [registered("minutes", 210), registered("hours", 200, HOUR_MS, qualified=False)],
    )

    served = {r.subject: r for r in out if isinstance(r, ModelServing)}
    assert {subject: r.model.model_version for subject, r in served.items()} == {
        f"ensemble/{MINUTE_MS}": "minutes",
        f"ensemble/{HOUR_MS}": "hours",
    }
    assert [r.replaces for r in served.values()] == [None, None]
    [asked] = requests([registered(), history(300), history(300, HOUR_MS)])
    assert asked.timeframe_ms == HOUR_MS


@given(minute=st.integers(0, 10_000), timeframe_ms=st.sampled_from((15 * MINUTE_MS, HOUR_MS)))
def test_a_higher_model_serves_from_the_first_close_that_is_the_lead_of_base_bars_ahead(
    minute, timeframe_ms
):
    model = registered(minute=minute, timeframe_ms=timeframe_ms)

    changed = next(r for r in replay([PROCESSOR], [model]) if isinstance(r, ModelChanged))

    ahead = changed.effective_from_ms - model.event_time_ms
    assert changed.effective_from_ms % timeframe_ms == 0
    assert 2 * MINUTE_MS <= ahead <= timeframe_ms + LEAD_MS + MINUTE_MS
