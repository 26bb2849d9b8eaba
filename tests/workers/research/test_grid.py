"""The grid: the same trades, equity and measures as the fill engine, bounded, stoppable."""

from __future__ import annotations

import hashlib
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.research import Grid
from schemas.timeframes import HOUR_MS, MINUTE_MS
from streams.evaluation import metrics, trade_metrics
from tests.fakes.tick_bars import tick_bars
from workers.bars.arrays import Bars
from workers.research import grid as grids
from workers.research.fills import DecidedExits, FillModel, simulate
from workers.research.grid import parameter_values, run_grid
from workers.research.indicators import INDICATORS, SIGNAL_TYPES, factor_target
from workers.research.trials import trial_exits

NAMES = [row.name for row in INDICATORS]
TYPES = [row.name for row in SIGNAL_TYPES]
TOLERANCE: dict[str, Any] = {"rtol": 1e-9, "atol": 1e-9}
MEASURES = {
    "total_return": lambda returns: metrics.total_return(metrics.equity_curve(returns)),
    "sharpe": metrics.sharpe_ratio,
    "sortino": metrics.sortino_ratio,
    "calmar": lambda returns: metrics.calmar_ratio(metrics.equity_curve(returns)),
    "max_drawdown": lambda returns: metrics.max_drawdown(metrics.equity_curve(returns)),
}


def market(count=500, seed=1, scale=0.01, timeframe_ms=HOUR_MS):
    """Bars of a jumpy walk with gaps between closes and opens, quiet bars and funding."""
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.standard_t(3, count) * scale))
    close[count // 3 : count // 3 + 10] = close[count // 3]
    opens = np.concatenate([[100.0], close[:-1]]) * np.exp(rng.normal(0.0, scale / 5, count))
    reach = np.exp(np.abs(rng.normal(0.0, scale, (2, count))))
    times = np.cumsum(rng.choice([1, 1, 1, 1, 1, 1, 1, 3, 40], count)) * timeframe_ms
    return Bars(
        "BTCUSDT",
        timeframe_ms,
        times,
        opens,
        np.maximum(opens, close) * reach[0],
        np.minimum(opens, close) / reach[1],
        close,
        rng.lognormal(3.0, 1.0, count) * (rng.random(count) > 0.05),
        mark=np.where(rng.random(count) > 0.1, close * (1.0 + rng.normal(0, 1e-3, count)), np.nan),
        funding_rate=np.where(rng.random(count) > 0.8, rng.normal(0, 1e-3, count), np.nan),
        funding_known=True,
    )


def single(**changed):
    asked = {"window_range": (5, 45, 20), "signal_range": (0.5, 2.0, 0.5)} | changed
    return Grid(symbol="BTCUSDT", **asked)


def held_to_fills(bars, grid):
    """Compare every combination of a grid with the fill engine's run of the same factors."""
    found = run_grid(bars, grid, keep_daily=True)
    assert found.returns is not None
    assert found.equity is not None
    for number in range(len(found)):
        target = factor_target(bars, found.factors(number), grid.combine)
        exits = DecidedExits((trial_exits(found, number),))
        fills = simulate(bars, target, FillModel.of(grid), exits)
        returns = metrics.daily_returns(bars.close_time_ms, fills.equity)
        np.testing.assert_allclose(found.returns[:, number], returns, **TOLERANCE)
        np.testing.assert_allclose(
            found.equity[-1, number], fills.equity[-1], rtol=1e-9, atol=1e-9 * grid.equity
        )
        assert found.trades[number] == len(fills.closed)
        assert found.liquidated[number] == (fills.liquidated_at is not None)
        assert found.exposure[number] == trade_metrics.exposure(fills.position)
        deepest = metrics.max_drawdown(fills.equity)
        assert found.bar_drawdown[number] == pytest.approx(deepest, rel=1e-9, abs=1e-9)
        for name, measure in MEASURES.items():
            # Of a growth near 0 rounding leaves some 1e-15, which a small drawdown divides.
            fall = MEASURES["max_drawdown"](returns) if name == "calmar" else None
            rounding = 1e-14 / fall if fall else 1e-12
            assert_same(getattr(found, name)[number], measure(returns), rounding)
    return found


def assert_same(value, expected, rounding=1e-12):
    if expected is None:
        assert math.isnan(value)
    else:
        assert value == pytest.approx(expected, rel=1e-7, abs=rounding)


def test_one_day_has_a_total_return_and_no_other_measure():
    found = held_to_fills(market(60, timeframe_ms=MINUTE_MS), single(window_range=(5, 15, 10)))

    assert found.trades.max() > 0
    assert np.isfinite(found.total_return).all()
    for name in set(MEASURES) - {"total_return"}:
        assert np.isnan(getattr(found, name)).all()


@pytest.mark.parametrize("indicator", NAMES)
@pytest.mark.parametrize("signal_type", TYPES)
def test_every_indicator_and_signal_type_trades_as_the_fill_engine_does(indicator, signal_type):
    ranges = {"rsi": (2.0, 20.0, 6.0), "min_max": (0.3, 0.9, 0.3), "percentile_rank": (0, 0.8, 0.4)}
    near = {"sma_distance", "ema_distance", "roc"}
    signals = (0.005, 0.03, 0.005) if indicator in near else ranges.get(indicator, (0.5, 2.0, 0.5))
    grid = single(indicator=indicator, signal_type=signal_type, signal_range=signals)

    found = held_to_fills(market(), grid)

    assert found.trades.max() > 0


@settings(max_examples=60)
@given(
    seed=st.integers(0, 10_000),
    scale=st.sampled_from([0.002, 0.02, 0.1]),
    windows=st.tuples(st.integers(2, 20), st.integers(0, 40), st.integers(1, 20)),
    signals=st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 1.5), st.floats(0.1, 1.0)),
    asked=st.fixed_dictionaries(
        {
            "signal_type": st.sampled_from(TYPES),
            "fee_bps": st.sampled_from([0.0, 5.0, 1000.0]),
            "slippage_bps": st.sampled_from([0.0, 1.0, 300.0]),
            "leverage": st.sampled_from([0.5, 1.0, 3.0, 20.0, 125.0]),
            "funding": st.booleans(),
            "equity": st.sampled_from([1.0, 10_000.0]),
        }
    ),
)
def test_random_grids_trade_as_the_fill_engine_does(seed, scale, windows, signals, asked):
    grid = single(
        window_range=(windows[0], windows[0] + windows[1], windows[2]),
        signal_range=(signals[0], signals[0] + signals[1], signals[2]),
        **asked,
    )

    held_to_fills(market(200, seed, scale), grid)


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000), leverage=st.sampled_from([20.0, 125.0]))
def test_accounts_that_settlements_and_exits_ruin_end_as_in_the_fill_engine(seed, leverage):
    bars, rng = market(200, seed), np.random.default_rng(seed)
    bars = replace(
        bars,
        mark=bars.close * np.exp(rng.normal(0.0, 0.05, len(bars))),
        funding_due=rng.normal(0.0, 0.02, len(bars)) * bars.close,
    )

    grid = single(leverage=leverage, fee_bps=10.0, slippage_bps=50.0)

    assert (held_to_fills(bars, grid).equity >= 0.0).all()


@pytest.mark.parametrize("combine", ["all", "any"])
def test_several_factors_trade_as_the_fill_engine_does(combine):
    factors = (
        {"window_range": (10, 20, 10), "signal_range": (0.5, 1.0, 0.5)},
        {
            "indicator": "rsi",
            "signal_type": "reversion",
            "window_range": (7, 14, 7),
            "signal_range": (0.0, 10.0, 5.0),
        },
        {
            "indicator": "percentile_rank",
            "data_column": "funding_rate",
            "signal_type": "momentum_long",
            "window_range": (20, 20, 1),
            "signal_range": (0.0, 0.5, 0.5),
        },
    )
    grid = Grid(symbol="BTCUSDT", mode="multi", factors=factors, combine=combine)

    found = held_to_fills(market(), grid)

    assert len(found) == 4 * 6 * 2
    assert found.trades.max() > 0


def test_a_leveraged_position_is_liquidated_once_and_for_all():
    found = held_to_fills(market(scale=0.03), single(leverage=50.0))

    lost = found.liquidated
    assert lost.any()
    assert (found.total_return[lost] == -1.0).all()
    assert (found.equity[-1, lost] == 0.0).all()


def test_the_order_of_combinations_is_that_of_their_parameters():
    found = run_grid(market(), single())

    params = [found.params(number) for number in range(len(found))]
    values = parameter_values(found.grid)
    assert params == [
        {"window": window, "signal": signal}
        for window in values["window"]
        for signal in values["signal"]
    ]


def test_chosen_combinations_are_the_same_as_among_all():
    bars, grid = market(), single()
    everything = run_grid(bars, grid)

    some = run_grid(bars, grid, only=[7, 2])

    assert some.equity is not None
    assert everything.equity is not None
    np.testing.assert_array_equal(some.equity, everything.equity[:, [7, 2]])
    assert [some.params(n) for n in range(2)] == [everything.params(7), everything.params(2)]


@pytest.mark.parametrize("mode", ["single", "multi"])
def test_little_memory_and_several_threads_change_no_number(monkeypatch, mode):
    bars = market()
    factors = (
        {"window_range": (5, 30, 5), "signal_range": (0.5, 1.5, 0.5)},
        {"indicator": "roc", "window_range": (3, 9, 2), "signal_range": (0.0, 0.02, 0.01)},
    )
    grid = Grid(symbol="BTCUSDT", mode="multi", factors=factors) if mode == "multi" else single()
    roomy = run_grid(bars, grid)

    monkeypatch.setattr(grids, "CODES_BYTES", 3 * 2 * len(bars))
    monkeypatch.setattr(grids, "ABREAST", 5)
    cramped = run_grid(bars, grid, threads=2)

    assert cramped.done.all()
    for name in ("sharpe", "calmar", "trades", "exposure", "bar_drawdown", "equity", "held"):
        np.testing.assert_array_equal(getattr(cramped, name), getattr(roomy, name))


def test_daily_equity_that_does_not_fit_is_not_kept(monkeypatch):
    monkeypatch.setattr(grids, "DAILY_BYTES", 100)

    found = run_grid(market(), single())

    assert found.equity is None
    assert found.returns is None
    assert np.isfinite(found.sharpe).any()
    with pytest.raises(ValueError, match="keep_daily=True"):
        found.segment(0, 5)


def test_a_segment_is_measured_as_its_days_alone():
    bars = market(3000, scale=0.003)
    found = run_grid(bars, single())

    part = found.segment(50, 150)

    assert found.returns is not None
    for number in range(len(found)):
        for name, measure in MEASURES.items():
            assert_same(part[name][number], measure(found.returns[50:150, number]))


@pytest.mark.parametrize("days", [(5, 5), (-1, 3), (0, 10_000)])
def test_a_segment_outside_the_days_is_refused(days):
    found = run_grid(market(), single())

    with pytest.raises(ValueError, match="expected days within"):
        found.segment(*days)


def test_days_and_what_was_held_over_them():
    bars, grid = market(), single()
    found = run_grid(bars, grid)

    fills = simulate(bars, factor_target(bars, found.factors(0)), FillModel.of(grid))
    last = np.searchsorted(bars.close_time_ms, found.day_ms, side="right") - 1
    held = (fills.position * bars.close / fills.equity)[last]
    assert found.held is not None
    np.testing.assert_allclose(found.held[1:, 0], held, rtol=1e-6)
    assert found.held[0, 0] == 0.0


def test_progress_is_told_and_stops_the_run(monkeypatch):
    monkeypatch.setattr(grids, "ABREAST", 4)
    told = []

    def progress(done, total, best):
        told.append((done, total, best))
        return done < 8

    found = run_grid(market(), single(), progress=progress)

    assert [row[:2] for row in told] == [(4, 12), (8, 12)]
    assert told[1][2] == np.nanmax(found.sharpe[:8])
    assert found.done.tolist() == [True] * 8 + [False] * 4
    assert np.isnan(found.sharpe[8:]).all()
    assert max(found.ranked("sharpe")) < 8


def test_the_best_come_first_and_undefined_never():
    found = run_grid(market(), single(signal_range=(0.5, 9.5, 3.0)))

    ranked = found.ranked("sharpe", 4)

    assert np.isnan(found.sharpe).any()
    scores = found.sharpe[ranked]
    assert (np.diff(scores) <= 0).all()
    assert scores[0] == np.nanmax(found.sharpe)


def test_the_future_changes_no_earlier_equity():
    bars = market(600)
    cut = bars[:400]

    whole, part = run_grid(bars, single()), run_grid(cut, single())

    days = len(part.day_ms) - 1
    assert whole.equity is not None
    assert part.equity is not None
    np.testing.assert_array_equal(whole.equity[:days], part.equity[:days])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"window_range": (5, 500, 5)}, "window 500 needs more than 500 bars"),
        ({"signal_range": (-1.0, 1.0, 0.5)}, r"signal_range\.min"),
        ({"signal_range": (0.0, 1.0, 1e-5), "window_range": (5, 5, 1)}, "signal_range has 100,001"),
    ],
)
def test_a_grid_that_cannot_run_is_refused_with_its_number(changed, message):
    with pytest.raises(ValueError, match=message):
        run_grid(market(), single(**changed))


def test_too_much_work_is_refused_with_its_size(monkeypatch):
    monkeypatch.setattr(grids, "MAX_WORK", 5_000)

    with pytest.raises(ValueError, match=r"500 bars times 12 combinations are 6,000 steps"):
        run_grid(market(), single())


def test_funding_rates_that_are_not_there_are_asked_for():
    bars = replace(market(), funding_rate=np.full(500, np.nan))

    with pytest.raises(ValueError, match="carry no funding rate"):
        run_grid(bars, single(data_column="funding_rate"))


def test_a_strategy_is_not_a_grid_of_factors():
    with pytest.raises(ValueError, match="strategy 'ema_cross'"):
        run_grid(market(), Grid(symbol="BTCUSDT", strategy="ema_cross"))


exit_numbers = st.fixed_dictionaries(
    {},
    optional={
        "stoploss": st.sampled_from([-1.0, -0.125, -0.05, -0.01, -0.0001]),
        "roi_min": st.sampled_from([0.0001, 0.01, 0.0625]),
        "hold_bars": st.sampled_from([1, 2, 7]),
        "minimal_roi": st.sampled_from([{"0": 0.1, "120": 0.02, "300": 0.0}, {"60": 0.03}]),
    },
)
trailing: st.SearchStrategy[dict[str, float]] = st.sampled_from(
    [{}, {"trailing_stop": 0.03, "trailing_offset": 0.01}]
)


@settings(max_examples=60)
@given(
    seed=st.integers(0, 10_000),
    bars_in=st.sampled_from([tick_bars, lambda seed, count: market(count, seed, 0.02)]),
    exits=exit_numbers,
    trail=trailing,
    asked=st.fixed_dictionaries(
        {
            "signal_type": st.sampled_from(TYPES),
            "fee_bps": st.sampled_from([0.0, 5.0, 1000.0]),
            "slippage_bps": st.sampled_from([0.0, 1.0, 300.0]),
            "leverage": st.sampled_from([0.5, 1.0, 3.0, 20.0, 125.0]),
            "space": st.sampled_from([{}, {"stoploss": (-0.0625, -0.0125, 0.025)}]),
        }
    ),
)
def test_grids_with_exits_close_the_trades_that_the_fill_engine_closes(
    seed: int, bars_in: Any, exits: dict[str, Any], trail: dict[str, Any], asked: dict[str, Any]
):
    held_to_fills(bars_in(seed, 200), single(exits=exits | trail, **asked))


@pytest.mark.parametrize(
    ("leverage", "liquidated", "digest"),
    [(1.0, 0, "ac80a07696fafb93"), (8.0, 11, "2da6a53232beee14")],
)
def test_without_exits_every_bit_of_a_grid_is_what_it_was_before_there_were_any(
    leverage: float, liquidated: int, digest: str
):
    ran = run_grid(tick_bars(3, 3000), single(leverage=leverage), keep_daily=True)

    sha = hashlib.sha256()
    for name in (
        "equity", "held", "total_return", "sharpe", "sortino", "max_drawdown", "bar_drawdown",
        "exposure", "trades", "liquidated",
    ):  # fmt: skip
        sha.update(getattr(ran, name).tobytes())
    assert ran.liquidated.sum() == liquidated
    assert sha.hexdigest()[:16] == digest


def test_exits_of_a_space_are_parameters_of_the_grid():
    grid = single(
        space={"stoploss": (-0.1, -0.05, 0.05), "roi_min": (0.01, 0.03, 0.01)},
        exits={"hold_bars": 5, "roi_min": 0.5},
    )

    ran = run_grid(market(), grid, only=[0, 7, grid.combinations - 1])

    assert grid.combinations == 3 * 4 * 2 * 3
    assert ran.params(1) == {"window": 5, "signal": 1.0, "stoploss": -0.1, "roi_min": 0.02}
    assert ran.factors(1)[0].window == 5
    assert ran.done.all()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"space": {"fast": (1, 2, 1)}}, "space has fast, expected roi_min, stoploss"),
        ({"space": {"stoploss": (-0.1, 0.0, 0.1)}}, "stoploss is 0.0, expected a loss from -1"),
        ({"space": {"trailing_stop": (0.1, 0.2, 0.1)}}, "0.1 without trailing_offset, expected"),
        ({"space": {"roi_min": (1e-6, 1.0, 1e-6)}}, "1,000,000 sets of exits, at most 100,000"),
        ({"exits": {"stoploss": 0.1}}, "stoploss is 0.1, expected a loss from -1"),
    ],
)
def test_exits_that_cannot_be_are_refused_before_a_grid_runs(asked: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        single(**asked)
