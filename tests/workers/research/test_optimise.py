"""Optimise: the best of a grid, what it is worth, and noise that is called noise."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from tests.fakes.random_bars import random_bars
from tests.fakes.searches import FREE, asked, market, never, untold
from workers.research import optimise as module
from workers.research.optimise import optimise
from workers.research.trials import run_trials, trial_target

STRATEGY = {"window_range": None, "signal_range": None, "strategy": "ema_cross"}
SPACE = {"space": {"fast": (5, 20, 5), "slow": (30, 60, 15)}}


def search(spec, bars):
    return optimise(spec, bars, untold, never)


def test_the_best_parameters_are_those_of_the_highest_objective():
    bars, spec = market(1, 3000), asked(objective="sortino")

    result = search(spec, bars)

    everything = run_trials(bars, spec)
    best = int(np.nanargmax(everything.sortino))
    assert result["best_params"] == everything.params(best)
    assert result["top_10"][0]["score"] == everything.sortino[best]
    scores = [row["score"] for row in result["top_10"]]
    assert scores == sorted(scores, reverse=True)
    assert (len(scores), result["trials"], result["total"]) == (10, 12, 12)


def test_rows_of_the_grid_equal_their_run_by_the_fill_engine():
    bars = random_bars(3, 3000, deviation=0.005)

    result = search(asked(), bars)

    for row in result["top_10"]:
        assert row["metrics"]["sharpe_ratio"] == pytest.approx(row["score"], abs=1e-9)


def test_a_result_is_json_without_nan_and_says_what_it_ran_on():
    bars = random_bars(5, 2500, deviation=0.005)

    result = search(asked(), bars)

    assert json.loads(json.dumps(result, allow_nan=False)) == json.loads(json.dumps(result))
    assert result["market"]["gaps"] == bars.gaps > 0
    assert result["funding_note"] == bars.funding_note
    assert [row["name"] for row in result["benchmarks"]] == ["buy and hold", "cash"]
    assert result["costs"]["fee_bps"] == 5.0
    assert {"history", "parallel", "contour", "importance", "heatmap"} <= set(result["plots"])


@pytest.mark.parametrize("costs", [FREE, {}], ids=["free", "with costs"])
def test_pure_noise_over_a_thousand_combinations_is_called_nothing(costs):
    spec = asked(window_range=(10, 500, 10), signal_range=(0.1, 2.0, 0.1), **costs)
    results = [search(spec, market(seed, 8760)) for seed in range(3)]

    assert spec.combinations == 1000
    assert all(r["verdict"].startswith("Nothing here") for r in results)
    assert all(r["deflated_sharpe_ratio"] < 0.95 for r in results)
    assert np.mean([r["pbo"] for r in results]) > 0.3


def test_a_planted_trend_is_found():
    spec = asked(window_range=(100, 220, 20), signal_range=(0.2, 1.0, 0.2))

    result = search(spec, market(2, 17_520, drift=0.0008))

    assert result["deflated_sharpe_ratio"] > 0.95
    assert not result["verdict"].startswith("Nothing here")
    assert result["neighbourhood"]["shape"] == "plateau"


def test_a_result_of_over_a_thousand_trials_stays_below_900_kilobytes():
    spec = asked(window_range=(10, 510, 10), signal_range=(0.02, 1.0, 0.02))

    result = search(spec, market(4, 2000))

    assert result["trials"] == 2550
    assert result["plots_note"].endswith("of 2,550 trials are drawn")
    assert len(json.dumps(result)) < 900_000


def test_progress_begins_with_the_first_block_and_ends_with_all():
    told = []

    optimise(asked(signal_range=(0.1, 5.0, 0.1)), market(1, 1000), lambda *a: told.append(a), never)

    assert told[0][0] < 100
    assert told[-1][:2] == (200, 200)
    bests = [best for _, _, best in told if best is not None]
    assert bests == sorted(bests)


def test_a_cancelled_search_keeps_what_it_has_and_says_partial():
    spec = asked(signal_range=(0.1, 5.0, 0.1))

    result = optimise(spec, market(1, 1000), untold, lambda: True)

    assert result["partial"] is True
    assert 0 < result["trials"] < result["total"] == 200
    assert result["top_10"]


def test_a_strategy_is_searched_through_the_fill_engine():
    bars, spec = market(1, 3000), asked(**STRATEGY, **SPACE)

    result = search(spec, bars)

    found = run_trials(bars, spec, keep_daily=True)
    assert result["trials"] == 12
    assert set(result["best_params"]) == {"fast", "slow"}
    assert found.returns is not None
    returns = found.returns[:, 0]
    assert found.sharpe[0] == pytest.approx(
        returns.mean() / returns.std(ddof=1) * math.sqrt(365), abs=1e-9
    )
    assert trial_target(bars, found, 0).shape == (3000,)


@pytest.mark.parametrize("sampler", ["TPESampler", "RandomSampler", "CmaEsSampler"])
def test_a_sampler_with_the_same_seed_tries_the_same_sets(sampler):
    spec = asked(sampler=sampler, n_trials=15, seed=7, signal_range=(0.2, 2.0, 0.2))
    bars = market(1, 1500)

    one, two = search(spec, bars), search(spec, bars)

    assert one["top_10"] == two["top_10"]
    assert one["total"] == 15 >= one["trials"] > 1
    assert "importance" in one["plots"]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"sampler": "CmaEsSampler", "signal_range": (1, 1, 1)}, "two parameters"),
        ({"window_range": (20, 4000, 20)}, "needs more than"),
        ({"data_column": "funding_rate"}, "no funding rate"),
        (STRATEGY | {"strategy": "nothing"}, "there is no strategy 'nothing'"),
        (STRATEGY, "space is empty"),
        (STRATEGY | {"space": {"fast": (1, 9, 1)}}, "fast is 1"),
        (STRATEGY | {"space": {"quick": (5, 9, 1)}}, "no parameter quick"),
    ],
)
def test_a_wrong_request_is_refused_with_what_to_change(changed, told):
    with pytest.raises(ValueError, match=told):
        search(asked(**changed), market(1, 1000))


def test_a_week_is_searched_and_said_to_prove_nothing():
    result = search(asked(), market(1, 7 * 24))

    assert "7 days are too few to prove anything" in result["verdict"]


def test_too_few_bars_are_refused_with_how_many_are_needed():
    with pytest.raises(ValueError, match=r"needs 5 days, about 120 bars"):
        search(asked(), market(1, 60))


def test_a_market_that_never_trades_is_nothing_without_a_best():
    result = search(asked(signal_range=(50, 60, 5)), market(1, 1000))

    assert result["best_params"] is None
    assert result["verdict"] == "Nothing here: none of 12 combinations traded."


def test_a_grid_too_large_to_keep_is_compared_on_a_part_with_the_best_in_it(monkeypatch):
    monkeypatch.setattr(module, "PBO_TRIALS", 5)
    bars, spec = market(1, 2000), asked()

    result = search(spec, bars)

    assert 5 <= result["pbo_trials"] <= 6
    assert result["trials"] == 12


def test_plots_as_png_are_png():
    import base64

    result = search(asked(png=True), market(1, 1000))

    assert set(result["png"]) == {"history", "distribution", "importance", "heatmap"}
    for text in result["png"].values():
        assert base64.b64decode(text).startswith(b"\x89PNG\r\n\x1a\n")
