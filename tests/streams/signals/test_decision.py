"""Whether a signal may open an idea, and where it ranks among those before it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import percentileofscore

from schemas.configs import SignalPolicy
from schemas.predictions import ReturnBounds
from schemas.signals import Signal
from streams.runtime.memory_driver import replay
from streams.signals.decision import decide
from streams.signals.processor import PROCESSOR
from streams.signals.rank import FEWEST, WINDOW, ranked
from tests.build import (
    close_time,
    config_effective,
    expected_returns,
    market_context,
    prediction,
    signal,
)
from tests.narrow import all_are

GOOD = {
    "expected_net_return": ReturnBounds(mean=0.004, low=0.003, high=0.005),
    "invalidation_price": 99.0,
    "target_price": 102.0,
}


@pytest.mark.parametrize(
    ("fields", "policy", "decision"),
    [
        ({}, {}, "act"),
        ({"direction": "neutral"}, {}, "neutral"),
        ({"qualified": False}, {}, "unqualified"),
        ({"qualified": False}, {"qualified_only": False}, "act"),
        ({"grade": "B"}, {"least_grade": "A"}, "grade"),
        ({"grade": "A+"}, {"least_grade": "A"}, "act"),
        ({"expected_net_return": None}, {}, "no_tables"),
        ({}, {"min_edge": 0.003}, "edge"),
        ({}, {"min_edge": 0.0029}, "act"),
        ({"invalidation_price": None}, {}, "data"),
        ({"context": market_context(high=None)}, {}, "data"),
        ({"context": market_context(bars_missing=1)}, {}, "data"),
    ],
)
def test_a_signal_may_open_an_idea_or_says_what_is_against_it(fields, policy, decision):
    assert decide(signal(**(GOOD | fields)), SignalPolicy(**policy)) == decision


def test_the_config_of_its_bar_decides_about_a_signal():
    worth = prediction(expected_return=expected_returns(low=0.003))
    strict = config_effective(policy={"min_edge": 0.01})

    plain, judged = (
        all_are(Signal, replay([PROCESSOR], records))[0] for records in ([worth], [strict, worth])
    )

    assert (plain.decision, judged.decision) == ("act", "edge")


def signals_of(means: list[float], below: float) -> list[Signal]:
    """The signals of calls that earned ``means``, each with a lower bound so far below."""
    calls = [
        prediction(minute, expected_return=expected_returns(low=mean - below, mean=mean))
        for minute, mean in enumerate(means)
    ]
    return all_are(Signal, replay([PROCESSOR], calls))


@given(st.lists(st.sampled_from([0.002, 0.0025, 0.003, 0.005]), min_size=1, max_size=120))
def test_a_rank_is_the_mean_percentile_among_at_least_a_hundred_so_far(means):
    window, ranks = b"", []
    for mean in means:
        window, rank = ranked(window, mean)
        ranks.append(rank)

    assert ranks[: FEWEST - 1] == [None] * min(len(means), FEWEST - 1)
    assert ranks[FEWEST - 1 :] == pytest.approx(
        [
            percentileofscore(means[: n + 1], mean, kind="mean")
            for n, mean in enumerate(means)
            if n >= FEWEST - 1
        ]
    )


def test_a_signal_whose_lower_bound_is_not_above_0_has_no_rank_and_is_compared_with():
    *others, last = signals_of([0.002] * (FEWEST - 1) + [0.003], below=0.0015)

    assert {each.rank for each in others} == {None}
    assert last.rank == 100.0 - 50.0 / FEWEST


def test_signals_of_one_direction_in_a_row_tell_since_when():
    sell, buy = (0.9, 0.05, 0.05), (0.05, 0.05, 0.9)
    calls = [(0, buy), (1, buy), (2, sell), (3, sell), (5, sell)]

    row = all_are(Signal, replay([PROCESSOR], [prediction(m, each) for m, each in calls]))

    starts = [close_time(minute) for minute in (0, 0, 2, 2, 5)]
    assert [each.since_ms for each in row] == starts


def test_a_rank_looks_back_over_the_last_thousand():
    returns = np.random.default_rng(5).normal(size=1_500).astype("<f4")
    window = returns[:-1].tobytes()

    after, rank = ranked(window, float(returns[-1]))

    assert rank == pytest.approx(percentileofscore(returns[-WINDOW:], returns[-1], kind="mean"))
    assert after == returns[-WINDOW:].tobytes()
