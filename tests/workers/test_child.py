"""A child process: told to stop, killed, gone with its parent."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from multiprocessing.connection import Connection

import pytest

from tests.fakes.processes import ends
from workers.child import Child, ChildFailed, SharedFlag, call_in_child, end_with_parent

WITHIN_S = 20.0
PARENT = """
import sys, time
from tests.workers.test_child import sleep_for_ever
from workers.child import Child

if __name__ == "__main__":
    child = Child(sleep_for_ever)
    print(child.channel.recv(), flush=True)
    time.sleep(float(sys.argv[1]))
"""


def add(channel: Connection, stop: SharedFlag, one: int, other: int) -> None:
    channel.send((one + other, stop.is_set(), os.nice(0)))


def wait_for_stop(channel: Connection, stop: SharedFlag) -> None:
    channel.send("ready")
    assert stop.wait(WITHIN_S)
    channel.send("stopped")


def sleep_for_ever(channel: Connection, _: SharedFlag) -> None:
    channel.send(os.getpid())
    time.sleep(10 * WITHIN_S)


def test_a_child_runs_a_function_at_a_lower_priority_and_answers():
    child = Child(add, 1, 2, niceness=3)

    assert child.channel.recv() == (3, False, os.nice(0) + 3)
    child.process.join(WITHIN_S)
    assert child.process.exitcode == 0
    with pytest.raises(EOFError):
        child.channel.recv()


def divide(one: int, other: int) -> float:
    return one / other


def test_a_call_in_a_child_returns_or_raises_as_the_function_does():
    assert call_in_child(divide, 1, 2, cancelled=lambda: False) == 0.5
    with pytest.raises(ZeroDivisionError):
        call_in_child(divide, 1, 0, cancelled=lambda: False)


def test_a_call_that_is_cancelled_or_whose_child_dies_fails():
    with pytest.raises(ChildFailed, match="sleep was cancelled"):
        call_in_child(time.sleep, 10 * WITHIN_S, cancelled=lambda: True)
    with pytest.raises(ChildFailed, match="_exit ended with exit code 7"):
        call_in_child(os._exit, 7, cancelled=lambda: False)


def test_a_child_that_is_asked_to_stop_ends_by_itself():
    child = Child(wait_for_stop)
    assert child.channel.recv() == "ready"

    child.finish(WITHIN_S)

    assert child.channel.recv() == "stopped"
    assert child.process.exitcode == 0


def look_for_ever(channel: Connection, stop: SharedFlag) -> None:
    channel.send("ready")
    while not stop.is_set():
        pass


def test_a_child_that_is_killed_while_it_looks_at_the_flag_holds_nobody_up():
    child = Child(look_for_ever)
    assert child.channel.recv() == "ready"
    assert child.process.pid is not None

    os.kill(child.process.pid, signal.SIGKILL)  # it does nothing else than look
    child.process.join(WITHIN_S)
    asked = threading.Thread(target=child.stop.set, daemon=True)
    asked.start()
    asked.join(WITHIN_S)

    assert not asked.is_alive()
    child.kill()


def test_a_flag_is_waited_for_no_longer_than_told():
    flag = SharedFlag()

    assert not flag.wait(0.0)
    flag.set()
    assert flag.wait(0.0)
    flag.clear()
    assert not flag.is_set()


def test_a_child_that_does_not_stop_is_killed():
    child = Child(sleep_for_ever)
    child.channel.recv()

    child.finish(0.01)

    assert child.process.exitcode == -signal.SIGKILL


@pytest.mark.parametrize("ending", ["killed", "returns"])
def test_a_child_ends_with_its_parent(ending, tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    lives_s = 0.0 if ending == "returns" else 10 * WITHIN_S
    command = [sys.executable, str(script), str(lives_s)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())

        if ending == "killed":
            parent.kill()
        assert parent.wait(WITHIN_S) == (0 if ending == "returns" else -signal.SIGKILL)

    assert ends(pid, WITHIN_S)


def test_a_process_that_is_no_child_has_no_parent_to_end_with():
    assert multiprocessing.parent_process() is None

    with pytest.raises(RuntimeError, match="only a child process"):
        end_with_parent()
