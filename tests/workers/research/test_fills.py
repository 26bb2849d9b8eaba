"""Fills: next open, all costs, partial, liquidated; the compiled engine equals the plain one."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.research import PerformanceSpec
from schemas.timeframes import HOUR_MS
from tests.fakes.random_bars import START_MS, bars_of, random_bars
from workers.research.fills import FillModel, FillsRejected, simulate
from workers.research.reference import liquidation_price, replayed_marks
from workers.research.reference_records import ReferenceAccount

FREE = FillModel(taker_fee=0.0, slippage=0.0, equity=1000.0)
SUMS = ("units", "entry_price", "exit_price", "fees", "slippage", "funding", "pnl")

seeds = st.integers(0, 2**32 - 1)
models = st.builds(
    FillModel,
    taker_fee=st.sampled_from([0.0, 0.0005, 0.003]),
    slippage=st.sampled_from([0.0, 0.0001, 0.002]),
    leverage=st.sampled_from([0.5, 1.0, 3.0, 20.0]),
    participation=st.sampled_from([None, 0.01, 0.2, 1.0]),
    equity=st.sampled_from([100.0, 10_000.0]),
    funding=st.booleans(),
)


def decisions(seed, count, sizes=(-1.0, -0.5, 0.0, 0.3, 1.0)):
    """Targets that are kept for a while."""
    rng = np.random.default_rng(seed + 1)
    runs = rng.choice(sizes, count)
    return np.repeat(runs, rng.integers(1, 6, count))[:count]


def test_a_decision_is_filled_at_the_next_open_with_slippage_and_fee():
    bars = bars_of([100.0, 100.0, 110.0, 120.0], open=np.array([100.0, 101.0, 102.0, 119.0]))
    model = FillModel(taker_fee=0.001, slippage=0.01, equity=1000.0)

    fills = simulate(bars, np.array([1.0, 1.0, 0.0, 0.0]), model)

    bought, sold = 101.0 * 1.01, 119.0 * 0.99
    units = 1000.0 / bought
    fees = 0.001 * units * (bought + sold)
    (trade,) = fills.trades
    assert trade["entry_price"] == pytest.approx(bought, rel=1e-12)
    assert trade["exit_price"] == pytest.approx(sold, rel=1e-12)
    assert trade["entry_time_ms"] == START_MS + HOUR_MS
    assert trade["exit_time_ms"] == START_MS + 3 * HOUR_MS
    assert trade["bars_held"] == 2
    assert fills.fees_paid == pytest.approx(fees, rel=1e-12)
    assert fills.slippage_paid == pytest.approx(units * 0.01 * (101.0 + 119.0), rel=1e-12)
    assert fills.equity == pytest.approx(
        [
            1000.0,
            1000.0 - 1.0 + units * (100.0 - bought),
            1000.0 - 1.0 + units * (110.0 - bought),
            1000.0 + units * (sold - bought) - fees,
        ],
        rel=1e-12,
    )
    assert fills.traded == pytest.approx(
        [0.0, 1.0, 0.0, units * sold / (999.0 + units * (119.0 - bought))]
    )


def test_the_last_decision_is_never_filled_and_an_open_trade_is_marked_not_closed():
    bars = bars_of([100.0, 100.0, 110.0])

    fills = simulate(bars, np.array([0.0, 1.0, -1.0]), FREE)

    (trade,) = fills.trades
    assert trade["open"]
    assert trade["exit_price"] == 110.0
    assert trade["exit_time_ms"] == START_MS + 3 * HOUR_MS
    assert fills.position.tolist() == [0.0, 0.0, 10.0]
    assert len(fills.closed) == 0


def test_a_target_that_stays_is_not_resized():
    fills = simulate(bars_of([100.0, 100.0, 150.0, 50.0, 80.0]), np.ones(5), FREE)

    assert fills.position.tolist() == [0.0, 10.0, 10.0, 10.0, 10.0]


@settings(max_examples=150, deadline=None)
@given(seed=seeds, count=st.integers(1, 60), model=models)
def test_compiled_and_plain_engine_agree(seed, count, model):
    bars = random_bars(seed, count)
    target = decisions(seed, count)

    fills, marks = simulate(bars, target, model), replayed_marks(bars, target, model)

    scale = model.equity
    assert fills.equity == pytest.approx([m.equity for m in marks], rel=1e-9, abs=1e-9 * scale)
    assert fills.position == pytest.approx([m.units for m in marks], rel=1e-9, abs=1e-9)
    assert fills.traded == pytest.approx([m.traded for m in marks], rel=1e-9, abs=1e-9)
    assert fills.liquidated_at == marks[-1].liquidated_at_ms
    assert_trades_agree(fills, marks, bars)


def assert_trades_agree(fills, marks, bars):
    closed = [trade for mark in marks for trade in mark.closed]
    held = [] if marks[-1].trade is None else [marks[-1].trade]
    assert len(fills.trades) == len(closed) + len(held)
    for row, trade in zip(fills.trades, closed + held, strict=True):
        left = abs(marks[-1].units) if trade in held else 0.0
        exited = trade.exited + left
        exited_for = trade.exited_for + left * bars.close[-1]
        expected = {
            "units": trade.units,
            "entry_price": trade.entered_for / trade.units,
            "exit_price": exited_for / exited,
            "fees": trade.fees,
            "slippage": trade.slippage,
            "funding": trade.funding,
            "pnl": trade.side * (exited_for - trade.entered_for) - trade.fees - trade.funding,
        }
        for name in SUMS:
            assert row[name] == pytest.approx(expected[name], rel=1e-9, abs=1e-7), name
        last = len(bars) if trade in held else trade.last_bar
        assert row["bars_held"] == last - trade.entry_bar
        assert row["side"] == trade.side
        assert row["entry_time_ms"] == trade.entry_time_ms
        assert row["exit_time_ms"] == (trade.exit_time_ms or bars.close_time_ms[-1])
        assert bool(row["open"]) == (trade in held)
        assert bool(row["liquidated"]) == trade.liquidated


@settings(max_examples=100, deadline=None)
@given(seed=seeds, count=st.integers(2, 60), model=models, data=st.data())
def test_a_shorter_history_has_the_same_past(seed, count, model, data):
    bars, target = random_bars(seed, count), decisions(seed, count)
    cut = data.draw(st.integers(1, count - 1))

    whole, part = simulate(bars, target, model), simulate(bars[:cut], target[:cut], model)

    assert np.array_equal(whole.equity[:cut], part.equity)
    assert np.array_equal(whole.position[:cut], part.position)


@settings(max_examples=100, deadline=None)
@given(seed=seeds, count=st.integers(3, 40), data=st.data())
def test_a_fill_sees_nothing_of_its_own_bar_but_the_open(seed, count, data):
    bars, target = random_bars(seed, count, deviation=0.005), decisions(seed, count)
    at = data.draw(st.integers(1, count - 1))
    wild = bars_with(bars, at, high=bars.high * 1.2, low=bars.low * 0.8, close=bars.open * 1.1)

    model = FillModel()
    usual, other = simulate(bars, target, model), simulate(wild, target, model)

    assert usual.liquidated_at is None
    assert np.array_equal(usual.position[: at + 1], other.position[: at + 1])
    assert np.array_equal(usual.traded[: at + 1], other.traded[: at + 1])


@settings(max_examples=100, deadline=None)
@given(seed=seeds, count=st.integers(3, 40), data=st.data())
def test_the_decision_of_a_bar_moves_nothing_before_the_next_open(seed, count, data):
    bars, target = random_bars(seed, count), decisions(seed, count)
    at = data.draw(st.integers(0, count - 1))
    changed = target.copy()
    changed[at:] = -target[at:] + 0.7

    usual = simulate(bars, target, FillModel(leverage=3.0))
    other = simulate(bars, changed, FillModel(leverage=3.0))

    assert np.array_equal(usual.equity[: at + 1], other.equity[: at + 1])


def bars_with(bars, at, **columns):
    """The bars with one row of some columns changed."""
    changed = {}
    for name, values in columns.items():
        changed[name] = getattr(bars, name).copy()
        changed[name][at] = values[at]
    return dataclasses.replace(bars, **changed)


@settings(max_examples=100, deadline=None)
@given(seed=seeds, count=st.integers(2, 60), fee=st.floats(0, 0.01), slippage=st.floats(0, 0.01))
def test_fees_and_slippage_never_help(seed, count, fee, slippage):
    bars = random_bars(seed, count, odd=False, deviation=0.01)
    target = decisions(seed, count, sizes=(-1.0, 0.0, 1.0))

    free = simulate(bars, target, FillModel(taker_fee=0.0, slippage=0.0))
    paid = simulate(bars, target, FillModel(taker_fee=fee, slippage=slippage))

    assert paid.equity[-1] <= free.equity[-1] * (1 + 1e-12)


@settings(max_examples=100, deadline=None)
@given(seed=seeds, count=st.integers(2, 60), model=models)
@example(0, 28, FillModel(0.0005, 0.0, leverage=20.0, participation=0.2, equity=100.0))
def test_trades_add_up_to_what_the_account_gained(seed, count, model):
    fills = simulate(random_bars(seed, count), decisions(seed, count), model)

    gained = fills.equity[-1] - model.equity
    assert fills.trades["pnl"].sum() == pytest.approx(gained, rel=1e-9, abs=1e-7 * model.equity)
    assert 0.0 <= fills.unfilled <= 1.0


def funded(rates, **columns):
    rate = np.array([np.nan if r is None else r for r in rates])
    flat = [100.0] * len(rates)
    return bars_of(flat, funding_rate=rate, funding_known=True, **columns)


def test_funding_is_paid_on_the_position_held_when_its_stamp_comes():
    # Filled at the open of bar 1, sold at the open of bar 3: the stamps of bars 2 and 3 come while
    # it is held, that of bar 1 at the very moment of the purchase does not.
    bars = funded([0.01, 0.02, 0.03, 0.04, 0.05], mark=np.full(5, 101.0))
    target = np.array([1.0, 1.0, 0.0, 0.0, 0.0])

    long, short = simulate(bars, target, FREE), simulate(bars, -target, FREE)

    assert long.funding_paid == pytest.approx(10.0 * 101.0 * (0.03 + 0.04))
    assert long.equity.tolist() == pytest.approx([1000.0, 969.7, 929.3, 929.3, 929.3])
    assert short.funding_paid == pytest.approx(-long.funding_paid)
    assert long.funding_note == ""


def test_funding_is_paid_at_the_mark_and_the_close_stands_in_with_a_note():
    bars = funded([None, None, 0.01, 0.01], mark=np.array([np.nan, 90.0, np.nan, np.nan]))

    fills = simulate(bars, np.ones(4), FREE)

    assert fills.funding_paid == pytest.approx(10.0 * 0.01 * (90.0 + 100.0))
    assert fills.funding_note == "settlements valued at the close for want of a mark: 1"


def test_a_settlement_that_takes_the_margin_liquidates_there_and_then():
    # 500 units at 100 on 1,000: the rate takes 1,050.
    bars = funded([None, None, 0.021, None], open=np.array([100.0, 100.0, 105.0, 105.0]))
    bars = bars_with(bars, 2, high=np.full(4, 105.0))
    bars = bars_with(bars, 3, high=np.full(4, 105.0))
    model = dataclasses.replace(FREE, leverage=50.0)

    fills, marks = simulate(bars, np.ones(4), model), replayed_marks(bars, np.ones(4), model)

    assert fills.equity.tolist() == [1000.0, 0.0, 0.0, 0.0] == [m.equity for m in marks]
    assert fills.liquidated_at == START_MS + 2 * HOUR_MS == marks[-1].liquidated_at_ms
    (trade,) = fills.trades
    assert trade["liquidated"]
    assert trade["funding"] == pytest.approx(1050.0)
    assert trade["pnl"] == pytest.approx(-1000.0)


def test_a_settlement_is_checked_at_the_mark():
    # 1,000 - 800 of funding leave 200 at a close of 100; at a mark of 99 nothing is left.
    bars = funded([None, None, 0.016, None], mark=np.array([np.nan, 99.0, np.nan, np.nan]))
    model = dataclasses.replace(FREE, leverage=50.0, maintenance_margin=0.0)
    spared = bars_with(bars, 1, mark=np.full(4, 99.9))

    assert simulate(bars, np.ones(4), model).liquidated_at == START_MS + 2 * HOUR_MS
    assert simulate(spared, np.ones(4), model).liquidated_at is None


@pytest.mark.parametrize("after", [0.0, -1.0])
@pytest.mark.parametrize("side", [1.0, -1.0])
def test_an_exit_that_costs_more_than_the_account_holds_takes_all_of_it_and_no_more(side, after):
    moved = 100.0 - 4.0 * side
    bars = bars_of([100.0, 100.0, 100.0, moved], open=np.array([100.0, 100.0, moved, moved]))
    model = FillModel(
        taker_fee=0.001, slippage=0.005, leverage=20.0, maintenance_margin=0.0, equity=1000.0
    )
    target = side * np.array([1.0, after, after, after])  # flat, or to the other side

    fills, marks = simulate(bars, target, model), replayed_marks(bars, target, model)

    assert fills.equity[2:].tolist() == [0.0, 0.0] == [m.equity for m in marks[2:]]
    assert fills.liquidated_at == START_MS + 2 * HOUR_MS == marks[-1].liquidated_at_ms
    (trade,) = fills.trades
    assert trade["liquidated"]
    assert trade["pnl"] == pytest.approx(-1000.0)
    assert_trades_agree(fills, marks, bars)


wild_models = st.builds(
    FillModel,
    taker_fee=st.sampled_from([0.0, 0.001, 0.05]),
    slippage=st.sampled_from([0.0, 0.005, 0.1]),
    leverage=st.sampled_from([1.0, 20.0, 50.0, 125.0]),
    participation=st.sampled_from([None, 0.001, 0.2]),
    maintenance_margin=st.sampled_from([0.0, 0.004]),
    equity=st.sampled_from([1.0, 10_000.0]),
)


@settings(max_examples=300, deadline=None)
@given(
    seed=seeds,
    count=st.integers(2, 60),
    model=wild_models,
    deviation=st.sampled_from([0.002, 0.02, 0.2]),
    rates=st.sampled_from([0.0, 0.01, 0.5]),
)
def test_equity_of_an_isolated_account_is_never_below_0(seed, count, model, deviation, rates):
    rng = np.random.default_rng(seed)
    bars = random_bars(seed, count, deviation=deviation)
    far = bars.mark * np.exp(rng.normal(0.0, deviation, count))  # the mark parts from the price
    due = rng.normal(0.0, rates, count) * bars.close
    bars = dataclasses.replace(bars, mark=far, funding_due=due)
    target = decisions(seed, count)

    fills, marks = simulate(bars, target, model), replayed_marks(bars, target, model)

    assert (fills.equity >= 0.0).all()
    assert np.isfinite(fills.traded).all()
    assert (fills.traded >= 0.0).all()
    assert fills.equity == pytest.approx([m.equity for m in marks], rel=1e-9, abs=1e-6)
    assert fills.liquidated_at == marks[-1].liquidated_at_ms
    assert_trades_agree(fills, marks, bars)
    gained = fills.equity[-1] - model.equity
    assert fills.trades["pnl"].sum() == pytest.approx(gained, rel=1e-9, abs=1e-7 * model.equity)
    assert fills.trades["liquidated"].any() == (fills.liquidated_at is not None)


def test_unknown_funding_is_said():
    fills = simulate(bars_of([100.0, 100.0]), np.ones(2), FREE)

    assert fills.funding_paid == 0.0
    assert "no funding rates are known" in fills.funding_note


def test_an_account_is_liquidated_where_the_formula_says():
    model = dataclasses.replace(FREE, leverage=10.0)
    account = ReferenceAccount(wallet=1000.0, units=100.0, mean_price=100.0)
    price = liquidation_price(account, 0.004)
    assert price == pytest.approx((1000.0 - 100.0 * 100.0) / (100.0 * 0.004 - 100.0))  # 90.3614

    def lowest(low):
        bars = bars_of([100.0] * 4, low=np.array([100.0, 100.0, low, 100.0]))
        return simulate(bars, np.ones(4), model)

    spared, gone = lowest(price + 1e-6), lowest(price - 1e-6)

    assert spared.liquidated_at is None
    assert spared.equity[-1] == 1000.0
    assert gone.liquidated_at == START_MS + 3 * HOUR_MS
    assert gone.equity.tolist() == [1000.0, 1000.0, 0.0, 0.0]
    assert gone.position.tolist() == [0.0, 100.0, 0.0, 0.0]
    (trade,) = gone.trades
    assert trade["liquidated"]
    assert trade["pnl"] == pytest.approx(-1000.0)


def test_a_short_is_liquidated_by_a_rise_even_without_leverage():
    bars = bars_of([100.0] * 4, high=np.array([100.0, 100.0, 199.5, 100.0]))

    fills = simulate(bars, np.full(4, -1.0), FREE)

    assert fills.liquidated_at == START_MS + 3 * HOUR_MS


def test_the_mark_decides_over_liquidation_where_it_is_known():
    low = np.array([100.0, 100.0, 50.0, 100.0])
    bars = bars_of([100.0] * 4, low=low, mark_low=np.full(4, 98.0), mark_high=np.full(4, 101.0))

    fills = simulate(bars, np.ones(4), dataclasses.replace(FREE, leverage=10.0))

    assert fills.liquidated_at is None


def test_a_gap_beyond_the_margin_is_liquidated_at_the_open_and_loses_no_more_than_all():
    bars = bars_of([100.0, 100.0, 70.0, 70.0], open=np.array([100.0, 100.0, 70.0, 70.0]))
    target = np.array([1.0, 0.0, 0.0, 0.0])  # wanted out at that very open

    fills = simulate(bars, target, dataclasses.replace(FREE, leverage=10.0))

    assert fills.liquidated_at == START_MS + 2 * HOUR_MS
    assert fills.equity[-1] == 0.0


def test_a_large_order_is_filled_bar_by_bar_and_given_up_when_the_target_changes():
    bars = bars_of([100.0] * 8, volume=np.full(8, 40.0))
    model = dataclasses.replace(FREE, participation=0.1)
    target = np.array([1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0])

    fills = simulate(bars, target, model)

    assert fills.position.tolist() == [0.0, 4.0, 8.0, 4.0, 0.0, 0.0, 4.0, 8.0]
    assert fills.unfilled == pytest.approx(1 - (8 + 8 + 8) / (10 + 8 + 10))
    assert fills.trades["units"].tolist() == [8.0, 8.0]


def test_a_bar_without_volume_fills_nothing_and_the_order_is_sized_when_it_can_fill():
    bars = bars_of([100.0, 100.0, 200.0, 200.0], volume=np.array([1.0, 0.0, 0.0, 500.0]))

    fills = simulate(bars, np.ones(4), FREE)

    assert fills.position.tolist() == [0.0, 0.0, 0.0, 5.0]


def test_buying_and_holding_earns_the_price():
    bars = random_bars(7, 500, odd=False)

    fills = simulate(bars, np.ones(500), FREE)

    assert fills.equity[-1] / 1000.0 == pytest.approx(bars.close[-1] / bars.open[1], rel=1e-12)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (np.ones(3), r"shape \(3,\), expected \(2,\)"),
        (np.array([0.0, np.nan]), "row 2 is nan, expected a finite number"),
    ],
)
def test_decisions_that_cannot_be_used_are_refused(target, message):
    with pytest.raises(FillsRejected, match=message):
        simulate(bars_of([100.0, 100.0]), target, FREE)


@pytest.mark.parametrize(
    "given", [{"taker_fee": -0.1}, {"leverage": 0.0}, {"participation": 1.5}, {"equity": np.inf}]
)
def test_an_impossible_model_is_refused_by_name(given):
    with pytest.raises(FillsRejected, match=next(iter(given))):
        FillModel(**given)


def test_a_request_becomes_a_model():
    spec = PerformanceSpec(
        symbol="BTCUSDT", window=10, signal=1.0, fee_bps=4.0, slippage_bps=2.0, leverage=3.0
    )

    assert FillModel.of(spec, 0.1) == FillModel(0.0004, 0.0002, 3.0, 0.1)
