"""The market: always the same, consistent from trade to bar, and true to its own parameters."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from schemas.timeframes import MINUTE_MS
from workers.simulator import kernel, market
from workers.simulator.instruments import instrument
from workers.simulator.market import BLOCK_BARS, SimulatedMarket
from workers.simulator.model import REGIMES, MarketModel

SYMBOLS = ("BTCUSDT", "ETHUSDT")
DAYS = 5 * BLOCK_BARS


@pytest.fixture(scope="module")
def drawn():
    return SimulatedMarket(7, SYMBOLS)


def sum_trades(trades):
    """Bar of some trades, by hand: open, high, low, close, volume, turnover, taker volume."""
    price, quantity = trades[:, kernel.T_PRICE], trades[:, kernel.T_QUANTITY]
    bought = trades[:, kernel.T_SELL] == 0
    ohlc = (price[0], price.max(), price.min(), price[-1])
    return (*ohlc, quantity.sum(), price @ quantity, quantity[bought].sum())


SUMMED = [
    kernel.OPEN,
    kernel.HIGH,
    kernel.LOW,
    kernel.CLOSE,
    kernel.VOLUME,
    kernel.TURNOVER,
    kernel.TAKER_VOLUME,
]


def test_hash_gives_the_published_sequence():
    # SOURCE: splitmix64 from seed 0, as in the reference C code of Vigna (2015).
    first = [int(kernel.mix(np.uint64(0), np.uint64(i))) for i in range(3)]

    assert first == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]


@given(
    st.lists(st.tuples(st.integers(0, 3 * BLOCK_BARS), st.integers(0, 400)), min_size=1, max_size=6)
)
@settings(max_examples=20, deadline=None)
def test_any_span_read_in_any_order_is_the_same_market(spans):
    whole = SimulatedMarket(7, ["BTCUSDT"]).bars("BTCUSDT", 0, 4 * BLOCK_BARS)
    other = SimulatedMarket(7, ["ETHUSDT", "BTCUSDT"])

    for first, length in spans:
        part = other.bars("BTCUSDT", first, first + length)

        np.testing.assert_array_equal(part.ints, whole.ints[:, first : first + length])
        np.testing.assert_array_equal(part.floats, whole.floats[:, first : first + length])


def test_a_day_dropped_from_memory_comes_back_the_same(monkeypatch):
    monkeypatch.setattr(market, "MAX_BLOCKS", 1)
    small = SimulatedMarket(7, ["BTCUSDT"])
    before = small.bars("BTCUSDT", 0, 10).ints.copy()

    small.bars("BTCUSDT", 0, DAYS)

    np.testing.assert_array_equal(small.bars("BTCUSDT", 0, 10).ints, before)


def test_the_bars_of_a_seed_never_change():
    # SOURCE: the first version of the kernel; every column but the regime is in whole units.
    columns = SimulatedMarket(7, ["BTCUSDT", "XYZUSDT"])

    assert columns.bars("BTCUSDT", 50_000, 50_001).ints[:, 0].tolist() == [
        *(0, 1025488, 1026184, 1025419, 1025841, 100662, 103255443837, 69086, 70869620962),
        *(15, 29, 814206, 1438718, 100669),
    ]
    assert columns.bars("XYZUSDT", 50_000, 50_001).ints[:, 0].tolist() == [
        *(0, 17325, 17326, 17315, 17320, 14077105, 243824731143, 4466194, 77357159822),
        *(20, 32, 751085, 1328806, 14077115),
    ]


def test_skipping_bars_ends_where_generating_them_ends():
    skipped, generated = (SimulatedMarket(7, ["BTCUSDT"]) for _ in range(2))

    generated.bars("BTCUSDT", 0, 3 * BLOCK_BARS)
    skipped.bars("BTCUSDT", 3 * BLOCK_BARS, 3 * BLOCK_BARS + 1)

    for one, two in zip(
        skipped._tracks["BTCUSDT"].starts[:4], generated._tracks["BTCUSDT"].starts, strict=True
    ):
        np.testing.assert_array_equal(one[0], two[0])
        np.testing.assert_array_equal(one[1], two[1])


def test_another_seed_is_another_market(drawn):
    other = SimulatedMarket(8, SYMBOLS)

    ours, theirs = (m.bars("BTCUSDT", 0, 100).ints for m in (drawn, other))

    assert not np.array_equal(ours[kernel.CLOSE], theirs[kernel.CLOSE])


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_bars_rebuilt_from_their_trades_are_the_bars(drawn, symbol):
    bars = drawn.bars(symbol, 1000, 1500)

    rebuilt = np.array([sum_trades(drawn.trades(symbol, bar)) for bar in range(1000, 1500)])

    np.testing.assert_array_equal(rebuilt.T, bars.ints[SUMMED])


def test_trade_ids_run_on_without_a_gap_and_times_within_the_bar(drawn):
    trades = np.concatenate([drawn.trades("BTCUSDT", bar) for bar in range(1430, 1450)])
    times = [drawn.trades("BTCUSDT", bar)[:, kernel.T_TIME] for bar in range(1430, 1450)]

    assert (np.diff(trades[:, kernel.T_ID]) == 1).all()
    np.testing.assert_array_equal(
        trades[1:, kernel.T_FIRST_RAW], trades[:-1, kernel.T_LAST_RAW] + 1
    )
    assert all((np.diff(t) >= 0).all() and t[0] >= 0 and t[-1] < MINUTE_MS for t in times)


def test_unfinished_bar_holds_the_trades_so_far_and_no_other(drawn):
    trades = drawn.trades("BTCUSDT", 50)
    so_far = trades[trades[:, kernel.T_TIME] <= 30_000]

    column = drawn.unfinished("BTCUSDT", 50, 30_000)

    np.testing.assert_array_equal(column[SUMMED], sum_trades(so_far))
    assert drawn.unfinished("BTCUSDT", 50, int(trades[0, kernel.T_TIME]) - 1) is None
    np.testing.assert_array_equal(
        drawn.unfinished("BTCUSDT", 50, MINUTE_MS), drawn.bars("BTCUSDT", 50, 51).ints[:, 0]
    )


@given(st.integers(1, 200_000))
@settings(max_examples=50, deadline=None)
def test_a_trade_is_found_by_its_id(trade_id):
    drawn = SimulatedMarket(7, ["BTCUSDT"])

    bar = drawn.bar_of_trade("BTCUSDT", trade_id, last=3000)

    ids = drawn.trades("BTCUSDT", bar)[:, kernel.T_ID]
    assert ids[0] <= trade_id
    assert trade_id <= ids[-1] or bar == 3000


def test_every_bar_trades_and_its_high_and_low_hold_open_and_close():
    many = SimulatedMarket(3, [f"A{i}USDT" for i in range(50)])

    for symbol in many.symbols:
        rows = many.bars(symbol, 0, BLOCK_BARS).ints
        assert (rows[kernel.LOW] >= 1).all()
        assert (rows[kernel.LOW] <= np.minimum(rows[kernel.OPEN], rows[kernel.CLOSE])).all()
        assert (rows[kernel.HIGH] >= np.maximum(rows[kernel.OPEN], rows[kernel.CLOSE])).all()
        assert (rows[kernel.VOLUME] >= rows[kernel.TRADES]).all()


def test_shocks_are_student_t_of_six_degrees_and_unit_variance():
    plain = dataclasses.replace(
        MarketModel(), overreaction=0.0, anchor_half_life_bars=1e12, factor_share=0.5
    )
    bars = SimulatedMarket(7, ["BTCUSDT"], plain).bars("BTCUSDT", 0, 40_000)
    drift = plain.drift[bars.regimes]

    shocks = (bars.floats[kernel.END] - bars.floats[kernel.START] - drift) / bars.floats[
        kernel.SIGMA
    ]

    law = stats.t(df=kernel.DEGREES_OF_FREEDOM, scale=np.sqrt(4.0 / 6.0))
    assert stats.kstest(shocks, law.cdf).pvalue > 0.01
    assert abs(shocks.std() - 1.0) < 0.03


def test_regimes_switch_as_the_transition_matrix_says(drawn):
    regimes = np.concatenate([drawn.bars(s, 0, 200 * BLOCK_BARS).regimes for s in SYMBOLS])
    seen = np.zeros((3, 3))
    np.add.at(seen, (regimes[:-1], regimes[1:]), 1.0)
    seen /= seen.sum(axis=1, keepdims=True)

    share = np.bincount(regimes, minlength=3) / len(regimes)

    np.testing.assert_allclose(seen, drawn.model.transition, atol=7e-4)
    np.testing.assert_allclose(share, drawn.model.stationary, atol=0.03)
    power = np.linalg.matrix_power(drawn.model.transition, 100_000)
    np.testing.assert_allclose(power, np.tile(drawn.model.stationary, (3, 1)), atol=1e-9)
    assert abs(drawn.model.drift @ drawn.model.stationary) < 1e-12


def test_bull_rises_bear_falls_and_each_has_its_own_volatility(drawn):
    bars = drawn.bars("BTCUSDT", 0, 200 * BLOCK_BARS)
    moves = bars.floats[kernel.END] - bars.floats[kernel.START]

    mean = [moves[bars.regimes == r].mean() for r in range(3)]
    scale = [moves[bars.regimes == r].std() for r in range(3)]

    assert REGIMES == ("bull", "bear", "sideways")
    assert mean[0] > 1e-5
    assert mean[1] < -1e-5
    assert abs(mean[2]) < 1e-5
    np.testing.assert_allclose(scale, [law.sigma for law in drawn.model.laws], rtol=0.1)


def test_contracts_move_together(drawn):
    returns = [np.diff(np.log(drawn.bars(s, 0, DAYS).prices(kernel.CLOSE))) for s in SYMBOLS]

    # SOURCE: rank correlation of BTCUSDT and ETHUSDT perpetual 1m returns, 60,190 minutes of
    # May and June 2025: 0.739.
    assert stats.spearmanr(*returns).statistic == pytest.approx(0.739, abs=0.06)


@pytest.mark.parametrize("symbol", ["btcusdt", "BTC/USDT", "BTCEUR", "USDT", ""])
def test_a_symbol_that_is_not_canonical_is_refused_by_name(symbol):
    with pytest.raises(ValueError, match=r"expected|no base"):
        SimulatedMarket(7, [symbol])


def test_a_symbol_of_its_own_has_five_digits_of_price():
    for i in range(50):
        contract = instrument(f"A{i}USDT")
        assert 1e4 <= contract.anchor_price_usd / float(contract.tick_size) < 1e6
