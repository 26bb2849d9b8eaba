"""``regimeflow mlflow``: what keeps MLflow's pages from opening is one line."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.cli import mlflow
from deploy.cli.app import app


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REGIMEFLOW_HOME", str(tmp_path))
    monkeypatch.setattr(mlflow, "LOCKED_S", 0.05)
    monkeypatch.setattr(mlflow, "_serve", lambda *_: 0)
    return tmp_path / "mlflow.db"


def refusal() -> str:
    result = CliRunner().invoke(app, ["mlflow"])
    assert (result.exit_code, result.exception.__class__) == (1, SystemExit)
    return result.output


def test_a_damaged_database_is_named_with_the_way_out(database: Path) -> None:
    database.write_bytes(b"no database" * 100)

    assert f"{database} cannot be read (file is not a database)" in refusal()


def test_a_database_that_another_process_holds_is_named(database: Path) -> None:
    with closing(sqlite3.connect(database, isolation_level=None)) as held:
        held.execute("BEGIN EXCLUSIVE")

        assert "cannot be read (database is locked): try again" in refusal()


def test_a_whole_database_is_served(database: Path) -> None:
    with closing(sqlite3.connect(database)) as made:
        made.execute("CREATE TABLE one (a)")

    assert CliRunner().invoke(app, ["mlflow"]).exit_code == 0
