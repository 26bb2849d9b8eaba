"""Promotion: one request for ready history, one serving model, qualified beats unqualified."""

from __future__ import annotations

from schemas.market import HistoryReady
from schemas.models import ModelChanged, ModelMetrics, ModelRegistered, ModelServing
from schemas.regimes import RegimeParameters
from schemas.timeframes import MINUTE_MS
from schemas.training import TrainingRequest
from streams.promotion.processor import LEAD_BARS, PROCESSOR
from streams.runtime.memory_driver import replay
from tests.build import close_time, regime_parameters


def history(minute=100):
    return HistoryReady(
        source="test",
        symbols=("BTCUSDT",),
        timeframe_ms=MINUTE_MS,
        from_ms=0,
        to_ms=close_time(minute),
        event_time_ms=close_time(minute),
    )


def registered(version="m1", minute=200, *, qualified=True):
    metrics = ModelMetrics(
        rows=100, folds=3, log_loss=1.0, prior_log_loss=1.1, brier=0.6, accuracy=0.5,
        macro_f1=0.4, calibration_error=0.02,
    )  # fmt: skip
    return ModelRegistered(
        strategy="ensemble", model_version=version, request_id="r", timeframe_ms=MINUTE_MS,
        event_time_ms=close_time(minute) + 1, symbols=("BTCUSDT",), trained_from_ms=0,
        trained_to_ms=close_time(100), feature_set_id="f", feature_names=("a",), horizon_bars=15,
        uri="file:///models/m1", files=(), metrics=metrics, gates={"log_loss": qualified},
        qualified=qualified, regimes=(regime_parameters(),),
    )  # fmt: skip


def serving(records):
    return [r.model.model_version for r in replay([PROCESSOR], records)
            if isinstance(r, ModelServing)]  # fmt: skip


def test_ready_history_asks_for_one_model_only():
    requests = replay([PROCESSOR], [history(), history()])

    assert len(requests) == 1
    assert isinstance(requests[0], TrainingRequest)
    assert requests[0].to_ms == history().to_ms


def test_longer_history_asks_again_while_nothing_serves_and_never_after():
    assert len(replay([PROCESSOR], [history(100), history(101)])) == 2
    assert not [
        r for r in replay([PROCESSOR], [registered(), history(300)])
        if isinstance(r, TrainingRequest)
    ]  # fmt: skip


def test_a_change_takes_effect_on_a_bar_close_at_least_two_bars_ahead():
    changed = next(r for r in replay([PROCESSOR], [registered()]) if isinstance(r, ModelChanged))

    assert changed.effective_from_ms % MINUTE_MS == 0
    assert changed.effective_from_ms - changed.event_time_ms >= 2 * MINUTE_MS
    assert changed.effective_from_ms - changed.event_time_ms <= (LEAD_BARS + 1) * MINUTE_MS


def test_model_and_regime_filter_change_at_the_same_bar():
    out = replay([PROCESSOR], [registered()])

    times = {r.effective_from_ms for r in out if isinstance(r, ModelChanged | RegimeParameters)}

    assert len(times) == 1


def test_an_unqualified_model_serves_only_until_a_qualified_one_comes():
    weak, weaker, good = (
        registered("a", 200, qualified=False),
        registered("b", 210, qualified=False),
        registered("c", 220),
    )

    assert serving([weak, good, registered("d", 230, qualified=False)]) == ["a", "c"]
    assert serving([weak, weaker, good]) == ["a", "b", "c"]


def test_redelivered_model_changes_nothing():
    assert serving([registered(), registered()]) == ["m1"]
