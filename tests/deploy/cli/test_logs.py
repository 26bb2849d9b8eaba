"""``regimeflow logs``: merged, filtered, readable; a wrong call is told what would be right."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from deploy.cli.app import app
from deploy.local.log_files import LogFile


def event(second, name, level="info", **facts):
    time = f"2026-01-01T00:00:{second:02}.125000Z"
    return json.dumps({"time": time, "level": level, "process": "market", "event": name, **facts})


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("REGIMEFLOW_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def logged(home):
    market, ingest = LogFile(home / "logs", "market"), LogFile(home / "logs", "ingest")
    market.write(event(2, "state.restored", keys=4, seconds=0.31))
    ingest.write(event(1, "backfill.done", bars={"BTCUSDT": 10_000}))
    ingest.write(event(3, "stream.lost", level="warning", reason="closed by the venue"))
    market.write(event(4, "library.said", level="debug"))


def run(*words):
    return CliRunner().invoke(app, ["logs", *words])


@pytest.mark.usefixtures("logged")
def test_lines_are_merged_and_say_time_level_process_event_and_facts():
    shown = run()

    assert shown.exit_code == 0
    assert [line.split()[4] for line in shown.stdout.splitlines()] == [
        "backfill.done",
        "state.restored",
        "stream.lost",
    ]
    assert "2026-01-01 00:00:02.125  INFO      market" in shown.stdout
    assert "keys=4 seconds=0.31" in shown.stdout
    assert 'reason="closed by the venue"' in shown.stdout


@pytest.mark.usefixtures("logged")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("ingest",), ["backfill.done", "stream.lost"]),
        (("--level", "warning"), ["stream.lost"]),
        (("-n", "2"), ["state.restored", "stream.lost"]),
        (("--lines", "1", "market"), ["state.restored"]),
        (("-n", "50"), ["backfill.done", "state.restored", "stream.lost"]),
        (("--level", "DEBUG", "market"), ["state.restored", "library.said"]),
        (("--since", "2026-01-01T00:00:02"), ["state.restored", "stream.lost"]),
        (("--since", "90s"), []),
    ],
)
def test_lines_are_chosen(words, expected):
    shown = run(*words, "--json")

    assert shown.exit_code == 0
    assert [json.loads(line)["event"] for line in shown.stdout.splitlines()] == expected


@pytest.mark.usefixtures("logged")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("banana",), "no log of banana; there are ingest, market"),
        (("--level", "loud"), "level 'loud' is unknown; expected debug, info"),
        (("--since", "soon"), "--since 'soon' is no time; expected 90s"),
        (("--since", "9" * 20 + "d"), "is no time; expected 90s"),
        (("--since", "0001-01-01T00:00+05:00"), "is no time; expected 90s"),
    ],
)
def test_a_wrong_call_is_told_with_what_would_be_right(words, said):
    shown = run(*words)

    assert shown.exit_code == 2
    assert said in shown.stderr


@pytest.mark.usefixtures("home")
def test_a_home_without_logs_says_who_writes_them():
    shown = run()

    assert shown.exit_code == 1
    assert "`regimeflow run` writes them" in shown.stderr
