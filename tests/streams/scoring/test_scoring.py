"""Scoring: next open to the horizon's close, after costs, and null across a hole."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss
from sklearn.metrics import log_loss as sklearn_log_loss

from schemas.predictions import ClassProbabilities
from schemas.signals import ScoredSignal, ScoreTotals, Signal
from schemas.timeframes import HOUR_MS, MINUTE_MS
from streams.costs import DEFAULT_COSTS
from streams.runtime.memory_driver import replay
from streams.scoring.outcome import brier_score, log_loss, signal_outcome
from streams.scoring.processor import PROCESSOR as SCORING
from streams.signals.processor import PROCESSOR as SIGNALS
from tests.build import START_MS, close_time, prediction


def scored(predictions):
    return [r for r in replay([SIGNALS, SCORING], predictions) if isinstance(r, ScoredSignal)]


def walk(minutes, rate_at=None):
    """Predictions whose open at minute m is 100 + m and close 100.5 + m."""
    for minute in minutes:
        context = prediction().context.model_copy(
            update={
                "open": 100.0 + minute,
                "close": 100.5 + minute,
                "funding_rate": 0.001,
                "funding_time_ms": START_MS if rate_at is None or minute < rate_at
                else close_time(rate_at - 1) + 1,
            }
        )  # fmt: skip
        yield prediction(minute, context=context, horizon_bars=3)


def test_return_runs_from_next_open_to_the_close_at_expiry_after_costs():
    first = scored(walk(range(4)))[0]

    assert first.entry_price == 101.0
    assert first.exit_price == 103.5
    assert first.gross_return == pytest.approx(103.5 / 101.0 - 1.0)
    assert first.net_return == pytest.approx(first.gross_return - DEFAULT_COSTS.round_trip)
    assert (first.outcome, first.hit) == ("buy", True)
    assert first.event_time_ms == close_time(3)


@pytest.mark.parametrize("direction", ["buy", "sell", "neutral"])
@pytest.mark.parametrize("close", [99.0, 100.0, 101.0])
def test_no_return_is_minus_zero(direction, close):
    outcome = signal_outcome(direction, (100.0, close), 0.001, (0.0001, -0.0001))

    for value in (outcome.gross_return, outcome.cost, outcome.funding, outcome.net_return):
        assert value or math.copysign(1.0, value) == 1.0


def test_every_signal_is_scored_once_and_never_before_its_horizon():
    records = list(replay([SIGNALS, SCORING], walk(range(10))))
    results = [r for r in records if isinstance(r, ScoredSignal)]

    assert [r.signal_time_ms for r in results] == [close_time(m) for m in range(7)]
    assert len({r.signal_id for r in results}) == 7


def test_a_hole_makes_the_outcomes_that_span_it_unknowable():
    results = scored(walk([0, 1, 2, 5, 6, 7, 8, 9]))
    by_time = {r.signal_time_ms: r for r in results}

    assert by_time[close_time(1)].hit is None
    assert by_time[close_time(2)].net_return is None
    assert by_time[close_time(5)].hit is True


def test_a_score_keeps_the_most_probable_regime_of_its_signal():
    bear = prediction().regime.model_copy(update={"bull": 0.2, "bear": 0.5, "sideways": 0.3})

    results = scored(prediction(m, regime=bear, horizon_bars=3) for m in range(5))

    assert [result.regime for result in results] == ["bear", "bear"]


def test_funding_is_paid_once_for_a_settlement_inside_the_holding_time():
    results = scored(walk(range(8), rate_at=2))

    assert results[0].funding == pytest.approx(0.001)
    assert results[3].funding == 0.0


def test_costs_never_raise_a_return_and_neutral_holds_nothing():
    long = signal_outcome("buy", (100.0, 101.0), 0.002, ())
    flat = signal_outcome("neutral", (100.0, 101.0), 0.002, (0.001,))

    assert long.net_return < long.gross_return
    assert (flat.gross_return, flat.cost, flat.funding) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("label", ["sell", "neutral", "buy"])
def test_proper_scores_equal_scikit_learn(label):
    chances = ClassProbabilities(sell=0.2, neutral=0.3, buy=0.5)
    row = np.array([[0.2, 0.3, 0.5]])
    truth = [("sell", "neutral", "buy").index(label)]

    assert log_loss(chances, label) == pytest.approx(sklearn_log_loss(truth, row, labels=[0, 1, 2]))
    assert brier_score(chances, label) == pytest.approx(
        brier_score_loss(truth, row, labels=[0, 1, 2], scale_by_half=False)
    )


def test_certain_and_wrong_stays_finite():
    assert math.isfinite(log_loss(ClassProbabilities(sell=0.0, neutral=0.0, buy=1.0), "sell"))


@given(st.lists(st.sampled_from((MINUTE_MS, HOUR_MS)), min_size=40, max_size=60))
def test_timeframes_of_a_symbol_are_graded_and_scored_as_if_each_were_alone(order):
    count = {MINUTE_MS: 0, HOUR_MS: 0}
    mixed = []
    for timeframe_ms in order:
        count[timeframe_ms] += 1
        closed = START_MS - START_MS % timeframe_ms + count[timeframe_ms] * timeframe_ms
        fields = {"timeframe_ms": timeframe_ms, "event_time_ms": closed, "horizon_bars": 3}
        mixed.append(prediction(prediction_id=f"{timeframe_ms}/{closed}").model_copy(update=fields))
    both = replay([SIGNALS, SCORING], mixed)

    for timeframe_ms in count:
        alone = [each for each in mixed if each.timeframe_ms == timeframe_ms]
        made = [record for record in both if record.timeframe_ms == timeframe_ms]  # type: ignore[attr-defined]  # each has one
        assert made == replay([SIGNALS, SCORING], alone)
    ids = [record.signal_id for record in both if isinstance(record, Signal)]
    assert len(set(ids)) == len(ids) == len(mixed)
    subjects = {record.subject for record in both if isinstance(record, ScoreTotals)}
    assert subjects <= {f"BTCUSDT/{MINUTE_MS}", f"BTCUSDT/{HOUR_MS}"}
