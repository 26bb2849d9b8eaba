"""What a human made of ideas: trades beside their ideas, and ideas that were let pass."""

from __future__ import annotations

import numpy as np
import pytest

from schemas.timeframes import DAY_MS
from streams.evaluation.decisions import followed, passed
from streams.evaluation.trade_outcome import TradeOutcome
from tests.build import trade_result


def outcome(net_return, day=0, name="t"):
    return TradeOutcome.of_trade(
        trade_result(trade_id=name, net_return=net_return, closed_ms=(100 + day) * DAY_MS)
    )


def test_without_ideas_nothing_is_known():
    assert vars(followed([])) == {
        "trades": 0,
        "own_return": None,
        "idea_return": None,
        "difference": None,
        "difference_interval": None,
    }
    assert passed([]).net_return is None


def test_what_a_human_added_is_his_return_less_that_of_the_idea():
    pairs = [(outcome(0.03), outcome(0.01)), (outcome(-0.02, name="u"), outcome(0.01))]

    compared = followed(pairs)

    assert compared.trades == 2
    assert compared.own_return == pytest.approx(0.005)
    assert compared.difference == pytest.approx(-0.005)


def test_the_difference_is_judged_by_days():
    rng = np.random.default_rng(3)
    pairs = [
        (outcome(float(a), day, f"t{day}"), outcome(float(a) - 0.01, day))
        for day, a in enumerate(rng.normal(0.0, 0.02, 40))
    ]
    noise = [
        (outcome(float(a), day, f"t{day}"), outcome(float(b), day))
        for day, (a, b) in enumerate(rng.normal(0.0, 0.02, (40, 2)))
    ]

    assert followed(pairs).difference == pytest.approx(0.01)
    interval = followed(noise).difference_interval
    assert interval is not None
    assert interval.low < 0.0 < interval.high


def test_ideas_let_pass_are_winners_losers_or_neither():
    ideas = [outcome(0.02), outcome(-0.01), outcome(-0.04), outcome(0.0)]

    counted = passed(ideas)

    assert (counted.ideas, counted.winners, counted.losers) == (4, 1, 2)
    assert counted.net_return == pytest.approx(-0.0075)
