"""Costs: one place, fractions of notional, labels that a trade could have earned."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.costs import Costs, funding_paid, label_return, label_threshold


def test_round_trip_is_two_fees_and_two_slippages():
    assert Costs(taker_fee=0.0005, slippage=0.0001).round_trip == pytest.approx(0.0012)


def test_threshold_grows_with_the_root_of_the_horizon_and_never_falls_below_costs():
    costs = Costs()

    assert label_threshold(0.01, 16, 0.5, costs) == pytest.approx(0.02)
    assert label_threshold(1e-6, 16, 0.5, costs) == costs.round_trip


@given(st.floats(-0.9, 9.0), st.floats(1e-4, 0.5))
def test_label_is_symmetric_and_open_at_the_threshold(forward, threshold):
    expected = "buy" if forward > threshold else "sell" if forward < -threshold else "neutral"

    assert label_return(forward, threshold) == expected
    assert label_return(math.copysign(threshold, forward), threshold) == "neutral"


def test_longs_pay_a_positive_funding_rate_and_shorts_receive_it():
    assert funding_paid("buy", 0.0001) == 0.0001
    assert funding_paid("sell", 0.0001) == -0.0001
    assert funding_paid("neutral", 0.0001) == 0.0
