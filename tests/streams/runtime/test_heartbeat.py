"""The sign of life: the main loop's alone, once a second, and whoever waits for it is called."""

from __future__ import annotations

import threading
import time

import pytest

from schemas.status import WorkerStatus
from streams.runtime import heartbeat as beating
from streams.runtime import status as telling
from streams.runtime.heartbeat import Heartbeat
from streams.runtime.status import RepeatedStatus
from tests.build import status


def test_the_main_loop_touches_the_file_at_most_once_a_second(tmp_path):
    heartbeat, calls = Heartbeat(), []
    heartbeat.write_to(tmp_path / "market")
    heartbeat.call(lambda: calls.append(1))

    for _ in range(100):
        heartbeat.beat()

    assert (tmp_path / "market").exists()
    assert calls == [1]


def test_another_thread_is_no_sign_that_the_main_loop_goes_round(tmp_path):
    heartbeat = Heartbeat()
    heartbeat.write_to(tmp_path / "market")

    thread = threading.Thread(target=heartbeat.beat)
    thread.start()
    thread.join()

    assert not (tmp_path / "market").exists()


def test_a_file_that_cannot_be_written_ends_no_process(tmp_path):
    heartbeat = Heartbeat()
    heartbeat.write_to(tmp_path / "gone" / "market")

    heartbeat.beat()


@pytest.fixture
def every_beat(monkeypatch):
    """A heartbeat of its own that beats with each call, and statuses that are always due."""
    monkeypatch.setattr(beating, "BEAT_EVERY_S", 0.0)
    monkeypatch.setattr(telling, "REPEAT_EVERY_S", 0.0)
    heartbeat = Heartbeat()
    monkeypatch.setattr(telling, "heartbeat", heartbeat)
    return heartbeat


def test_the_last_status_is_said_again_with_the_time_of_now_until_closed(every_beat):
    said: list[WorkerStatus] = []
    repeated = RepeatedStatus(said.append)
    every_beat.beat()
    before_ms = int(time.time() * 1000)
    repeated.note(status("market", state="degraded", event_time_ms=1))

    every_beat.beat()
    every_beat.beat()
    repeated.close()
    every_beat.beat()

    assert [(one.process, one.state) for one in said] == [("market", "degraded")] * 2
    assert all(one.event_time_ms >= before_ms for one in said)
