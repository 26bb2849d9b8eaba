"""Walk-forward: chosen on the past alone, traded as one account, too little data refused."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from schemas.timeframes import HOUR_MS
from streams.evaluation.metrics import sharpe_ratio
from tests.fakes.random_bars import random_bars
from tests.fakes.searches import FREE, market, never, stepped, untold
from workers.research.fills import DecidedExits, FillModel, simulate
from workers.research.trials import run_trials, trial_exits, trial_target
from workers.research.walk_forward import walk_forward
from workers.research.windows import walk_forward_windows, whole_days


def run(spec, bars):
    return walk_forward(spec, bars, untold, never)


def daily(bars, equity):
    """Daily returns by pandas, as nobody here wrote them."""
    times = pd.to_datetime(bars.close_time_ms - 1, unit="ms")
    days = pd.Series(np.asarray(equity), index=times).resample("1D").last().ffill()
    return pd.concat([pd.Series([equity[0]]), days]).pct_change().iloc[1:].to_numpy()


def test_rolling_windows_follow_each_other_with_the_purge_between():
    found = walk_forward_windows(stepped(purge_bars=24), market(1, 2500))

    assert [w.test for w in found] == [(984, 1464), (1464, 1944), (1944, 2424), (2424, 2500)]
    assert [w.train for w in found] == [(0, 960), (480, 1440), (960, 1920), (1440, 2400)]


def test_anchored_windows_all_begin_at_the_first_bar():
    found = walk_forward_windows(stepped(scheme="anchored", purge_bars=1), market(1, 2500))

    assert {w.train[0] for w in found} == {0}
    assert [w.train[1] for w in found] == [w.test[0] - 1 for w in found]


def test_without_sizes_a_third_is_trained_on_and_a_ninth_traded_at_a_time():
    found = walk_forward_windows(stepped(train_bars=None, test_bars=None), market(1, 9000))

    assert found[0].train == (0, 3000)
    assert [b - a for a, b in (w.test for w in found)] == [1000] * 5 + [999]


@pytest.mark.parametrize(
    ("changed", "count", "told"),
    [
        ({}, 1000, "need 1,441 bars, BTCUSDT has 1,000 here"),
        ({"train_bars": 100}, 5000, "expected at least 264 to train on and 48 to test on"),
        ({"train_bars": None, "test_bars": None}, 300, "take a longer span"),
    ],
)
def test_too_little_data_is_refused_with_the_bars_that_are_needed(changed, count, told):
    with pytest.raises(ValueError, match=told):
        run(stepped(**changed), market(1, count))


def test_each_window_takes_the_set_that_was_best_on_its_training_days():
    bars, spec = market(3, 4000), stepped(**FREE)

    result = run(spec, bars)

    found = run_trials(bars, spec)
    assert len(result["windows"]) == 7
    for row, window in zip(result["windows"], walk_forward_windows(spec, bars), strict=True):
        first, last = whole_days(bars, window.train)
        sharpes = [
            sharpe_ratio(
                daily(
                    bars, simulate(bars, trial_target(bars, found, n), FillModel.of(spec)).equity
                )[first:last]
            )
            for n in range(len(found))
        ]
        best = int(np.argmax([s if s is not None else -np.inf for s in sharpes]))
        assert row["params"] == found.params(best)
        assert row["in_sample"]["sharpe_ratio"] == pytest.approx(sharpes[best], rel=1e-9)


def test_the_joined_account_pays_for_every_change_of_parameters():
    bars, spec = market(3, 4000), stepped()

    result = run(spec, bars)

    found = run_trials(bars, spec)
    rows = [tuple(found.params(n).values()) for n in range(len(found))]
    windows = walk_forward_windows(spec, bars)
    wanted = np.zeros(len(bars))
    for row, window in zip(result["windows"], windows, strict=True):
        target = trial_target(bars, found, rows.index(tuple(row["params"].values())))
        for bar in range(*window.test):
            wanted[bar - 1] = target[bar - 1]
    start, end = windows[0].test[0] - 1, windows[-1].test[1]
    equity = simulate(bars[start:end], wanted[start:end], FillModel.of(spec)).equity
    assert result["equity"]["equity"][-1] == pytest.approx(equity[-1], rel=1e-7)
    assert result["metrics"]["sharpe_ratio"] == pytest.approx(
        sharpe_ratio(daily(bars[start:end], equity)), rel=1e-9
    )


def test_the_joined_account_holds_a_position_with_the_exits_of_its_window():
    bars = market(3, 4000)
    spec = stepped(space={"stoploss": (-0.04, -0.01, 0.015)}, exits={"hold_bars": 100})

    result = run(spec, bars)

    found = run_trials(bars, spec)
    rows = [tuple(found.params(n).values()) for n in range(len(found))]
    numbers = [rows.index(tuple(row["params"].values())) for row in result["windows"]]
    windows = walk_forward_windows(spec, bars)
    wanted, held = np.zeros(len(bars)), np.zeros(len(bars), np.int64)
    for place, (number, window) in enumerate(zip(numbers, windows, strict=True)):
        part = slice(window.test[0] - 1, window.test[1] - 1)
        wanted[part], held[part] = trial_target(bars, found, number)[part], place
    start, end = windows[0].test[0] - 1, windows[-1].test[1]
    exits = DecidedExits(tuple(trial_exits(found, n) for n in numbers), held[start:end])
    fills = simulate(bars[start:end], wanted[start:end], FillModel.of(spec), exits)
    assert len(set(numbers)) > 1
    assert fills.trades["exit_reason"].max() > 2
    assert result["equity"]["equity"][-1] == pytest.approx(fills.equity[-1], rel=1e-7)


def test_returns_of_the_windows_compound_to_that_of_the_joined_account():
    result = run(stepped(), market(5, 5000))

    parts = [row["out_of_sample"]["total_return"] for row in result["windows"]]
    whole = float(np.prod([1.0 + part for part in parts])) - 1.0
    assert result["metrics"]["total_return"] == pytest.approx(whole, rel=1e-9)


def test_what_comes_after_a_window_changes_nothing_in_it():
    bars, spec = market(3, 4000), stepped()
    cut = walk_forward_windows(spec, bars)[2].test[1]
    changed = np.concatenate([np.ones(cut), np.full(len(bars) - cut, 3.0)])
    names = ("open", "high", "low", "close")
    other = replace(bars, **{name: getattr(bars, name) * changed for name in names})

    one, two = run(spec, bars), run(spec, other)

    assert one["windows"][:3] == two["windows"][:3]
    assert one["windows"][4:] != two["windows"][4:]


@pytest.mark.parametrize("scheme", ["rolling", "anchored"])
def test_ratios_follow_from_in_and_out_of_sample(scheme):
    result = run(stepped(scheme=scheme, **FREE), market(2, 6000, drift=0.0008))

    inside = [row["in_sample"] for row in result["windows"]]
    sharpe = np.mean([each["sharpe_ratio"] for each in inside])
    growth = np.mean([each["annual_return"] for each in inside])
    out = result["metrics"]
    assert result["overfitting_ratio"] == pytest.approx(1.0 - out["sharpe_ratio"] / sharpe)
    assert result["efficiency"] == pytest.approx(out["annual_return"] / growth)


def test_noise_is_called_nothing_and_a_planted_trend_is_not():
    ranges = {"window_range": (100, 220, 40), "signal_range": (0.2, 1.0, 0.4)}

    noise = run(stepped(**FREE), market(8, 8000))
    trend = run(stepped(train_bars=4000, test_bars=2000, **ranges), market(2, 17_520, drift=0.001))

    assert noise["verdict"].startswith("Nothing here")
    assert trend["t_statistic"] > 2.0
    assert not trend["verdict"].startswith("Nothing here")


def test_stability_counts_how_often_the_parameters_change():
    result = run(stepped(), market(3, 5000))

    for name, told in result["stability"].items():
        values = [row["params"][name] for row in result["windows"]]
        assert told["chosen"] == values
        assert told["changes"] == sum(a != b for a, b in pairwise(values))


def test_few_windows_and_few_trades_are_warned_of():
    result = run(stepped(train_bars=960, test_bars=960), market(1, 2000))

    assert any(said.startswith("2 windows are few") for said in result["warnings"])
    assert any("fewer than 30 trades" in said for said in result["warnings"])


def test_a_window_in_which_nothing_traded_stays_flat():
    bars = market(1, 3000)
    still = np.concatenate([np.full(1500, bars.close[0]), bars.close[1500:]])
    opened = np.concatenate([[still[0]], still[:-1]])
    flat = replace(
        bars,
        open=opened,
        close=still,
        high=np.maximum(opened, still),
        low=np.minimum(opened, still),
    )

    result = run(stepped(), flat)

    assert result["windows"][0]["params"] is None
    assert result["windows"][0]["out_of_sample"]["exposure"] == 0.0
    assert result["windows"][-1]["params"] is not None


def test_a_strategy_with_gaps_and_funding_gives_plain_json():
    spec = stepped(
        window_range=None,
        signal_range=None,
        strategy="ema_cross",
        space={"fast": (5, 15, 5), "slow": (30, 60, 30)},
        png=True,
    )

    result = run(spec, random_bars(4, 4000, deviation=0.005))

    assert json.loads(json.dumps(result, allow_nan=False))["trials"] == 6
    assert set(result["png"]) == set(result["plots"])
    assert any("missing" in said for said in result["warnings"])


def test_a_cancelled_walk_forward_chooses_among_what_ran():
    spec = stepped(signal_range=(0.1, 5.0, 0.1))

    result = walk_forward(spec, market(1, 3000), untold, lambda: True)

    assert result["partial"] is True
    assert 0 < result["trials"] < result["total"] == 200


@pytest.mark.parametrize("first", [0, 5, 24])
def test_only_whole_days_count(first):
    bars = market(1, 240)  # begins at midnight

    days = whole_days(bars, (first, 100))

    assert bars.open_time_ms[0] % (24 * HOUR_MS) == 0
    assert days == ({0: 0, 5: 1, 24: 1}[first], 4)
    assert whole_days(bars, (0, 240)) == (0, 10)
