"""When MLflow is mirrored: after records, and after somebody has changed what is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.topics import MODELS_CHANGES
from streams.runtime.codec import Stored
from workers.settings import Settings
from workers.training import mlflow_follower
from workers.training.mlflow_follower import MARKER, MirrorSchedule
from workers.training.mlflow_tracking import Tracking

RECORD = Stored(MODELS_CHANGES.name, 0, 7, 0, None, b"", [])


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlflow_follower, "SETTLES_AFTER_S", 0.0)
    monkeypatch.setattr(mlflow_follower, "AGAIN_AFTER_S", 0.0)


def started(home: Path, uri: str | None = None) -> MirrorSchedule:
    """Return the schedule of a process that has just read one record."""
    tracking = Tracking.from_settings(Settings(home=home, mlflow_tracking_uri=uri))
    schedule = MirrorSchedule(tracking, home / MARKER)
    schedule.take([RECORD])
    return schedule


def test_a_database_that_somebody_changed_or_removed_is_mirrored_again(tmp_path):
    database = tmp_path / "mlflow.db"
    database.write_bytes(b"mirrored")
    schedule = started(tmp_path)

    assert schedule.is_due()
    schedule.mirrored("")
    assert not schedule.is_due()
    database.write_bytes(b"changed by hand")
    assert schedule.is_due()
    schedule.mirrored("")
    assert not started(tmp_path).is_due()  # a restart that finds all as it was left
    database.unlink()
    assert schedule.is_due()
    assert started(tmp_path).is_due()


def test_a_result_that_was_logged_here_is_mirrored_by_the_pipeline(tmp_path):
    (tmp_path / "mlflow.db").write_bytes(b"mirrored")
    schedule = started(tmp_path)
    assert schedule.is_due()
    schedule.mirrored("")

    (tmp_path / "logged").mkdir()

    assert schedule.is_due()


def test_a_failure_is_tried_again_and_a_server_is_compared_at_every_start(tmp_path):
    server = "http://127.0.0.1:5000"
    schedule = started(tmp_path, server)

    assert schedule.is_due()
    schedule.mirrored("MLflow is behind: it is away")
    assert schedule.is_due()
    schedule.mirrored("")
    assert not schedule.is_due()
    assert started(tmp_path, server).is_due()


def test_a_marker_that_is_damaged_or_cannot_be_written_only_mirrors_again(tmp_path):
    schedule = started(tmp_path)
    (tmp_path / "mlflow.db").touch()
    (tmp_path / MARKER).write_bytes(b"\xff\x00")
    assert schedule.is_due()

    (tmp_path / MARKER).unlink()
    (tmp_path / MARKER).mkdir()  # as good as a full disk
    schedule.mirrored("")

    assert not schedule.is_due()
    assert started(tmp_path).is_due()
