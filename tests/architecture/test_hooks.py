"""The hooks before a commit run commands of deploy/test, and no others."""

from __future__ import annotations

from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]


def test_every_hook_runs_a_command_of_the_whole_check():
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    lines = (ROOT / "deploy" / "test").read_text().splitlines()
    commands = {line.removesuffix(" &") for line in lines}

    entries = [hook["entry"] for repository in config["repos"] for hook in repository["hooks"]]

    for entry in entries:
        program, _, arguments = entry.removeprefix(".venv/bin/").partition(" ")
        assert f'"$bin/{program}" {arguments}' in commands
