"""The computing child: warm, stopped when asked, replaced when killed, never the job's victim."""

from __future__ import annotations

import os
import signal
import threading
import time

import numpy as np
import pytest

from schemas.jobs import RESULT_BYTES
from schemas.research import OptimizeSpec, PerformanceSpec
from schemas.timeframes import HOUR_MS
from tests.build import job_result
from workers.backtest.compute import Compute
from workers.bars.arrays import Bars
from workers.jobs.results import within_bounds

FEW = {"window_range": [10, 20, 10], "signal_range": [0.5, 1.5, 0.5]}
MANY = {"window_range": [10, 400, 1], "signal_range": [0.0, 3.0, 0.01]}


def going_on():
    return False


def lives(compute: Compute) -> bool:
    return compute.pid is not None


@pytest.fixture(scope="module")
def compute():
    made = Compute()
    yield made
    made.close()


@pytest.fixture(scope="module")
def bars():
    n = 24 * 60
    close = 100.0 * np.exp(np.cumsum(np.random.default_rng(0).normal(0.0, 0.01, n)))
    opened = np.concatenate([[100.0], close[:-1]])
    top, bottom = np.maximum(opened, close), np.minimum(opened, close)
    times = np.arange(n) * HOUR_MS
    return Bars("BTCUSDT", HOUR_MS, times, opened, top, bottom, close, np.ones(n))


def test_a_job_is_told_from_its_first_to_its_last_trial(compute, bars):
    told = []

    found = compute.run(
        OptimizeSpec(symbol="BTCUSDT", **FEW), bars, lambda *step: told.append(step), going_on
    )

    assert found.error is None
    assert found.result["trials"] == 6
    assert told[-1][:2] == (6, 6)


def test_a_child_lives_from_the_first_job_until_none_has_come_for_a_while(bars):
    spec = OptimizeSpec(symbol="BTCUSDT", **FEW)
    compute = Compute(idle_s=0.5)
    try:
        assert not lives(compute)
        first = compute.run(spec, bars, lambda *_: None, going_on)
        deadline_s = time.monotonic() + 30.0
        while lives(compute) and time.monotonic() < deadline_s:
            threading.Event().wait(0.02)
        assert not lives(compute)

        assert compute.run(spec, bars, lambda *_: None, going_on).error is None
        assert first.error is None
    finally:
        compute.close()


def test_what_is_wrong_with_a_request_is_its_fault_and_the_child_lives_on(compute, bars):
    compute.run(OptimizeSpec(symbol="BTCUSDT", **FEW), bars, lambda *_: None, going_on)
    pid = compute.pid

    found = compute.run(
        PerformanceSpec(symbol="BTCUSDT", strategy="nope"), bars, lambda *_: None, going_on
    )

    assert found.fault == "request"
    assert "no strategy 'nope'" in found.error
    assert compute.pid == pid


def test_a_job_ends_at_its_next_step_with_what_it_has(compute, bars):
    found = compute.run(
        OptimizeSpec(symbol="BTCUSDT", **MANY), bars, lambda *_: compute.stop_job(), going_on
    )

    assert found.result["partial"] is True
    assert 0 < found.result["trials"] < found.result["total"]


def test_a_job_cancelled_as_it_is_handed_over_stops_too(compute, bars):
    found = compute.run(OptimizeSpec(symbol="BTCUSDT", **MANY), bars, lambda *_: None, lambda: True)

    assert found.result["partial"] is True


def test_a_killed_child_is_replaced_and_its_job_run_again(compute, bars):
    compute.run(OptimizeSpec(symbol="BTCUSDT", **FEW), bars, lambda *_: None, going_on)
    first = compute.pid

    def kill_once(*_):
        if compute.pid == first:
            os.kill(first, signal.SIGKILL)

    found = compute.run(OptimizeSpec(symbol="BTCUSDT", **MANY), bars, kill_once, going_on)

    assert found.result["partial"] is False
    assert compute.pid != first


def test_a_job_that_kills_every_child_is_given_up(compute, bars):
    found = compute.run(
        OptimizeSpec(symbol="BTCUSDT", **MANY),
        bars,
        lambda *_: os.kill(compute.pid, signal.SIGKILL),
        going_on,
    )

    assert found.fault == "worker"
    assert "ended 2 times without a result (exit code -9)" in found.error


def test_what_is_too_large_for_the_topic_lies_in_files_named_by_url(tmp_path):
    large = job_result(result={"plots": "x" * RESULT_BYTES, "trades": ["y"] * 10, "trials": 3})

    fitted = within_bounds(large, str(tmp_path))

    assert len(fitted.encode()) <= RESULT_BYTES
    assert fitted.result == {"plots": None, "trades": ["y"] * 10, "trials": 3}
    assert fitted.urls == {"plots": (tmp_path / "job-1" / "plots.json").as_uri()}
    assert within_bounds(large, str(tmp_path)) == fitted
    assert within_bounds(job_result(), "nowhere") == job_result()
