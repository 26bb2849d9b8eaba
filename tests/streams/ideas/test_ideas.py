"""Ideas: entered at the next open, one at a time, left at the first exit, each with its result."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.ideas import IdeaEvent, SuppressedTotals
from schemas.predictions import ReturnBounds
from schemas.signals import Signal
from schemas.timeframes import MINUTE_MS
from schemas.trades import TradeResult
from streams.costs import DEFAULT_COSTS
from streams.ideas.processor import PROCESSOR, IdeasState, step
from streams.processor import RecordRejected
from streams.runtime.memory_driver import replay
from tests.build import close_time, market_context, signal

COST = DEFAULT_COSTS.round_trip
STOP, TARGET = 99.0, 102.0


def seen(minute: int, decision: str | None = "neutral", **fields: Any) -> Signal:
    """A signal whose bar stays at 100 unless told otherwise."""
    prices = {"open": 100.0, "high": 100.5, "low": 99.5, "close": 100.0}
    told = {name: fields.pop(name) for name in tuple(fields) if name in MARKET}
    sell = fields.get("direction") == "sell"
    defaults = {
        "decision": decision,
        "direction": "neutral" if decision == "neutral" else "buy",
        "context": market_context(**(prices | told)),
        "invalidation_price": TARGET - 1 if sell else STOP,
        "target_price": STOP - 1 if sell else TARGET,
        "expected_net_return": ReturnBounds(mean=0.004, low=0.003, high=0.005),
        "expires_ms": close_time(minute + 5),
    }
    return signal(minute, **(defaults | fields))


MARKET = set(type(market_context()).model_fields)


def told(signals) -> list[IdeaEvent]:
    return [r for r in replay([PROCESSOR], signals) if isinstance(r, IdeaEvent)]


def results(signals) -> list[TradeResult]:
    return [r for r in replay([PROCESSOR], signals) if isinstance(r, TradeResult)]


def suppressed(signals) -> SuppressedTotals:
    return [r for r in replay([PROCESSOR], signals) if isinstance(r, SuppressedTotals)][-1]


def quiet(*minutes: int) -> list[Signal]:
    return [seen(minute) for minute in minutes]


def test_an_idea_is_decided_at_a_close_and_entered_at_the_next_open():
    decided, opened = told([seen(0, "act"), seen(1, open=100.25)])

    assert (decided.action, decided.entry_price, decided.event_time_ms) == (
        "decided",
        None,
        close_time(0),
    )
    assert (opened.action, opened.entry_price) == ("opened", 100.25)
    assert (opened.opened_ms, opened.event_time_ms) == (close_time(0), close_time(1))
    assert opened.risk == pytest.approx((100.25 - STOP) / 100.25)
    assert opened.idea_id == decided.idea_id


@pytest.mark.parametrize(
    ("bar", "reason", "price", "closed_ms"),
    [
        ({"high": 102.5}, "target", TARGET, close_time(2)),
        ({"low": 98.5}, "invalidation", STOP, close_time(2)),
        ({"high": 102.5, "low": 98.5}, "invalidation", STOP, close_time(2)),
        ({"open": 98.0, "low": 97.0}, "invalidation", 98.0, close_time(1)),
        ({"open": 103.0, "high": 104.0}, "target", 103.0, close_time(1)),
    ],
    ids=["target", "stop", "both touched", "gap beyond the stop", "gap beyond the target"],
)
def test_it_is_left_at_the_first_level_that_a_bar_meets_the_stop_first(
    bar, reason, price, closed_ms
):
    closed = told([seen(0, "act"), seen(1), seen(2, **bar)])[-1]

    assert (closed.action, closed.exit_reason) == ("closed", reason)
    assert (closed.exit_price, closed.closed_ms) == (price, closed_ms)


def test_the_bar_of_the_entry_may_end_it():
    assert [e.action for e in told([seen(0, "act"), seen(1, low=98.0)])] == [
        "decided",
        "opened",
        "closed",
    ]


def test_the_horizon_ends_it_at_the_close_of_its_last_bar():
    closed = told([seen(0, "act"), *quiet(1, 2, 3, 4), seen(5, close=100.4)])[-1]

    assert (closed.exit_reason, closed.exit_price) == ("horizon", 100.4)
    assert closed.closed_ms == closed.expires_ms == close_time(5)


def test_a_decision_for_the_other_side_ends_it_at_the_open_where_the_other_one_enters():
    events = told([seen(0, "act"), seen(1), seen(2, "act", direction="sell"), seen(3, open=100.1)])

    closed, opened = events[-2:]
    assert (closed.exit_reason, closed.exit_price, closed.side) == ("reversal", 100.1, "buy")
    assert (opened.action, opened.entry_price, opened.side) == ("opened", 100.1, "sell")
    assert closed.closed_ms == opened.opened_ms == close_time(2)


def test_a_second_signal_of_the_same_side_opens_none_while_one_runs():
    signals = [seen(0, "act"), seen(1, "act"), seen(2, "act")]

    assert {event.idea_id for event in told(signals)} == {told(signals)[0].idea_id}
    assert suppressed(signals).reasons == {"open": 2}
    assert suppressed(signals).decided == 1


@pytest.mark.parametrize("minutes", [(0, 2), (0, 1, 3)], ids=["before the entry", "after it"])
def test_what_an_idea_came_to_across_a_hole_is_unknown_and_no_result(minutes):
    signals = [seen(minutes[0], "act"), *quiet(*minutes[1:])]

    closed = told(signals)[-1]

    assert (closed.action, closed.exit_reason) == ("closed", "unknown")
    assert (closed.exit_price, closed.net_return) == (None, None)
    assert results(signals) == []


def test_a_bar_without_extremes_leaves_it_unknown():
    closed = told([seen(0, "act"), seen(1), seen(2, high=None, low=None)])[-1]

    assert closed.exit_reason == "unknown"


def test_a_result_is_after_costs_and_the_funding_of_settlements_that_it_was_held_at():
    funding: dict[str, Any] = {"funding_rate": 0.001}
    signals = [
        seen(0, "act", funding_time_ms=close_time(0), round_trip_cost=0.002, **funding),
        seen(1, funding_time_ms=close_time(1), **funding),
        seen(2, funding_time_ms=close_time(2), high=102.5, **funding),
    ]

    (result,) = results(signals)

    assert result.funding == 0.001  # of the first bar alone: it had ended before the second close
    assert result.gross_return == pytest.approx(0.02)
    assert result.net_return == pytest.approx(0.02 - 0.002 - 0.001)
    assert result.r_multiple == pytest.approx(result.net_return / 0.01)
    assert (result.kind, result.trade_id) == ("paper", result.idea_id)
    assert result.grounds is not None
    assert result.grounds.signal_id == signals[0].signal_id


def test_excursions_count_what_was_surely_reached_before_the_end():
    bars = [seen(1, low=99.4), seen(2, high=101.0), seen(3, high=102.5, low=99.1)]

    (result,) = results([seen(0, "act"), *bars])

    assert result.adverse_excursion == pytest.approx(0.006)
    assert result.favourable_excursion == pytest.approx(0.02)


def test_an_entry_beyond_its_stop_has_no_risk_and_so_no_multiple_of_it():
    closed = told([seen(0, "act"), seen(1, open=98.5, low=98.0)])[-1]

    assert (closed.risk, closed.r_multiple) == (None, None)
    assert closed.net_return == pytest.approx(-COST)


def test_the_totals_count_each_signal_once_by_its_reason():
    decisions = ["neutral", "edge", "edge", "act", "data"]

    totals = suppressed([seen(minute, each) for minute, each in enumerate(decisions)])

    assert totals.reasons == {"neutral": 1, "edge": 2, "data": 1}
    assert (totals.reason, totals.from_ms, totals.event_time_ms) == (
        "data",
        close_time(0),
        close_time(4),
    )


def test_a_signal_of_an_older_release_moves_ideas_and_is_not_counted():
    records = replay([PROCESSOR], [seen(0, "act"), seen(1, None), seen(2, None, high=102.5)])

    assert [type(record) for record in records] == [IdeaEvent, IdeaEvent, IdeaEvent, TradeResult]


@pytest.mark.parametrize(
    "lacks",
    [
        {"direction": "neutral"},
        {"invalidation_price": None},
        {"target_price": None},
        {"invalidation_price": -1.0},
        {"target_price": 0.0},
        {"expected_net_return": None},
    ],
    ids=str,
)
def test_a_decision_without_what_it_promises_is_refused(lacks):
    with pytest.raises(RecordRejected, match="without a side, levels above 0"):
        step(IdeasState(), seen(0, "act", **lacks))


def test_a_return_that_no_number_holds_is_refused():
    state, _ = step(IdeasState(), seen(0, "act", invalidation_price=1e-310, target_price=1e300))

    with pytest.raises(RecordRejected, match="no finite return"):
        step(state, seen(1, open=1e-300, low=1e-300, high=1e308))


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(-6, 6), min_size=8, max_size=40))
def test_what_is_written_and_kept_is_what_validation_would_make_of_it(steps):
    state = IdeasState()
    for each in walk_of(steps):
        state, outputs = step(state, each)
        for record in (state, *outputs):
            again = type(record).decode(record.encode())
            assert again == record
            assert list(record.__dict__) == list(type(record).model_fields)


def walk_of(steps: list[int]) -> list[Signal]:
    """Bars of a random walk; every third one says buy or sell, in turns of its steps."""
    prices = 100.0 + np.cumsum([0, *steps]) / 10
    signals = []
    for minute, (opened, closed) in enumerate(pairwise(prices)):
        says = "sell" if steps[minute] % 2 else "buy"
        level = 0.7 if says == "buy" else -0.7
        signals.append(
            seen(
                minute,
                "act" if minute % 3 == 0 else "edge",
                direction=says,
                open=opened,
                close=closed,
                high=max(opened, closed) + 0.1,
                low=min(opened, closed) - 0.1,
                invalidation_price=float(closed - level),
                target_price=float(closed + level),
                reference_price=float(closed),
            )
        )
    return signals


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-6, 6), min_size=8, max_size=60))
def test_ideas_never_overlap_and_end_where_a_search_through_all_bars_ends_them(steps):
    signals = walk_of(steps)
    at = {each.event_time_ms: place for place, each in enumerate(signals)}
    bars = np.array([[getattr(s.context, n) for n in ("open", "high", "low")] for s in signals])

    trades = results(signals)

    for before, after in pairwise(trades):
        assert before.closed_ms <= after.opened_ms
    for trade in trades:
        decision = at[trade.opened_ms]
        last = min(decision + 5, len(signals) - 1)
        path = bars[decision + 1 : last + 1]
        source = signals[decision]
        assert source.invalidation_price is not None
        assert source.target_price is not None
        buy = trade.side == "buy"
        worst, best = (path[:, 2], path[:, 1]) if buy else (-path[:, 1], -path[:, 2])
        sign = 1 if buy else -1
        stopped = np.flatnonzero(worst <= sign * source.invalidation_price)
        taken = np.flatnonzero(best >= sign * source.target_price)
        first_stop = stopped[0] if len(stopped) else len(path)
        first_take = taken[0] if len(taken) else len(path)
        assert trade.entry_price == path[0, 0]
        if trade.exit_reason in ("invalidation", "target"):
            expected = "invalidation" if first_stop <= first_take else "target"
            if path[min(first_stop, first_take), 0] * sign >= sign * source.target_price:
                expected = "target"
            assert trade.exit_reason == expected
        else:
            held = (trade.closed_ms - trade.opened_ms) // MINUTE_MS
            assert min(first_stop, first_take) >= held
