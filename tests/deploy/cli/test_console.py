"""Progress of long commands: a bar on a terminal, nothing in a pipe."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.fakes.terminal import shown_on_terminal

PROGRAM = (
    "from deploy.cli.console import progress_bar\n"
    "with progress_bar('bars') as progress:\n"
    "    for done in range(51):\n"
    "        progress(done, 100)\n"
)


def test_progress_is_a_bar_with_a_percentage_on_a_terminal():
    shown = shown_on_terminal("-c", PROGRAM)

    assert "bars" in shown
    assert "50%" in shown


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_progress_says_nothing_in_a_pipe(stream):
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True)

    assert getattr(done, stream) == b""
