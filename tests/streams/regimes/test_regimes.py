"""Regimes: one record a bar, the right lean, parameters on time, and the same on every replay."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.record import Record
from schemas.regimes import RegimeProbabilities
from streams.regimes.hamilton import filtered_probabilities
from streams.regimes.processor import PROCESSOR, RegimeState
from streams.runtime.memory_driver import MemoryDriver, replay
from tests.build import close_time, features, regime_parameters
from tests.narrow import all_are
from tests.streams.regimes.test_trend_state import TRENDING

log_returns = st.floats(min_value=-0.5, max_value=0.5)
STUDENT_T: dict[str, Any] = {"family": "student_t", "degrees_of_freedom": (4.0, 4.0, 4.0)}

CALIBRATED = STUDENT_T | {
    "evidence_power": 0.2,
    "calibration_slope": 0.1,
    "calibration_exponent": 1.7,
}


def bars(returns, first=0):
    return [features(first + m, log_return_1=r) for m, r in enumerate(returns)]


def filtered(records: Sequence[Record]) -> list[RegimeProbabilities]:
    return all_are(RegimeProbabilities, replay([PROCESSOR], records))


def posterior(out: RegimeProbabilities) -> tuple[float, float, float]:
    return (out.bull, out.bear, out.sideways)


def versions(outputs):
    return [out.parameters_version for out in outputs]


@pytest.mark.parametrize("extra", [{}, STUDENT_T], ids=["gaussian", "student_t"])
@pytest.mark.parametrize(
    ("log_return", "expected"), [(+2.5e-3, "bull"), (-6e-3, "bear"), (0.0, "sideways")]
)
def test_steady_returns_settle_on_the_matching_regime(log_return, expected, extra):
    records = [regime_parameters(**extra), *bars([log_return] * 200)]

    last = filtered(records)[-1]

    assert isinstance(last, RegimeProbabilities)
    assert max(("bull", "bear", "sideways"), key=lambda r: getattr(last, r)) == expected
    assert last.entropy < 0.5
    assert last.log_likelihood is not None


def test_without_parameters_probabilities_are_uniform_and_the_rule_still_speaks():
    (out,) = filtered([features(**TRENDING)])

    assert posterior(out) == pytest.approx((1 / 3, 1 / 3, 1 / 3))
    assert out.entropy == pytest.approx(1.0)
    assert (out.trend_state, out.parameters_version, out.log_likelihood) == ("TRENDING", None, None)


@given(st.lists(log_returns, min_size=1, max_size=50))
def test_output_is_a_distribution_for_any_returns(returns):
    out = filtered([regime_parameters(), *bars(returns)])

    assert len(out) == len(returns)
    assert all(0.0 <= p.entropy <= 1.0 for p in out)


def test_new_parameters_take_over_at_the_first_bar_of_their_time():
    records = [
        regime_parameters(model_version="m1", effective_from_ms=close_time(2)),
        regime_parameters(model_version="m2", effective_from_ms=close_time(4)),
        regime_parameters(model_version="m3", effective_from_ms=close_time(5)),
        *bars([1e-3] * 7),
    ]

    assert versions(filtered(records)) == [None, None, "m1", "m1", "m2", "m3", "m3"]


def test_time_of_arrival_before_their_time_makes_no_difference():
    first = regime_parameters(model_version="m1")
    second = regime_parameters(
        model_version="m2", effective_from_ms=close_time(6), scale=((1.0,),) * 3
    )
    history = bars([1e-3, -2e-3, 3e-3, 0.0, 1e-3, -1e-3, 2e-3, 5e-3])

    early = filtered([first, second, *history])
    late = filtered([first, *history[:6], second, *history[6:]])

    assert early == late


def test_refit_that_changes_nothing_carries_the_posterior_over():
    history = bars([2e-3] * 10)
    again = regime_parameters(model_version="m2", effective_from_ms=close_time(5))

    plain = filtered([regime_parameters(), *history])
    refitted = filtered([regime_parameters(), again, *history])

    assert list(map(posterior, refitted)) == list(map(posterior, plain))
    assert versions(refitted) == ["m1"] * 5 + ["m2"] * 5


def test_parameters_not_newer_than_the_last_change_nothing():
    newest = regime_parameters(model_version="m2", effective_from_ms=close_time(1))
    older = regime_parameters(model_version="m1", effective_from_ms=close_time(0))
    history = bars([1e-3] * 4)

    out = filtered([newest, older, newest, *history])

    assert out == filtered([newest, *history])


def test_redelivered_and_older_bars_change_nothing():
    history = bars([1e-3, -4e-3, 2e-3])

    once = filtered([regime_parameters(), *history])
    again = filtered([regime_parameters(), *history, *history, history[0]])

    assert again == once


def test_changing_the_future_never_changes_a_past_record():
    history = bars([1e-3, -4e-3, 2e-3, 1e-3])
    other = [*history[:3], features(3, log_return_1=-0.4)]

    out = filtered([regime_parameters(), *history])

    assert out[:3] == filtered([regime_parameters(), *other])[:3]
    assert out[:3] == filtered([regime_parameters(), *history[:3]])


def test_null_feature_gives_the_prediction_of_the_chain():
    records = [regime_parameters(), *bars([2e-3] * 20), features(20, log_return_1=None)]

    before, last = filtered(records)[-2:]

    predicted = np.array(posterior(before)) @ np.array(regime_parameters().transition)
    assert posterior(last) == pytest.approx(predicted, abs=1e-12)
    assert (last.parameters_version, last.log_likelihood) == ("m1", None)


def test_vector_without_the_observed_feature_is_uniform_and_names_no_parameters():
    records = [regime_parameters(), *bars([2e-3] * 20), features(20, rsi_14=50.0)]

    last = filtered(records)[-1]

    assert posterior(last) == pytest.approx((1 / 3, 1 / 3, 1 / 3))
    assert last.parameters_version is None


@pytest.mark.parametrize("extra", [STUDENT_T, CALIBRATED], ids=["plain", "calibrated"])
@given(st.lists(st.one_of(st.none(), log_returns), min_size=2, max_size=30), st.integers(1, 5))
def test_bar_by_bar_equals_the_history_that_training_filters(extra, returns, hole):
    minutes = [m if m < len(returns) // 2 else m + hole for m in range(len(returns))]
    history = [features(m, log_return_1=r) for m, r in zip(minutes, returns, strict=True)]
    record = regime_parameters(**extra)

    out = filtered([record, *history])

    columns = np.array([[math.nan if r is None else r] for r in returns])
    times = np.array([close_time(m) for m in minutes], np.int64)
    expected = filtered_probabilities(record, times, columns)
    assert np.array_equal(np.array([posterior(p) for p in out]), expected)


def test_symbols_do_not_share_a_state():
    btc, eth = bars([2e-3] * 30), [features(m, "ETHUSDT", log_return_1=-6e-3) for m in range(30)]
    both = [record for pair in zip(btc, eth, strict=True) for record in pair]
    parameters = [regime_parameters(), regime_parameters(symbol="ETHUSDT")]

    mixed = filtered([*parameters, *both])

    assert mixed[::2] == filtered([*parameters, *btc])
    assert mixed[1::2] == filtered([*parameters, *eth])


def test_calibration_moves_what_is_published_and_never_the_recursion():
    history = bars([1e-3, -4e-3, 2e-3, 5e-3])
    uncalibrated = {key: None for key in CALIBRATED if key.startswith("calibration")}

    def recursion(extra: dict[str, Any]) -> tuple[Any, list[Record]]:
        driver = MemoryDriver([PROCESSOR])
        out = [o for r in [regime_parameters(**extra), *history] for o in driver.feed(r)]
        (state,) = driver.states.values()
        assert isinstance(state, RegimeState)
        return state.posterior, out

    kept, published = recursion(CALIBRATED)
    plain, raw = recursion(CALIBRATED | uncalibrated)

    assert kept == plain
    assert posterior(all_are(RegimeProbabilities, raw)[-1]) == kept
    assert posterior(all_are(RegimeProbabilities, published)[-1]) != kept


def test_trend_state_is_published_with_the_bars_it_has_held():
    out = filtered([features(m, **TRENDING) for m in range(3)])

    assert [(o.trend_state, o.trend_bars) for o in out] == [
        ("TRENDING", 1),
        ("TRENDING", 2),
        ("TRENDING", 3),
    ]


def test_warming_up_trend_state_is_unknown_and_counts_its_bars():
    out = filtered(bars([1e-3, 2e-3]))

    assert [(o.trend_state, o.trend_bars) for o in out] == [("UNKNOWN", 1), ("UNKNOWN", 2)]


@pytest.mark.parametrize("cut", [1, 2, 4, 7])
def test_state_survives_a_restart_at_any_point(cut):
    second = regime_parameters(model_version="m2", effective_from_ms=close_time(4))
    records = [regime_parameters(), second, *bars([1e-3, 2e-3, -5e-3, 0.0, 1e-3, 3e-3])]
    first = MemoryDriver([PROCESSOR])
    out = [o for record in records[:cut] for o in first.feed(record)]

    restored = {k: RegimeState.decode(v.encode()) for k, v in first.states.items()}
    second_half = replace(first, states=dict(restored))
    out += [o for record in records[cut:] for o in second_half.feed(record)]

    assert out == filtered(records)
