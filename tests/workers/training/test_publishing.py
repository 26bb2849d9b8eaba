"""A bundle that cannot be stored waits, says so, and gives up only where nobody wants it."""

from __future__ import annotations

import pytest

from tests.build import registered
from workers.child import ChildFailed
from workers.models.bundle_store import StoreError
from workers.training import publishing
from workers.training.publishing import publish_bundles

REMOTE = registered(uri="s3://bucket/models/ensemble/m1")


def test_what_lies_in_a_folder_is_stored_already(monkeypatch):
    monkeypatch.setattr(publishing, "call_in_child", None)

    publish_bundles([registered()], pytest.fail, lambda: False)


def test_a_training_that_is_cancelled_waits_for_no_store(tmp_path, monkeypatch):
    monkeypatch.setenv("REGIMEFLOW_HOME", str(tmp_path))
    said: list[str] = []

    def fails(*_, **__):
        raise StoreError("s3://bucket is away")

    monkeypatch.setattr(publishing, "call_in_child", fails)

    with pytest.raises(ChildFailed, match="was not stored before it was cancelled"):
        publish_bundles([REMOTE], said.append, lambda: bool(said))

    assert said == [f"model {REMOTE.model_version} waits for its store: s3://bucket is away", ""]


def test_a_child_that_is_killed_while_it_stores_is_tried_again(tmp_path, monkeypatch):
    monkeypatch.setenv("REGIMEFLOW_HOME", str(tmp_path))
    monkeypatch.setattr(publishing, "RETRY_EVERY_S", 0.0)
    outcomes: list[Exception | None] = [ChildFailed("publish ended with exit code -9"), None]
    said: list[str] = []

    def ends(*_, **__):
        if failure := outcomes.pop(0):
            raise failure

    monkeypatch.setattr(publishing, "call_in_child", ends)

    publish_bundles([REMOTE], said.append, lambda: False)

    assert "exit code -9" in said[0]
    assert (said[-1], outcomes) == ("", [])
