"""What a signal is expected to earn: its side of the tables, less costs and funding that is due."""

from __future__ import annotations

import pytest

from schemas.predictions import ExpectedReturns, ReturnBounds
from schemas.signals import Signal
from schemas.timeframes import HOUR_MS, MINUTE_MS
from streams.costs import DEFAULT_COSTS, settlements_due
from streams.runtime.memory_driver import replay
from streams.signals.net_return import expected_net_return
from streams.signals.processor import PROCESSOR
from tests.build import close_time, config_effective, prediction
from tests.narrow import all_are

EXPECTED = ExpectedReturns(
    long=ReturnBounds(mean=0.002, low=0.001, high=0.004),
    short=ReturnBounds(mean=-0.002, low=-0.004, high=-0.001),
)
COST = DEFAULT_COSTS.round_trip
SELL = (0.9, 0.05, 0.05)


def with_funding(minute=0, stamp=None, rate=0.001, **fields):
    bare = prediction(minute, expected_return=EXPECTED, **fields)
    context = bare.context.model_copy(update={"funding_time_ms": stamp, "funding_rate": rate})
    return bare.model_copy(update={"context": context})


def test_a_signal_expects_the_return_of_its_direction_after_costs():
    (buy,) = all_are(Signal, replay([PROCESSOR], [prediction(expected_return=EXPECTED)]))
    (sell,) = all_are(
        Signal, replay([PROCESSOR], [prediction(probabilities=SELL, expected_return=EXPECTED)])
    )

    assert buy.expected_net_return == ReturnBounds(
        mean=0.002 - COST, low=0.001 - COST, high=0.004 - COST
    )
    assert sell.expected_net_return is not None
    assert sell.expected_net_return.mean == pytest.approx(-0.002 - COST)


def test_a_config_says_what_its_trades_cost():
    config = config_effective(policy={"taker_fee": 0.0, "slippage": 0.0})

    (signal,) = all_are(Signal, replay([PROCESSOR], [config, prediction(expected_return=EXPECTED)]))

    assert signal.expected_net_return == EXPECTED.long


def test_a_neutral_signal_and_a_model_without_tables_expect_nothing():
    neutral = prediction(probabilities=(0.1, 0.8, 0.1), expected_return=EXPECTED)

    assert expected_net_return(neutral, "neutral", COST, None) is None
    assert expected_net_return(prediction(), "buy", COST, None) is None


@pytest.mark.parametrize(
    ("stamp", "interval", "span", "count"),
    [(0, 8, (0, 8), 1), (0, 8, (0, 7), 0), (0, 8, (8, 15), 0), (0, 8, (8, 16), 1),
     (0, 8, (7, 24), 3), (0, None, (1, 23), 2), (0, 4, (1, 23), 5), (5, 8, (4, 12), 0),
     (5, 8, (4, 13), 1), (0, 1, (3, 3), 0)],
)  # fmt: skip
def test_settlements_are_due_after_the_entry_until_the_end(stamp, interval, span, count):
    hours = None if interval is None else interval * HOUR_MS

    assert settlements_due(stamp * HOUR_MS, hours, *(at * HOUR_MS for at in span)) == count


def test_a_long_pays_the_funding_that_is_due_and_a_short_receives_it():
    due = close_time(0) - 8 * HOUR_MS + 5 * MINUTE_MS  # the next settlement is in five minutes
    past = close_time(0) - MINUTE_MS  # the next one is after the horizon

    long = expected_net_return(with_funding(stamp=due), "buy", COST, None)
    short = expected_net_return(with_funding(stamp=due), "sell", COST, None)
    later = expected_net_return(with_funding(stamp=past), "buy", COST, None)

    assert long is not None
    assert short is not None
    assert later is not None
    assert long.mean == pytest.approx(0.002 - COST - 0.001)
    assert short.mean == pytest.approx(-0.002 - COST + 0.001)
    assert later.mean == pytest.approx(0.002 - COST)


def test_the_interval_of_funding_is_that_of_the_last_two_settlements():
    hour = close_time(0) - 50 * MINUTE_MS
    stamps = [hour, hour + HOUR_MS]  # from the eleventh minute on the second has settled

    def signals(*predictions):
        return all_are(Signal, replay([PROCESSOR], predictions))

    first = with_funding(0, stamp=stamps[0])
    early, later = signals(first, with_funding(60, stamp=stamps[1]))
    assert early.expected_net_return is not None
    assert later.expected_net_return is not None
    assert early.expected_net_return.mean == pytest.approx(0.002 - COST)  # as if in eight hours
    assert later.expected_net_return.mean == pytest.approx(0.002 - COST - 0.001)  # in ten minutes
    gap = with_funding(60, stamp=stamps[1])
    holed = gap.model_copy(update={"context": gap.context.model_copy(update={"bars_missing": 59})})
    _, unsure = signals(first, holed)
    assert unsure.expected_net_return == early.expected_net_return
