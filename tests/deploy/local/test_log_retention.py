"""Log files are kept for as many days as the environment says."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

from deploy.local.log_files import LogFile, LogReader, Wanted
from deploy.local.log_retention import DAY_S, LogRetention

BEGIN_S = datetime(2026, 1, 1, tzinfo=UTC).timestamp()


def written(folder: Path, day: int) -> None:
    """Write a line of a day, and let the file's own time be that day."""
    file = LogFile(folder, "market")
    time = datetime.fromtimestamp(BEGIN_S + day * DAY_S, UTC).isoformat()
    file.write(json.dumps({"time": time, "level": "info", "event": "bar.closed", "day": day}))
    os.utime(file.path, (BEGIN_S + day * DAY_S,) * 2)


def kept(folder: Path) -> list[int]:
    return [line["day"] for line in LogReader(folder, Wanted()).read()]


def test_lines_are_kept_for_the_days_that_are_set_and_not_much_longer(tmp_path):
    day = 0
    retention = LogRetention(tmp_path, 30, clock=lambda: BEGIN_S + day * DAY_S)
    for day in range(200):
        written(tmp_path, day)
        retention.keep_up()

        held = kept(tmp_path)
        assert held == list(range(held[0], day + 1))
        assert day - 45 <= held[0] <= max(0, day - 30)


def test_the_log_of_a_process_that_is_gone_goes_too_and_others_are_left(tmp_path):
    written(tmp_path, 0)
    (tmp_path / "broker.txt").write_text("no log of ours")
    os.utime(tmp_path / "broker.txt", (BEGIN_S,) * 2)

    LogRetention(tmp_path, 90, clock=lambda: BEGIN_S + 89 * DAY_S).keep_up()
    before = kept(tmp_path)
    LogRetention(tmp_path, 90, clock=lambda: BEGIN_S + 91 * DAY_S).keep_up()

    assert (before, kept(tmp_path)) == ([0], [])
    assert [p.name for p in tmp_path.iterdir() if p.stat().st_size] == ["broker.txt"]


def test_an_hour_passes_between_two_looks(tmp_path):
    now_s = BEGIN_S + 91 * DAY_S
    retention = LogRetention(tmp_path, 90, clock=lambda: now_s)
    retention.keep_up()
    written(tmp_path, 0)

    retention.keep_up()
    soon = kept(tmp_path)
    now_s += 3_600
    retention.keep_up()

    assert (soon, kept(tmp_path)) == ([0], [])
