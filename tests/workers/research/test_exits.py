"""Exits in a back-test: engines agree trade for trade, and without any nothing has changed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.exits import NO_EXITS, Exits
from schemas.timeframes import HOUR_MS
from streams.exits import EXIT_REASONS
from tests.fakes.random_bars import START_MS, bars_of, random_bars
from tests.fakes.tick_bars import tick_bars
from tests.workers.research.test_fills import assert_trades_agree, decisions, models, seeds
from workers.bars.arrays import Bars
from workers.research.fills import DecidedExits, FillModel, simulate
from workers.research.reference import replayed_marks

FREE = FillModel(taker_fee=0.0, slippage=0.0, equity=1000.0)
FIELDS = (
    "entry_time_ms", "exit_time_ms", "side", "units", "entry_price", "exit_price", "fees",
    "slippage", "funding", "pnl", "bars_held", "open", "liquidated",
)  # fmt: skip

trailing: st.SearchStrategy[dict[str, float]] = st.just({}) | st.fixed_dictionaries(
    {
        "trailing_stop": st.sampled_from([0.005, 0.03, 0.125]),
        "trailing_offset": st.sampled_from([0.0, 0.01, 0.0625]),
    }
)
exit_sets = st.builds(
    lambda numbers, trail: Exits(**numbers, **trail),
    st.fixed_dictionaries(
        {},
        optional={
            "stoploss": st.sampled_from([-1.0, -0.125, -0.05, -0.01, -0.0001]),
            "roi_min": st.sampled_from([0.0001, 0.01, 0.0625, 0.25]),
            "hold_bars": st.sampled_from([1, 2, 7]),
            "minimal_roi": st.sampled_from(
                [{"0": 0.1, "120": 0.02, "300": 0.0}, {"60": 0.03}, {"0": 0.0}]
            ),
        },
    ),
    trailing,
)


@pytest.mark.parametrize(
    ("leverage", "participation", "trades", "digest"),
    [
        (1.0, None, 320, "5a1f280b2141a47f"),
        (0.5, 0.25, 294, "902fee50a4233464"),
        (8.0, None, 82, "e576d61a67544356"),
    ],
)
def test_without_exits_every_bit_of_a_back_test_is_what_it_was_before_there_were_any(
    leverage: float, participation: float | None, trades: int, digest: str
):
    bars, rng = tick_bars(3, 3000), np.random.default_rng(4)
    target = np.repeat(rng.integers(-4, 5, 3000) / 4, rng.integers(1, 9, 3000))[:3000]

    fills = simulate(bars, target, FillModel(leverage=leverage, participation=participation))

    sha = hashlib.sha256()
    columns = [fills.trades[name] for name in FIELDS]
    for values in (fills.equity, fills.position, fills.traded, *columns):
        sha.update(values.tobytes())
    assert len(fills.trades) == trades
    assert sha.hexdigest()[:16] == digest


@settings(max_examples=200, deadline=None)
@given(
    seed=seeds,
    count=st.integers(1, 80),
    model=models,
    sets=st.lists(exit_sets, min_size=1, max_size=3),
    market=st.sampled_from([tick_bars, random_bars]),
)
def test_compiled_and_plain_engine_close_the_same_trades_at_the_same_prices_for_the_same_reasons(
    seed: int, count: int, model: FillModel, sets: list[Exits], market: Callable[[int, int], Bars]
):
    bars = market(seed, count)
    target, rng = decisions(seed, count), np.random.default_rng(seed)
    exits = DecidedExits(tuple(sets), rng.integers(0, len(sets), count))

    fills = simulate(bars, target, model, exits)
    marks = replayed_marks(bars, target, model, exits)

    near = 1e-9 * model.equity
    assert fills.equity == pytest.approx([m.equity for m in marks], rel=1e-9, abs=near)
    assert fills.position == pytest.approx([m.units for m in marks], rel=1e-9, abs=1e-9)
    assert fills.traded == pytest.approx([m.traded for m in marks], rel=1e-9, abs=1e-9)
    assert fills.liquidated_at == marks[-1].liquidated_at_ms
    assert_trades_agree(fills, marks, bars)
    reasons = [trade.exit_reason for mark in marks for trade in mark.closed]
    assert [EXIT_REASONS[n] for n in fills.closed["exit_reason"]] == reasons
    assert not fills.trades[fills.trades["open"]]["exit_reason"].any()
    gained = fills.equity[-1] - model.equity
    assert fills.trades["pnl"].sum() == pytest.approx(gained, rel=1e-9, abs=1e-7 * model.equity)


@settings(max_examples=60, deadline=None)
@given(seed=seeds, count=st.integers(2, 60), exits=exit_sets, data=st.data())
def test_exits_know_nothing_of_later_bars(seed: int, count: int, exits: Exits, data: st.DataObject):
    bars, target = random_bars(seed, count), decisions(seed, count)
    cut, held = data.draw(st.integers(1, count - 1)), DecidedExits((exits,))

    whole = simulate(bars, target, FillModel(), held)
    part = simulate(bars[:cut], target[:cut], FillModel(), held)

    assert np.array_equal(whole.equity[:cut], part.equity)
    assert np.array_equal(whole.position[:cut], part.position)


@settings(max_examples=60, deadline=None)
@given(seed=seeds, count=st.integers(2, 60), model=models)
def test_empty_exits_and_levels_out_of_reach_change_nothing(
    seed: int, count: int, model: FillModel
):
    bars, target = random_bars(seed, count), decisions(seed, count)
    far = Exits(roi_min=10.0, trailing_stop=0.5, trailing_offset=10.0, hold_bars=10_000_000)

    usual = simulate(bars, target, model)

    for exits in (NO_EXITS, far):
        other = simulate(bars, target, model, DecidedExits((exits,)))
        assert np.array_equal(usual.equity, other.equity)
        assert usual.trades.tobytes() == other.trades.tobytes()


def test_a_stopped_position_costs_what_a_fill_costs_and_stays_closed_until_the_next_decision():
    bars = bars_of([100, 100, 90, 100, 100, 100, 100])
    model = FillModel(taker_fee=0.001, slippage=0.01, equity=1000.0)
    target = np.array([1.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0])

    fills = simulate(bars, target, model, DecidedExits((Exits(stoploss=-0.05),)))

    first, second = fills.trades
    bought = 100.0 * 1.01
    sold = bought * (1.0 - 0.05) * 0.99
    assert first["exit_price"] == pytest.approx(sold, rel=1e-12)
    assert first["fees"] == pytest.approx(0.001 * first["units"] * (bought + sold), rel=1e-12)
    assert first["exit_time_ms"] == START_MS + 3 * HOUR_MS  # within the bar: known at its close
    assert first["bars_held"] == 2
    assert EXIT_REASONS[first["exit_reason"]] == "stoploss"
    assert second["entry_time_ms"] == START_MS + 6 * HOUR_MS
    assert (fills.position[2:6] == 0.0).all()


def test_a_gap_closes_at_the_open_before_the_new_decision_and_says_when():
    bars = bars_of([100, 100, 100, 80, 80], open=np.array([100, 100, 100, 80.0, 80]))
    target = np.array([1.0, 1.0, -1.0, -1.0, -1.0])

    fills = simulate(bars, target, FREE, DecidedExits((Exits(stoploss=-0.05),)))

    stopped, reversed_ = fills.trades
    assert EXIT_REASONS[stopped["exit_reason"]] == "stoploss"
    assert stopped["exit_price"] == 80.0
    assert stopped["exit_time_ms"] == reversed_["entry_time_ms"] == START_MS + 3 * HOUR_MS
    assert reversed_["side"] == -1


def test_a_stop_before_the_margin_saves_the_account_and_one_behind_it_does_not():
    bars = bars_of([100.0] * 4, low=np.array([100.0, 100.0, 80.0, 100.0]))
    model, target = FillModel(0.0, 0.0, leverage=10.0, equity=1000.0), np.ones(4)

    near = simulate(bars, target, model, DecidedExits((Exits(stoploss=-0.05),)))
    far = simulate(bars, target, model, DecidedExits((Exits(stoploss=-0.15),)))

    assert near.liquidated_at is None
    assert near.equity[-1] == pytest.approx(500.0)
    assert far.liquidated_at == START_MS + 3 * HOUR_MS
    assert EXIT_REASONS[far.trades["exit_reason"][0]] == "liquidated"


def test_a_decision_ends_a_trade_by_signal_or_reversal():
    fills = simulate(bars_of([100.0] * 6), np.array([1.0, -1.0, 0.0, 1.0, 1.0, 1.0]), FREE)

    assert [EXIT_REASONS[n] for n in fills.trades["exit_reason"]] == ["reversal", "signal", "open"]


def test_an_exit_that_a_bar_cannot_take_whole_goes_on_at_the_next_opens():
    bars = bars_of([100.0, 100.0, 100.0, 90.0, 90.0, 90.0, 90.0], volume=np.full(7, 40.0))
    model = FillModel(0.0, 0.0, participation=0.1, equity=1000.0)

    fills = simulate(bars, np.ones(7), model, DecidedExits((Exits(stoploss=-0.05),)))

    assert fills.position.tolist() == [0.0, 4.0, 8.0, 6.0, 2.0, 0.0, 0.0]
    (trade,) = fills.trades
    assert EXIT_REASONS[trade["exit_reason"]] == "stoploss"
