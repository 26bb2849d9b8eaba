"""Threads beside the main work: one that fails ends the process with its cause."""

from __future__ import annotations

import threading

import pytest

from streams.runtime.settings import Fatal
from workers.watched_threads import WatchedThreads


def test_a_thread_that_fails_stops_the_process_and_says_why():
    stop = threading.Event()
    threads = WatchedThreads(stop)

    def fail() -> None:
        raise OverflowError("a time of the year 56971")

    def wait() -> None:
        stop.wait(10.0)

    threads.start("market.bars.v1", fail)
    threads.start("patient", wait)
    threads.join()

    assert stop.is_set()
    with pytest.raises(Fatal, match=r"thread market\.bars\.v1: .*56971"):
        threads.raise_fatal()


def test_a_fatal_error_keeps_its_own_words():
    threads = WatchedThreads(threading.Event())

    def fail() -> None:
        raise Fatal("the broker is gone")

    threads.start("any", fail)
    threads.join()

    with pytest.raises(Fatal, match="the broker is gone"):
        threads.raise_fatal()


def test_threads_that_end_by_themselves_stop_nothing():
    stop = threading.Event()
    threads = WatchedThreads(stop)

    threads.start("done", lambda: None)
    threads.join()

    threads.raise_fatal()
    assert not stop.is_set()
