"""``regimeflow run`` as a real process: what it refuses before anything is started."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

from deploy.local.home_lock import HomeLock

ROOT = Path(__file__).resolve().parents[3]


def run(home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``regimeflow run`` to its end."""
    clean = {name: value for name, value in os.environ.items() if "REGIMEFLOW" not in name}
    return subprocess.run(
        [sys.executable, "-m", "deploy.cli.app", "run", *arguments],
        env={**clean, "REGIMEFLOW_HOME": str(home), **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def refusal(done: subprocess.CompletedProcess[str], code: int) -> str:
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert done.stderr.startswith("regimeflow: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_a_second_run_on_the_same_home_is_refused_naming_the_holder(tmp_path):
    lock = HomeLock(tmp_path / "run.lock")
    lock.take()
    try:
        done = run(tmp_path)
    finally:
        lock.release()

    message = refusal(done, 1)
    assert f"{tmp_path} is in use by process {os.getpid()}" in message
    assert "REGIMEFLOW_HOME" in message


def test_a_port_that_is_taken_is_refused_with_the_way_out(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        message = refusal(run(tmp_path, "--port", str(port)), 1)

    assert f"port {port} on loopback is taken" in message
    assert "--port" in message
    lock = HomeLock(tmp_path / "run.lock")  # nothing is left behind but the log
    lock.take()
    lock.release()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["logs", "run.lock"]
    assert "run.failed" in (tmp_path / "logs" / "run.log").read_text()


def test_a_home_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("not a folder")

    assert "file" in refusal(run(tmp_path / "file" / "home"), 1)


def test_a_key_or_mode_that_would_trade_never_starts(tmp_path):
    message = refusal(run(tmp_path, APP_MODE="live"), 2)

    assert "analysis_only" in message


def test_a_dirty_replay_file_is_refused_with_file_column_and_row(tmp_path):
    path = tmp_path / "BTCUSDT_perp_1m.csv"
    rows = ("2025-01-01T00:00:00Z,1,2,1,2,5", "2025-01-01T00:01:00Z,1,2,1,oops,5")
    path.write_text("\n".join(("date,open,high,low,close,volume", *rows)))

    message = refusal(run(tmp_path / "home", "--replay", str(path)), 2)

    assert f"{path}: column close, row 2: oops, expected a finite number" in message
    assert not (tmp_path / "home").exists()


def test_a_missing_replay_file_is_refused_by_name(tmp_path):
    path = tmp_path / "ETHUSDT_perp_1h.parquet"

    assert f"{path}: no such file" in refusal(run(tmp_path, "--replay", str(path)), 2)


def test_a_home_of_a_replay_without_its_files_is_refused_at_once_with_the_command(tmp_path):
    files = [["BTCUSDT_perp_1m.parquet", "BTCUSDT", 60_000], ["ETH.csv", "ETHUSDT", 60_000]]
    (tmp_path / "source.json").write_text(json.dumps({"exchange": "replay", "files": files}))

    message = refusal(run(tmp_path), 2)

    assert "regimeflow run --replay BTCUSDT_perp_1m.parquet ETH.csv" in message
    assert "REGIMEFLOW_HOME" in message
    assert not (tmp_path / "kafka").exists()
