"""The simulator as a process: it stops when told, and goes on where it was."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request

import pytest

from workers.simulator.market import BAR_MS, EPOCH_MS
from workers.simulator.worker import saved_time_ms

PROGRAM = """
import sys
from pathlib import Path
from workers.simulator.server import SimulatorSettings
from workers.simulator.worker import run
run(SimulatorSettings(symbols=("BTCUSDT",), history_minutes=100), Path(sys.argv[1]))
"""


def started(clock_file):
    """The process, and what its first line says."""
    child = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(clock_file)], stdout=subprocess.PIPE, text=True
    )
    return child, child.stdout.readline()


def ended(child, number=signal.SIGTERM):
    child.send_signal(number)
    rest = child.stdout.read()
    child.stdout.close()
    return child.wait(20), rest


def test_it_saves_its_time_when_told_to_stop_and_goes_on_from_there(tmp_path):
    clock_file = tmp_path / "clock.json"
    child, line = started(clock_file)
    code, rest = ended(child)
    stopped = saved_time_ms(clock_file)

    again, _ = started(clock_file)
    second_code, _ = ended(again)

    assert "simulator.started" in line
    assert "simulator.stopped" in rest
    assert (code, second_code) == (0, 0)
    assert stopped >= EPOCH_MS + 100 * BAR_MS
    assert stopped <= saved_time_ms(clock_file) < stopped + 24 * 60 * BAR_MS


def test_after_a_crash_time_does_not_go_back(tmp_path):
    clock_file = tmp_path / "clock.json"
    child, line = started(clock_file)
    url = next(word for word in line.replace("=", " ").split() if word.startswith("http"))
    with urllib.request.urlopen(url + "/sim/clock") as response:  # noqa: S310 - our own loopback
        seen = json.loads(response.read())["now_ms"]

    code, _ = ended(child, signal.SIGKILL)

    assert code == -signal.SIGKILL
    assert saved_time_ms(clock_file) >= seen


def test_a_clock_file_that_is_not_ours_is_refused_with_the_way_out(tmp_path):
    clock_file = tmp_path / "clock.json"
    clock_file.write_text("[1]")

    with pytest.raises(ValueError, match="remove it to start anew"):
        saved_time_ms(clock_file)
