"""Promises of grades: certified where outcomes rule their breach out, and never otherwise."""

from __future__ import annotations

import numpy as np
import pytest

from schemas.timeframes import MINUTE_MS
from workers.training.grade_promises import LEVEL, grade_promises, hoeffding_bentkus
from workers.training.metrics import StitchedRows


def calls(confidence, hits, repeat=1):
    """Buy calls of some confidence, each ``repeat`` times in its minute."""
    said = np.column_stack(((1.0 - confidence) / 2, (1.0 - confidence) / 2, confidence))
    count = len(confidence) * repeat
    return StitchedRows(
        probabilities=np.repeat(said, repeat, axis=0),
        priors=np.repeat(said, repeat, axis=0),
        classes=np.repeat(np.where(hits, 2, 1), repeat),
        forward=np.zeros(count),
        funding=np.zeros(count),
        times=np.repeat(np.arange(len(confidence)) * MINUTE_MS, repeat),
        folds=3,
    )


def certified(test):
    return [promise.certified for promise in grade_promises(test, MINUTE_MS)]


@pytest.mark.parametrize("risk", [0.0, 0.05, 0.2, 0.35, 0.9])
@pytest.mark.parametrize("bound", [0.15, 0.25, 0.35])
@pytest.mark.parametrize("count", [1, 20, 500])
def test_the_p_value_equals_mapie(risk, bound, count):
    from mapie.risk_control.methods import compute_hoeffding_bentkus_p_value

    expected = compute_hoeffding_bentkus_p_value(np.array([risk]), count, np.array([bound]))

    assert hoeffding_bentkus(risk, count, bound) == pytest.approx(min(float(expected[0, 0]), 1.0))


def test_bands_are_tested_in_a_fixed_order_as_mapie_does():
    from mapie.risk_control.fwer_control import control_fwer

    rng = np.random.default_rng(2)
    edges, rates = np.array([0.7, 0.8, 0.9]), [(1.0, 1.0, 1.0), (1.0, 0.6, 1.0), (0.5, 1.0, 1.0)]
    for of_bands in rates:
        band = np.repeat([0, 1, 2], 400)
        test = calls(edges[band], rng.random(1_200) < np.array(of_bands)[band])
        promises = grade_promises(test, MINUTE_MS)
        p_values = np.array([promise.p_value for promise in promises])
        passed = control_fwer(p_values, LEVEL, fwer_method="fixed_sequence")
        assert [p.certified for p in promises] == [number in passed for number in range(3)]
        assert [p.grade for p in promises] == ["B", "A", "A+"]


def test_a_promise_without_calls_or_with_few_says_so():
    none, few, _ = grade_promises(calls(np.full(9, 0.8), np.ones(9, bool)), MINUTE_MS)

    assert (none.certified, none.hit_rate, none.reason) == (False, None, "it has no calls")
    assert not few.certified
    assert few.reason == "9 blocks of time have calls, fewer than 11 can certify nothing"


def test_calls_that_share_an_outcome_count_once():
    confidence, hits = np.full(12, 0.7), np.arange(12) > 1

    once, often = (grade_promises(calls(confidence, hits, n), MINUTE_MS)[0] for n in (1, 50))

    assert (once.calls, often.calls) == (12, 600)
    assert (often.blocks, often.p_value) == (once.blocks, once.p_value)
    assert not often.certified


def test_neutral_calls_are_not_promised():
    test = calls(np.full(400, 0.7), np.ones(400, bool))
    neutral = test.probabilities[:, [0, 2, 1]]

    promises = grade_promises(
        StitchedRows(
            neutral, neutral, test.classes, test.forward, test.funding, test.times, folds=3
        ),
        MINUTE_MS,
    )

    assert [promise.calls for promise in promises] == [0, 0, 0]


def test_a_broken_promise_is_certified_no_more_often_than_the_level_says():
    rng, wrong = np.random.default_rng(0), 0
    for _ in range(300):
        wrong += certified(calls(np.full(200, 0.7), rng.random(200) < 0.65))[0]

    assert wrong <= 300 * LEVEL


def test_a_kept_promise_is_certified_with_enough_outcomes():
    rng = np.random.default_rng(0)

    assert certified(calls(np.full(600, 0.74), rng.random(600) < 0.74)) == [True, False, False]
