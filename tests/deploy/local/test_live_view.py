"""Screens: the first signal is this run's own, a restart says so, every long step has progress."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace
from typing import cast

import pytest
from rich.console import Console

from deploy.local import live_view as live
from deploy.local.live_view import JsonScreen, PlainScreen, TerminalScreen
from deploy.local.run_watch import RunView
from deploy.local.supervisor import Supervisor

URL = "http://127.0.0.1:8080/"


def supervised(*children: SimpleNamespace) -> Supervisor:
    """Return what a screen reads of a supervisor: its children."""
    return cast("Supervisor", SimpleNamespace(children=children))


INGEST = SimpleNamespace(name="ingest", running=True, state="running", restarts=0)
RUNNING = supervised(INGEST)
HEALTH = {
    "status": "healthy",
    "model_loaded": False,
    "degraded": [],
    "processes": {},
    "symbols": [],
    "dead_letters": {},
}


@pytest.fixture
def views(monkeypatch):
    """What the gateway answers, one view for each look."""
    answers: list[RunView] = []
    monkeypatch.setattr(live, "RunWatch", lambda *_: SimpleNamespace(ask=lambda: answers.pop(0)))
    return answers


def training(stage, done):
    step = {"stage": stage, "done": done, "note": ""}
    return RunView(HEALTH, {"serving": {}, "training": step})


def said(capsys):
    return [line.split("] ", 1)[1] for line in capsys.readouterr().out.splitlines()]


def test_a_first_start_tells_its_first_signal(views, capsys):
    screen = PlainScreen()
    screen.ready(URL, None)
    views += [RunView(HEALTH | {"model_loaded": True}, None, first=True)]
    screen.look(RUNNING)

    opening, first, summary = said(capsys)
    assert opening == f"dashboard: {URL}"
    assert first.startswith("first signal after ")
    assert summary.startswith("live, healthy")


def test_a_run_without_a_gateway_names_no_dashboard(capsys):
    screen = PlainScreen()
    screen.ready(None, None)
    screen.look(RUNNING)

    assert said(capsys) == ["no gateway runs here: no dashboard"]


def test_a_restart_says_that_it_continues_and_counts_the_first_new_signal(views, capsys):
    screen = PlainScreen()
    screen.ready(URL, 1_767_225_600_000)
    views += [RunView(HEALTH | {"model_loaded": True}, None, first=True)]
    screen.look(RUNNING)

    told = said(capsys)
    assert told[1].startswith("continued: signals up to the bar of 2026-01-01 00:00:00 UTC")
    assert told[2].startswith("first new signal after ")


def test_progress_is_thinned_out_but_a_new_phase_is_told_at_once(views, capsys):
    screen = PlainScreen()
    screen.ready(URL, None)
    views += [
        RunView(),
        training("folds", 0.2),
        training("folds", 0.3),
        RunView(HEALTH, None),
    ]
    for _ in range(3):
        screen.look(RUNNING)

    told = said(capsys)
    assert told[1:] == ["[####................]  20% first training, step 2 of 6, folds"]


def test_a_process_that_keeps_dying_is_told_with_its_last_words():
    once = SimpleNamespace(name="market", running=False, state="restarting", restarts=1)
    often = SimpleNamespace(
        name="ingest",
        running=False,
        state="restarting",
        restarts=5,
        last_words=lambda _: "no such venue",
    )

    waiting = SimpleNamespace(name="explain", running=False, state="waiting", restarts=0)

    told = live.dead(supervised(once, often, INGEST, waiting))

    assert told == ["market", "ingest again (5 times): no such venue"]


def test_parts_of_a_step_are_thinned_out_to_the_first_and_the_last(capsys):
    screen = PlainScreen()
    screen.step("compiling kernels (once)")
    for number in range(1, 9):
        screen.step(f"kernels: {number} of 8", number / 8)

    assert said(capsys) == ["compiling kernels (once)", "kernels: 8 of 8"]


def test_json_lines_are_json_and_say_whether_the_run_continues(views, capsys):
    screen = JsonScreen()
    screen.step("kernels: 1 of 8", 0.125)
    screen.ready(URL, 60_000)
    views += [training("lstm", 0.9), RunView(HEALTH, None, first=True)]
    screen.look(RUNNING)
    screen.look(RUNNING)

    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    by_name = {event["event"]: event for event in events}
    assert by_name["step"]["done"] == 0.125
    assert by_name["ready"]["continued"] is True
    assert by_name["first_signal"]["continued"] is True
    assert (by_name["progress"]["phase"], by_name["progress"]["done"]) == ("training", 0.9)
    assert by_name["health"]["training"]["stage"] == "lstm"


def test_a_terminal_shows_the_training_and_is_given_back(views, monkeypatch):
    out = io.StringIO()
    monkeypatch.setattr(
        "rich.console.Console",
        lambda **options: Console(file=out, force_terminal=True, width=100, **options),
    )
    screen = TerminalScreen()
    screen.step("compiling kernels (once)")
    screen.step("kernels: 3 of 8", 0.375)
    screen.ready(URL, None)
    views += [training("folds", 0.5)]
    screen.look(RUNNING)
    screen.close()
    screen.close()

    drawn = out.getvalue()
    assert "kernels: 3 of 8" in drawn
    assert "[##########..........]  50% first training, step 2 of 6, folds" in drawn
    assert drawn.rindex("\x1b[?25h") > drawn.rindex("\x1b[?25l")  # the cursor is back
