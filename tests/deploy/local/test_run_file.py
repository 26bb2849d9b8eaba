"""run.json: written by news only, and a home that is full costs its status, not the run."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from deploy.local.run_file import RunFile


@pytest.fixture
def supervisor() -> Any:
    return SimpleNamespace(children=[SimpleNamespace(name="gateway", life={"restarts": 0})])


def test_the_file_follows_what_becomes_of_the_processes_and_is_else_left_alone(
    tmp_path, supervisor
):
    path = tmp_path / "run.json"
    file = RunFile(path, {"pid": 7})

    file.write(supervisor)
    first = path.stat().st_ino
    file.keep_up(supervisor)
    same = path.stat().st_ino
    supervisor.children[0].life = {"restarts": 1}
    file.keep_up(supervisor)

    assert same == first
    assert json.loads(path.read_text()) == {"pid": 7, "supervised": {"gateway": {"restarts": 1}}}


def test_a_home_that_cannot_be_written_is_told_once_and_caught_up_with(tmp_path, supervisor):
    home = tmp_path / "home"
    file = RunFile(home / "run.json", {})
    home.write_text("a file where the folder was")

    with capture_logs() as lines:
        file.keep_up(supervisor)
        file.keep_up(supervisor)
        home.unlink()
        home.mkdir()
        file.keep_up(supervisor)

    assert [line["event"] for line in lines] == ["status.lost"]
    assert json.loads((home / "run.json").read_text())["supervised"]
    with pytest.raises(OSError, match=r"run\.json"):
        RunFile(home / "run.json" / "run.json", {}).write(supervisor)
