"""``regimeflow serve`` on a real broker: it answers, reloads, and ends on SIGTERM."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from deploy.cli.app import app
from deploy.local.ports import usable_port
from deploy.local.run_watch import read_health
from gateway import envelope
from tests.fakes.processes import ends

pytestmark = pytest.mark.kafka

WITHIN_S = 90.0


@contextmanager
def served(home: Path, broker: str, *options: str) -> Iterator[tuple[int, str]]:
    """Run ``regimeflow serve``; yields its process and its address once that answers."""
    port = usable_port(0)
    command = [sys.executable, "-m", "deploy.cli.app", "serve", "--port", str(port), *options]
    settings = {"REGIMEFLOW_HOME": str(home), "REGIMEFLOW_KAFKA_BOOTSTRAP_SERVERS": broker}
    with (home / "serve.log").open("w") as log:
        process = subprocess.Popen(command, env={**os.environ, **settings}, stderr=log, stdout=log)
    try:
        url = f"http://127.0.0.1:{port}/"
        wait_for(lambda: read_health(url), process)
        yield process.pid, url
        process.send_signal(signal.SIGTERM)
        assert process.wait(40.0) == 0, (home / "serve.log").read_text()
        assert read_health(url) is None
    finally:
        process.kill()
        process.wait()


def wait_for(answer: Any, process: subprocess.Popen[bytes] | None = None) -> Any:
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline and (process is None or process.poll() is None):
        if value := answer():
            return value
        time.sleep(0.1)
    raise AssertionError("no answer in time")


def children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in listed.split()]


def test_a_gateway_alone_answers_and_its_health_is_told_with_an_exit_code(
    tmp_path, pipeline_topics, monkeypatch
):
    monkeypatch.setenv("REGIMEFLOW_HOME", str(tmp_path))

    with served(tmp_path, pipeline_topics) as (_, url):
        told = CliRunner().invoke(app, ["health", "--url", url])
        document = CliRunner().invoke(app, ["health", "--url", url, "--json"])

    assert (told.exit_code, document.exit_code) == (1, 1)  # nothing but the gateway runs
    body = json.loads(document.stdout)
    assert body["status"] in {"starting", "degraded"}
    assert told.stdout.startswith(("status starting", "status degraded"))
    assert "no model serves yet" in " ".join(body["degraded"])


@pytest.mark.skipif(sys.platform != "linux", reason="finds the gateway in /proc")
def test_a_gateway_that_reloads_starts_again_when_its_source_changes(tmp_path, pipeline_topics):
    with served(tmp_path, pipeline_topics, "--reload") as (pid, url):
        [first] = children(pid)
        os.utime(envelope.__file__)
        assert ends(first, WITHIN_S)
        wait_for(lambda: first not in children(pid) and read_health(url))
