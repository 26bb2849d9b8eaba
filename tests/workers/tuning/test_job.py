"""Tuning: a job finds what works, sees no holdout, and says what of its best is luck."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from schemas.exits import Exits
from schemas.jobs import RESULT_BYTES, JobResult
from schemas.research import Market, TuningSpec
from streams.evaluation.metrics import sharpe_ratio
from tests.fakes.hourly_markets import DAYS, START_MS, bars_of, noise, trends
from workers.jobs.results import ResultsError
from workers.research.fills import DecidedExits
from workers.research.outcome import simulate_account
from workers.research.strategies import STRATEGIES, strategy_named
from workers.studies.storage import open_storage
from workers.studies.study import StudyDiffers
from workers.studies.trial_pool import evaluating
from workers.tuning.job import TuningJob, take_part, tune
from workers.tuning.objective import HOLDOUT, WindowScorer, split_bars
from workers.tuning.results import stored, trials_parquet


def spec(**given):
    return TuningSpec(**{"strategy_name": "ema_cross", "n_trials": 25} | given)


def job(home, **given):
    return TuningJob("job-1", spec(**given), "worker", home)


def run(home, bars, told=None, **given):
    def progress(*step):
        if told is not None:
            told.append(step)

    return tune(job(home, **given), bars, progress, threading.Event())


def test_a_strategy_that_fits_the_market_is_found_in_and_out_of_sample(tmp_path):
    told: list[tuple[Any, ...]] = []

    result = run(tmp_path, trends(), told)

    assert result["in_sample"]["sharpe_ratio"] > 3.0
    assert result["out_of_sample"]["sharpe_ratio"] > 3.0
    assert result["deflated_sharpe_ratio"] > 0.95
    assert not result["partial"]
    assert result["trials"] == 25
    assert [row["number"] for row in result["trial_table"]] == list(range(25))
    assert {row["name"] for row in result["benchmarks"]} == {"buy and hold", "cash"}
    assert set(result["plots"]) == {"history", "parallel", "slice", "contour"}
    assert sum(result["importance"].values()) == pytest.approx(1.0)
    assert told[0][:2] == (0, 25)
    assert told[-1][0] == 25
    assert told[-1][2] == pytest.approx(result["best_value"])
    json.dumps(result, allow_nan=False)


def test_noise_is_called_noise(tmp_path):
    result = run(tmp_path, noise(days=400), n_trials=60)

    assert result["deflated_sharpe_ratio"] < 0.95
    assert result["verdict"].startswith("Nothing here")


def test_no_trial_sees_the_holdout(tmp_path):
    bars = noise()
    cut = split_bars(bars, 4).holdout.start
    other = bars_of(np.random.default_rng(9).normal(0.0, 0.02, len(bars)))
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(bars, name)[:cut], getattr(other, name)[cut:]])
        for name in ("open", "high", "low", "close", "volume")
    }
    changed = replace(bars, **columns, funding_due=np.zeros(len(bars)))

    one = run(tmp_path / "one", bars)
    two = run(tmp_path / "two", changed)

    def untimed(result):
        return [row | {"seconds": None} for row in result["trial_table"]]

    assert cut == int(len(bars) * (1.0 - HOLDOUT))
    assert untimed(one) == untimed(two)
    assert one["best_params"] == two["best_params"]
    assert one["in_sample"] == two["in_sample"]
    assert one["out_of_sample"] != two["out_of_sample"]


def test_a_trial_is_the_mean_of_its_windows_each_run_by_itself(tmp_path):
    bars = noise()
    result = run(tmp_path, bars, n_trials=3, fee_bps=2.0)

    row = result["trial_table"][2]
    split = split_bars(bars, 4)
    target = strategy_named("ema_cross").target(bars[split.in_sample], row["params"])
    expected = [
        sharpe_ratio(simulate_account(bars[part], target[part], spec(fee_bps=2.0)).returns) or 0.0
        for part in split.windows
    ]
    assert [score[0] for score in row["windows"]] == pytest.approx(expected)
    assert row["values"]["sharpe"] == pytest.approx(np.mean(expected))


def test_a_trial_of_exits_is_run_with_them_and_with_the_fixed_ones(tmp_path):
    bars, fixed = noise(), Exits(hold_bars=30)
    space = {
        "roi_min": {"type": "float", "low": 0.01, "high": 0.1},
        "stoploss": {"type": "float", "low": -0.15, "high": -0.03},
    }
    result = run(tmp_path, bars, n_trials=3, param_space=space, exits=fixed)

    row = result["trial_table"][2]
    split = split_bars(bars, 4)
    target = strategy_named("ema_cross").target(bars[split.in_sample])
    exits = DecidedExits((fixed.replaced(row["params"]),))
    expected = [
        sharpe_ratio(simulate_account(bars[part], target[part], spec(), exits=exits).returns) or 0.0
        for part in split.windows
    ]
    assert row["params"].keys() == space.keys()
    assert [score[0] for score in row["windows"]] == pytest.approx(expected)
    assert result["best_params"].keys() == {"fast", "slow", "short", "roi_min", "stoploss"}
    assert result["out_of_sample"]["trades"] > 0


@pytest.mark.parametrize("objective", ["sharpe", "sortino", "calmar", "total_return"])
def test_each_loss_is_what_is_searched_for(tmp_path, objective):
    result = run(tmp_path, trends(), loss_function=objective, n_trials=5, windows=1)

    best = result["trial_table"][result["best_trial"]]
    names = {"sharpe": "sharpe_ratio", "sortino": "sortino_ratio", "calmar": "calmar_ratio"}
    assert result["objective"] == objective
    assert best["values"][objective] == pytest.approx(
        result["in_sample"][names.get(objective, objective)], rel=1e-9
    )


def test_two_losses_give_a_front(tmp_path):
    result = run(
        tmp_path,
        trends(),
        loss_function=["sharpe", "calmar"],
        sampler="NSGAIISampler",
        n_trials=60,
    )

    assert result["front"]
    assert set(result["plots"]) == {"front"}
    assert set(result["front"][0]["values"]) == {"sharpe", "calmar"}


@pytest.mark.parametrize("strategy", [s.name for s in STRATEGIES])
def test_every_shipped_strategy_can_be_tuned(tmp_path, strategy):
    result = run(tmp_path, noise(days=120), strategy_name=strategy, n_trials=3)

    assert result["trials"] == 3


def test_a_batch_in_processes_of_its_own_gives_the_scores_of_one_here():
    bars = noise(days=60)
    split = split_bars(bars, 4)
    trialled = WindowScorer(
        bars[split.in_sample],
        split.windows,
        strategy_named("ema_cross").target,
        {"short": 1},
        Market(symbol="BTCUSDT"),
        ("sharpe", "calmar"),
    )
    batch = [({"fast": 5 + i, "slow": 50}, [0, 2]) for i in range(3)]

    with evaluating(trialled) as here, evaluating(trialled, 2) as apart:
        assert here(batch) == apart(batch)


def test_a_stopped_job_is_partial_and_goes_on_where_it_was_on_the_same_bars(tmp_path):
    stop, seen = threading.Event(), []

    def progress(*step):
        seen.append(step)
        if step[0] >= 3:
            stop.set()

    bars = trends()
    early = bars[: len(bars) - 30]
    first = tune(job(tmp_path), early, progress, stop)
    rest = run(tmp_path, bars)

    whole = run(tmp_path / "whole", early)
    assert first["partial"]
    assert 3 <= first["trials"] < 25
    assert not rest["partial"]
    assert [r["params"] for r in rest["trial_table"]] == [r["params"] for r in whole["trial_table"]]
    assert rest["best_value"] == whole["best_value"]
    assert rest["market"] == whole["market"]
    with pytest.raises(StudyDiffers, match="have changed since it was started"):
        run(tmp_path, noise())


def test_a_timeout_ends_with_what_there_is(tmp_path):
    result = run(tmp_path, noise(), timeout_s=0.001)

    assert result["partial"]
    assert result["best_params"] is None
    assert result["verdict"] == "Nothing here: none of 0 trials ran to its end."


def test_another_worker_takes_part_only_in_what_was_started(tmp_path):
    bars, helper = trends(), TuningJob("job-1", spec(), "other", tmp_path)
    assert not take_part(helper, bars, threading.Event())
    open_storage(None, tmp_path, "job-1")
    assert not take_part(helper, bars, threading.Event())
    stopped = threading.Event()
    stopped.set()
    tune(job(tmp_path), bars, lambda *_: None, stopped)

    assert take_part(helper, bars, threading.Event())

    result = run(tmp_path, bars)
    assert result["trials"] == 25
    assert not result["partial"]


def test_a_request_without_a_seed_has_one_of_its_own(tmp_path):
    asked = spec(seed=None)

    seeds = {TuningJob(name, asked, "worker", tmp_path).seed() for name in ("a", "b", "a")}

    assert len(seeds) == 2


@pytest.mark.parametrize(
    ("given", "days", "said"),
    [
        ({"strategy_name": "PascalStrategy"}, DAYS, "there is no strategy 'PascalStrategy'"),
        ({}, 3, "tuning over a window and a holdout needs 5 days"),
        ({"param_space": {"slow": {"type": "int", "low": 1, "high": 9}}}, DAYS, "goes from 5 to"),
    ],
)
def test_what_cannot_be_tuned_is_refused_and_leaves_nothing(tmp_path, given, days, said):
    with pytest.raises(ValueError, match=said):
        run(tmp_path, noise(days), **given)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("days", "windows"), [(5, 1), (20, 1), (30, 2), (40, 3), (60, 4)])
def test_bars_that_are_few_make_fewer_windows_and_the_result_says_so(tmp_path, days, windows):
    result = run(tmp_path, noise(days), n_trials=3)

    assert len(result["windows"]) == windows
    assert {len(row["windows"]) for row in result["trial_table"]} == {windows}
    assert (f"{windows} of 4 windows" in result["verdict"]) == (days < 50)


def result_of(parts):
    return JobResult(
        job_id="job-1",
        kind="hyperopt",
        event_time_ms=START_MS,
        status="done",
        trials=1,
        seconds=1.0,
        spec={},
        result=parts,
        git_commit="abc",
        trace_id="t1",
    )


@pytest.mark.parametrize("scheme", ["", "file://", "memory://"])
def test_results_are_files_under_any_url_and_small_enough_for_the_topic(tmp_path, scheme):
    import fsspec

    found = run(tmp_path, trends(), n_trials=4)
    root = f"{scheme}{tmp_path}/results"

    small = stored(result_of(found), root)
    large = stored(result_of(found | {"trial_table": found["trial_table"] * 1_000}), root)

    def read(name):
        with fsspec.open(large.urls[name]) as file:
            return file.read()

    assert small.result == found
    assert set(small.urls) == {"result.json", "plots.json", "trials.parquet"}
    assert large.result is not None
    assert large.result["trial_table"] is None
    assert large.urls["trial_table"] == large.urls["result.json"]
    assert len(large.encode()) < RESULT_BYTES
    assert len(json.loads(read("result.json"))["trial_table"]) == 4_000
    assert read("trials.parquet")[:4] == b"PAR1"


def test_a_result_file_names_the_code_and_the_trace_that_made_it_as_the_answer_does(tmp_path):
    result = stored(result_of({"verdict": "none"}), str(tmp_path))

    written = json.loads((tmp_path / result.job_id / "result.json").read_text())
    assert written == {"verdict": "none", "git_commit": "abc", "trace_id": "t1"}
    assert result.result == {"verdict": "none"}


def test_the_table_of_trials_has_a_column_per_parameter_and_value(tmp_path):
    found = run(tmp_path, trends(), n_trials=4)
    path = tmp_path / "trials.parquet"
    path.write_bytes(trials_parquet(found["trial_table"]))

    table = pd.read_parquet(path)

    assert list(table["number"]) == [0, 1, 2, 3]
    assert {"value_sharpe", "param_fast", "param_slow", "param_short"} <= set(table.columns)


def test_the_addresses_of_results_hold_no_password(monkeypatch):
    root = "memory://user:canary-of-results@desk/results"
    monkeypatch.setenv("REGIMEFLOW_RESULTS_URL", root)

    urls = stored(result_of({}), root).urls

    assert urls["result.json"].startswith("memory://user:***@desk/results/")
    assert "canary" not in str(urls)


def test_results_that_cannot_be_written_name_the_setting():
    with pytest.raises(ResultsError, match=r"REGIMEFLOW_RESULTS_URL.*nowhere://"):
        stored(result_of({}), "nowhere://bucket")
    with pytest.raises(ResultsError, match="REGIMEFLOW_RESULTS_URL"):
        stored(result_of({}), "/dev/null/results")
