"""Files that are written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from workers.storage import whole_file


def test_the_old_file_is_read_until_the_new_one_is_complete(tmp_path: Path):
    path = tmp_path / "clock.json"
    path.write_text("old")

    with whole_file(path) as fresh:
        fresh.write_text("new")
        assert path.read_text() == "old"

    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_fails_leaves_the_old_file_alone(tmp_path: Path):
    path = tmp_path / "clock.json"
    path.write_text("old")

    def write() -> None:
        with whole_file(path) as fresh:
            fresh.write_text("half")
            raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        write()

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
