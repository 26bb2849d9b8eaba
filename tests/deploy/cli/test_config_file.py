"""``regimeflow validate``: the faults of a tradai.yaml, each with its line; no gateway is asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from deploy.cli.app import app
from tests.fakes.documented_config import TRADAI_YAML


def check(path: Path, content: str | bytes, *options: str) -> Result:
    file = path / "tradai.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return CliRunner().invoke(app, ["validate", str(file), *options])


def test_the_documented_file_is_valid_and_the_next_command_is_named(tmp_path: Path):
    result = check(tmp_path, TRADAI_YAML)
    document = json.loads(check(tmp_path, TRADAI_YAML, "--json").stdout)

    assert result.exit_code == 0
    assert "`regimeflow strategy stage MyStrategy --version 1.0.0 --file" in result.stdout
    assert document["valid"]
    assert document["config_hash"][:8] in result.stdout


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        ("strategy:\n  name: a\n  timeframe: 7m\n", 3, 'strategy.timeframe: got "7m"'),
        ("strategy:\n  name: a\nstratgy: {}\n", 3, "stratgy: unknown key"),
        ("# x\nsymbols:\n  - BTC-USD\n  - 7\n", 4, "strategy_service.defaults.symbols.1: got 7"),
        ("strategy:\n  name: a\n  name: b\n", 3, "the key name stands twice"),
        ("strategy: &x {}\nmlflow: *x\n", 1, "anchors and aliases"),
        ("strategy:\n  name: [\n", 3, "no YAML"),
        ("- 1\n", 1, "expected a mapping"),
        ("", 1, "expected a mapping"),
        ("decision:\n  grade_bands:\n  - 0.5\n  - 0.6\n  - 0.7\n", 1, "fall from A+ to B"),
        ("deployment:\n  ecr:\n    name: x\n", 2, "deployment.ecr.repository: Field required"),
        ("deployment:\n  ecr:\n    name: x\n", 3, "deployment.ecr.name: unknown key"),
        ("timeframe: 1h\nstrategy:\n  timeframe: 1h\n", 1, "says it too"),
    ],
)
def test_a_fault_is_said_with_its_line(tmp_path: Path, content: str, line: int, message: str):
    result = check(tmp_path, content)
    document = json.loads(check(tmp_path, content, "--json").stdout)

    assert result.exit_code == 1
    rows = [row for row in result.stdout.splitlines() if message in row]
    assert rows[0].startswith(f"{tmp_path}/tradai.yaml:{line}: ")
    assert line in [error["line"] for error in document["errors"]]
    assert not document["valid"]


def test_every_fault_is_said(tmp_path: Path):
    result = check(tmp_path, "a: 1\nb: 2\nstrategy:\n  timeframe: 7m\n")

    assert len(result.stdout.splitlines()) == 3


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"a: \x80"])
def test_what_is_no_text_is_unreadable(tmp_path: Path, content: bytes):
    result = check(tmp_path, content)

    assert result.exit_code == 2
    assert "no UTF-8 text" in result.stderr


@pytest.mark.parametrize("name", ["absent.yaml", "."])
def test_what_is_no_file_is_unreadable(tmp_path: Path, name: str):
    result = CliRunner().invoke(app, ["validate", str(tmp_path / name)])

    assert result.exit_code == 2
    assert "expected a strategy's config" in result.stderr


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.one_of(st.text(max_size=80), st.binary(max_size=40)))
def test_any_file_is_valid_invalid_or_unreadable(tmp_path: Path, content: str | bytes):
    if isinstance(content, str):
        content = content.encode(errors="replace")

    result = check(tmp_path, content)

    assert result.exit_code in {0, 1, 2}
    assert result.exit_code == 0 or result.output
