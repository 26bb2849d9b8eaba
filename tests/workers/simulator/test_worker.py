"""The simulator as a process: it stops when told, and goes on where it was."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request

import pytest

from workers.settings import Settings
from workers.simulator.market import BAR_MS, EPOCH_MS
from workers.simulator.worker import CLOCK_FILE, SPARE_MINUTES, saved_time_ms, simulator_settings

PROGRAM = """
import sys
from pathlib import Path
from workers.process import LogSettings, configure_logging
from workers.settings import Settings
from workers.simulator.worker import run
configure_logging(LogSettings("simulator"), lambda line: print(line, flush=True))
run(Settings(home=Path(sys.argv[1]), universe=("BTCUSDT",), history_bars=1000))
"""


def started(home):
    """Start the process; return it and its first log line."""
    child = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(home)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    return child, json.loads(child.stdout.readline())


def ended(child, number=signal.SIGTERM):
    child.send_signal(number)
    rest = child.stdout.read()
    child.stdout.close()
    return child.wait(20), rest


def test_it_saves_its_time_when_told_to_stop_and_goes_on_from_there(tmp_path):
    child, line = started(tmp_path)
    code, rest = ended(child)
    stopped = saved_time_ms(tmp_path / CLOCK_FILE)

    again, resumed = started(tmp_path)
    second_code, _ = ended(again)

    assert line["event"] == "simulator.started"
    assert json.loads(rest)["event"] == "simulator.stopped"
    assert (code, second_code) == (0, 0)
    assert stopped >= EPOCH_MS + (1000 + SPARE_MINUTES) * BAR_MS
    assert stopped <= resumed["now_ms"] < stopped + 10 * BAR_MS


def test_after_a_crash_time_does_not_go_back(tmp_path):
    child, line = started(tmp_path)
    with urllib.request.urlopen(line["rest_url"] + "/sim/clock") as response:  # noqa: S310 - our own loopback
        seen = json.loads(response.read())["now_ms"]

    code, _ = ended(child, signal.SIGKILL)

    assert code == -signal.SIGKILL
    assert saved_time_ms(tmp_path / CLOCK_FILE) >= seen


def test_a_clock_file_that_is_not_ours_is_refused_with_the_way_out(tmp_path):
    clock_file = tmp_path / CLOCK_FILE
    clock_file.write_text("[1]")

    with pytest.raises(ValueError, match="remove it to start anew"):
        saved_time_ms(clock_file)


def test_settings_of_the_pipeline_give_a_past_as_long_as_the_back_fill(tmp_path):
    hourly = Settings(
        home=tmp_path, timeframes=("1h",), history_bars=1000, simulator_url="http://127.0.0.1:4321"
    )

    settings = simulator_settings(hourly)

    assert settings.port == 4321
    assert settings.symbols == hourly.universe
    assert settings.history_minutes >= 60_000


@pytest.mark.parametrize(
    ("timeframes", "minutes"),
    [("1m", 10_000), ("1m,15m,1h", 600_000), ("1d", 14_400_000), ("1h,4h", 3 * 525_600)],
)
def test_the_past_is_long_enough_for_every_timeframe(tmp_path, timeframes, minutes):
    settings = Settings(home=tmp_path, timeframes=timeframes, history_bars=10_000)

    assert simulator_settings(settings).history_minutes == minutes + SPARE_MINUTES
