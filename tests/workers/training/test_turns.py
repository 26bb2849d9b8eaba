"""Turns: no heavy child runs beside a training, and what a training ends runs again."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from workers.child import ChildFailed
from workers.training.turns import Turns

WITHIN_S = 60.0


def run_number(path: Path) -> int:
    """Return how often it has run; the first run never ends by itself."""
    with path.open("a") as file:
        file.write("x")
    runs = path.stat().st_size
    if runs == 1:
        threading.Event().wait()
    return runs


def last_run_number(path: Path) -> int:
    path.write_text("x")
    return run_number(path)


def never() -> bool:
    return False


def test_a_report_waits_for_the_training(tmp_path):
    turns, waits = Turns(quiet_s=0.0), threading.Event()

    def cancelled() -> bool:
        waits.set()
        return False

    with ThreadPoolExecutor(1) as pool:
        with turns.training():
            file = tmp_path / "runs"
            called = pool.submit(turns.call_between, last_run_number, file, cancelled=cancelled)
            assert waits.wait(WITHIN_S)
            assert not file.exists()

        assert called.result(WITHIN_S) == 2


def test_a_report_waits_between_trainings_that_follow_each_other(tmp_path):
    turns, stop = Turns(quiet_s=3600.0), threading.Event()
    with turns.training():
        pass
    with ThreadPoolExecutor(1) as pool:
        called = pool.submit(
            turns.call_between, last_run_number, tmp_path / "runs", cancelled=stop.is_set
        )
        stop.set()

        with pytest.raises(ChildFailed):
            called.result(WITHIN_S)
    assert not (tmp_path / "runs").exists()


def test_what_a_training_ends_runs_again_after_it(tmp_path):
    turns, file = Turns(quiet_s=0.0), tmp_path / "runs"
    with ThreadPoolExecutor(1) as pool:
        called = pool.submit(turns.call_between, run_number, file, cancelled=never)
        deadline_s = time.monotonic() + WITHIN_S
        while not file.exists() and time.monotonic() < deadline_s:
            threading.Event().wait(0.02)
        with turns.training():
            assert not called.done()

        assert called.result(WITHIN_S) == 2
