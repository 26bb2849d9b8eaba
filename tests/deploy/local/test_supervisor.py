"""The supervisor: what dies comes back, what refuses ends the run, nothing outlives it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from deploy.local import silence
from deploy.local import supervisor as supervising
from deploy.local.stalls import Stall
from deploy.local.supervisor import ProcessRefused, Supervisor
from tests.fakes.processes import ends

ROOT = Path(__file__).resolve().parents[3]

NOTE = (
    "import os, sys, time, pathlib, signal; "
    "pathlib.Path(sys.argv[1]).open('a').write(f'{os.getpid()}\\n'); "
)
WAITS = NOTE + "time.sleep(60)"
# A handler that prints fails where the signal comes while the other print is not over yet.
DRAINS = NOTE + (
    "signal.signal(signal.SIGTERM, lambda *_: (os.write(1, b'drained'), sys.exit(0))); "
    "print('ready', flush=True); time.sleep(60)"
)
IGNORES = NOTE + (
    "signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
)
BEATS = NOTE + (
    "from streams.runtime.heartbeat import heartbeat; "
    "heartbeat.write_to(pathlib.Path(os.environ['REGIMEFLOW_HEARTBEAT'])); "
    "[(heartbeat.beat(), time.sleep(0.05)) for _ in range(10_000)]"
)
REFUSES = "import sys; print('UNIVERSE: no such symbol, expected BTCUSDT'); sys.exit(78)"


def running(tmp_path: Path, **scripts: str) -> Supervisor:
    """Return a supervisor of tiny programs, by name; each appends its id to a file of its name."""

    def command(name: str) -> list[str]:
        return [sys.executable, "-c", scripts[name], str(tmp_path / name)]

    return Supervisor(tuple(scripts), tmp_path / "logs", {}, command)


def starts_of(tmp_path: Path, name: str) -> list[int]:
    path = tmp_path / name
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def watch_until(
    supervisor: Supervisor, reached: Callable[[], bool], within_s: float = 20.0
) -> None:
    """Watch until something is so; fails when it takes too long."""
    stop = threading.Event()
    deadline = time.monotonic() + within_s

    def look() -> None:
        if reached() or time.monotonic() > deadline:
            stop.set()

    supervisor.watch(stop, 0.02, look)
    assert reached()


def logged(tmp_path: Path, name: str, text: str) -> bool:
    path = tmp_path / "logs" / f"{name}.log"
    return path.exists() and text in path.read_text()


def test_a_process_gives_back_what_memory_it_has_freed(tmp_path):
    keeps = NOTE + "pathlib.Path(sys.argv[1] + '.env').write_text(repr(dict(os.environ)))"
    written = tmp_path / "market.env"
    supervisor = running(tmp_path, market=keeps)
    supervisor.start()
    try:
        watch_until(supervisor, written.is_file)
        environment = written.read_text()
    finally:
        supervisor.stop()

    assert {name for name in supervising.LITTLE_MEMORY if name not in environment} == set()
    assert "'MALLOC_ARENA_MAX': '2'" in environment


def test_a_process_that_is_killed_is_started_again_within_two_seconds_and_told_in_one_line(
    tmp_path, log_lines
):
    supervisor = running(tmp_path, market=WAITS)
    supervisor.start()
    try:
        watch_until(supervisor, lambda: len(starts_of(tmp_path, "market")) == 1)
        os.kill(starts_of(tmp_path, "market")[0], signal.SIGKILL)
        killed_at = time.monotonic()

        watch_until(supervisor, lambda: supervisor.children[0].started_at > killed_at)

        assert supervisor.children[0].started_at - killed_at <= 2.0
        assert supervisor.children[0].restarts == 1
        watch_until(supervisor, lambda: len(starts_of(tmp_path, "market")) == 2)
    finally:
        supervisor.stop()
    [line] = log_lines("debug")
    assert (line["event"], line["level"]) == ("process.restarted", "warning")
    assert (line["name"], line["ended_by"], line["restarts"]) == ("market", "SIGKILL", 1)
    assert line["remedy"]
    assert not (tmp_path / "logs" / "market.log").exists()  # it said nothing, nobody for it


def test_a_process_that_ends_over_and_over_tells_its_restarts_and_its_last_exit_code(tmp_path):
    supervisor = running(tmp_path, gateway=NOTE + "sys.exit(3)", market=WAITS)
    gateway, market = supervisor.children
    supervisor.start()
    first = gateway.life
    try:
        watch_until(supervisor, lambda: gateway.restarts == 2)
    finally:
        supervisor.stop()

    assert (first["state"], first["restarts"]) == ("running", 0)
    assert (first["last_exit_code"], first["last_end"]) == (None, None)
    life = gateway.life
    assert (life["restarts"], life["last_exit_code"]) == (2, 3)
    assert life["last_end"] == "exit code 3"
    assert (life["state"], life["pid"]) == ("restarting", None)
    assert int(str(life["since_ms"])) >= int(str(first["since_ms"]))
    assert market.life["restarts"] == 0


@pytest.fixture
def quick_look(monkeypatch):
    """A supervisor that takes two seconds of silence for a hang."""
    monkeypatch.setattr(silence, "HUNG_AFTER_S", 2.0)


@pytest.mark.usefixtures("quick_look")
def test_a_stopped_process_is_started_again_and_one_line_says_that_it_hung(tmp_path):
    supervisor = running(tmp_path, market=BEATS, signals=BEATS)
    market, signals = supervisor.children
    supervisor.start()
    try:
        watch_until(supervisor, market.silence.file.exists)
        pid = starts_of(tmp_path, "market")[0]
        with capture_logs() as lines:
            os.kill(pid, signal.SIGSTOP)

            watch_until(supervisor, lambda: len(starts_of(tmp_path, "market")) == 2)

        assert ends(pid, within_s=20)
        assert [line["event"] for line in lines] == ["process.hung"]
        assert lines[0]["name"] == "market"
        assert lines[0]["silent_s"] >= 2.0
        assert (market.restarts, signals.restarts) == (1, 0)
        assert (market.life["last_end"], market.life["last_exit_code"]) == ("hung", -9)
    finally:
        supervisor.stop()


def test_a_process_that_beats_and_stands_still_is_started_again_and_said(tmp_path):
    supervisor = running(tmp_path, market=BEATS, signals=BEATS)
    market, signals = supervisor.children
    supervisor.start()
    try:
        watch_until(supervisor, market.silence.file.exists)
        pid = starts_of(tmp_path, "market")[0]
        with capture_logs() as lines:
            assert not supervisor.end_stalled(Stall("market", 10, 300.0))  # it began a moment ago

            assert supervisor.end_stalled(Stall("market", 10, 0.001))
            watch_until(supervisor, lambda: len(starts_of(tmp_path, "market")) == 2)

        assert ends(pid, within_s=20)
        assert [line["event"] for line in lines] == ["process.stalled"]
        assert lines[0].items() >= {"name": "market", "behind": 10, "restarts": 1}.items()
        assert (market.restarts, signals.restarts) == (1, 0)
    finally:
        supervisor.stop()


@pytest.mark.usefixtures("quick_look")
def test_a_supervisor_that_slept_itself_takes_nobody_for_hung(tmp_path):
    supervisor = running(tmp_path, market=BEATS)
    (market,) = supervisor.children
    supervisor.start()
    try:
        watch_until(supervisor, market.silence.file.exists)
        market.silence.look(0.0)

        assert not market.silence.look(3_600.0)
    finally:
        supervisor.stop()


def test_a_process_starts_once_one_before_it_has_loaded(tmp_path, monkeypatch):
    monkeypatch.setattr(supervising, "LOADING_AT_ONCE", 1)
    supervisor = running(tmp_path, first=BEATS, second=WAITS, third=WAITS)
    first, second, third = supervisor.children
    try:
        states = [child.state for child in supervisor.children]
        watch_until(supervisor, lambda: second.running)
        loaded = first.silence.file.exists()
        waiting = third.state  # the second gives no beat
        monkeypatch.setattr(supervising, "LOADS_FOR_S", 0.0)
        watch_until(supervisor, lambda: third.running)
    finally:
        supervisor.stop()

    assert states == ["waiting"] * 3
    assert (loaded, waiting) == (True, "waiting")
    assert [child.restarts for child in supervisor.children] == [0, 0, 0]


def test_a_process_that_still_loads_its_libraries_has_more_time(tmp_path):
    loading = silence.Silence(tmp_path / "beats" / "market")
    loading.begin()

    assert not any(loading.look(1.0) for _ in range(240))
    assert loading.look(1.0)


def test_one_that_keeps_dying_is_tried_again_at_least_every_two_seconds(tmp_path):
    supervisor = running(tmp_path, market="raise SystemExit(1)")
    supervisor.start()
    try:
        watch_until(supervisor, lambda: supervisor.children[0].restarts >= 3)

        assert supervisor.children[0].delay_s <= 2.0
    finally:
        supervisor.stop()


def test_a_process_that_refuses_its_configuration_ends_the_run_with_its_message(tmp_path):
    supervisor = running(tmp_path, market=WAITS, ingest=REFUSES)
    supervisor.start()
    try:
        with pytest.raises(ProcessRefused, match=r"ingest refused.*\n.*expected BTCUSDT"):
            watch_until(supervisor, lambda: False)
    finally:
        supervisor.stop()

    assert not any(child.running for child in supervisor.children)


def test_a_process_has_an_environment_of_its_own_beside_the_shared_one(tmp_path):
    says = "import os; print(os.environ.get('SHARED'), os.environ.get('PORT')); " + DRAINS

    def command(name: str) -> list[str]:
        return [sys.executable, "-c", says, str(tmp_path / name)]

    own = {"market": {"PORT": "9100"}, "signals": {"PORT": "9101"}}
    names = ("market", "signals", "gateway")
    supervisor = Supervisor(names, tmp_path / "logs", {"SHARED": "all"}, command, own)
    supervisor.start()
    watch_until(supervisor, lambda: all(logged(tmp_path, name, "ready") for name in names))
    supervisor.stop()

    for name, said in {"market": "9100", "signals": "9101", "gateway": "None"}.items():
        assert logged(tmp_path, name, f"all {said}")


def test_stopping_lets_every_process_drain(tmp_path):
    supervisor = running(tmp_path, market=DRAINS, signals=DRAINS)
    supervisor.start()
    watch_until(
        supervisor, lambda: all(logged(tmp_path, name, "ready") for name in ("market", "signals"))
    )

    killed = supervisor.stop()

    assert killed == ()
    assert all(logged(tmp_path, name, "drained") for name in ("market", "signals"))


def test_one_that_does_not_stop_is_killed_and_named(tmp_path, monkeypatch):
    monkeypatch.setattr(supervising, "STOP_WITHIN_S", 0.3)
    supervisor = running(tmp_path, market=IGNORES, signals=DRAINS)
    supervisor.start()
    watch_until(
        supervisor, lambda: all(logged(tmp_path, name, "ready") for name in ("market", "signals"))
    )

    killed = supervisor.stop()

    assert killed == ("market",)
    assert not any(child.running for child in supervisor.children)


def test_processes_end_when_the_supervisor_is_killed_outright(tmp_path):
    child = f"from deploy.process import drain_with_supervisor; drain_with_supervisor(); {WAITS}"
    program = (
        "import sys, threading, pathlib\n"
        "from deploy.local.supervisor import Supervisor\n"
        f"command = lambda name: [sys.executable, '-c', {child!r}, {str(tmp_path / 'market')!r}]\n"
        f"each = Supervisor(('market',), pathlib.Path({str(tmp_path)!r}), {{}}, command)\n"
        "each.start()\n"
        "each.watch(threading.Event(), 0.05, lambda: None)\n"
    )
    supervisor = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT)
    try:
        deadline = time.monotonic() + 30
        while not starts_of(tmp_path, "market") and time.monotonic() < deadline:
            time.sleep(0.02)
        (pid,) = starts_of(tmp_path, "market")

        supervisor.kill()

        assert ends(pid, within_s=20)
    finally:
        supervisor.kill()
        supervisor.wait()
