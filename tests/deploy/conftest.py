"""What several tests of the operator's tools begin with."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder with a home of its own; ``.env`` in it counts."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("REGIMEFLOW_ENV_FILE", raising=False)
    monkeypatch.setenv("REGIMEFLOW_HOME", str(tmp_path / "home"))
    return tmp_path
