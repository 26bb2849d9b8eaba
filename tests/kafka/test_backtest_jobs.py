"""Back-test jobs end to end on a real broker: told at once, one result whatever is killed."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import numpy as np
import orjson
import pytest
import uvicorn

from deploy.topics.refdata import publish_refdata
from gateway.app import create_app
from gateway.kafka.bus import KafkaBus
from gateway.settings import GatewaySettings
from schemas.jobs import JobResult
from schemas.topics import JOB_RESULTS
from streams.runtime.publisher import Publisher
from streams.runtime.reader import Reader
from streams.runtime.settings import KafkaSettings
from tests.build import bar
from tests.fakes.gateway import NotifyingServer

pytestmark = [pytest.mark.anyio, pytest.mark.kafka]

ROOT = Path(__file__).resolve().parents[2]
BARS = 20_000
WITHIN_S = 180.0
OWN = {"job_id", "trace_id"}  # of each request
SMALL = {"symbol": "BTCUSDT", "window_range": [10, 100, 10], "signal_range": [0.5, 2.5, 0.25]}
LARGE = {"symbol": "BTCUSDT", "window_range": [10, 400, 5], "signal_range": [0.0, 3.0, 0.02]}


@pytest.fixture(scope="module")
def anyio_backend():
    return "asyncio"


@pytest.fixture
def kafka(pipeline_topics):
    """A cluster with two weeks of one market and reference data."""
    settings = KafkaSettings(pipeline_topics)
    publish_refdata(settings)
    publisher = Publisher(settings, "market")
    close = 100.0 * np.exp(np.cumsum(np.random.default_rng(0).normal(0.0, 1e-3, BARS)))
    before = 100.0
    for minute, price in enumerate(close.tolist()):
        high, low = max(before, price), min(before, price)
        publisher.publish(bar(minute, open=before, high=high, low=low, close=price))
        before = price
    publisher.flush()
    return settings


class BacktestProcess:
    """The back-test process, started as the supervisor does."""

    def __init__(self, kafka, home):
        kept = {k: v for k, v in os.environ.items() if not k.startswith("REGIMEFLOW_")}
        self._environment = kept | {
            "REGIMEFLOW_HOME": str(home),
            "REGIMEFLOW_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        }
        self.start()

    def start(self):
        command = [sys.executable, "-m", "deploy.process", "backtest"]
        self.process = subprocess.Popen(command, cwd=ROOT, env=self._environment)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        self.process.terminate()
        assert self.process.wait(WITHIN_S) == 0


@asynccontextmanager
async def gateway(kafka):
    """A gateway on a free port that has read everything and knows its worker."""
    settings = GatewaySettings(
        kafka_bootstrap_servers=kafka.bootstrap_servers, universe=("BTCUSDT",)
    )
    app = create_app(settings, KafkaBus(settings))
    config = uvicorn.Config(app, port=0, log_level="error", timeout_graceful_shutdown=1)
    server = NotifyingServer(config)
    serving = asyncio.create_task(server.serve())
    await server.up.wait()
    try:
        async with httpx.AsyncClient(base_url=server.url, timeout=WITHIN_S) as client:
            ctx = app.state.ctx
            async with asyncio.timeout(WITHIN_S):
                while not ctx.bus.ready or worker_state(ctx) != "running":  # noqa: ASYNC110 - the broker answers on its own time
                    await asyncio.sleep(0.05)
            yield client
    finally:
        server.should_exit = True
        await serving


def worker_state(ctx):
    status = ctx.views.statuses.get("backtest")
    return status.state if status else None


async def events(response):
    """Yield (event, id, body) of a stream."""
    event, place = "", ""
    async for line in response.aiter_lines():
        name, _, text = line.partition(": ")
        if name == "event":
            event = text
        elif name == "id":
            place = text
        elif name == "data":
            body = orjson.loads(text)
        elif not line and event:
            yield event, place, body
            event = ""


def results(kafka, job_id):
    with Reader(kafka, (JOB_RESULTS,)) as reader:
        records = [message.record for message in reader.read_to_end()]
    assert all(isinstance(record, JobResult) for record in records)
    return [r for r in records if isinstance(r, JobResult) and r.job_id == job_id]


async def test_progress_comes_before_the_result_which_is_that_of_the_plain_route(kafka, tmp_path):
    worker = BacktestProcess(kafka, tmp_path)
    async with gateway(kafka) as client:
        async with client.stream("POST", "/backtest/optimize/stream", json=SMALL) as response:
            seen = [(event, body) async for event, _, body in events(response)]
        plain = (await client.post("/backtest/optimize", json=SMALL)).json()
        unknown = await client.post(
            "/backtest/optimize", json=SMALL | {"strategy": None, "to_ms": 1}
        )
    worker.stop()

    names = [event for event, _ in seen]
    assert (names[0], names[-1]) == ("init", "result")
    assert "progress" in names
    assert seen[0][1]["total_trials"] == 90
    assert {k: v for k, v in seen[-1][1].items() if k not in OWN} == {
        k: v for k, v in plain.items() if k not in OWN
    }
    assert unknown.status_code == 400
    assert "no bar of BTCUSDT" in unknown.json()["detail"]


async def test_a_killed_worker_runs_the_job_again_and_there_is_one_result(kafka, tmp_path):
    worker = BacktestProcess(kafka, tmp_path)
    async with (
        gateway(kafka) as client,
        client.stream("POST", "/backtest/optimize/stream", json=LARGE) as response,
    ):
        restarts, last = 0, None
        async for event, _, body in events(response):
            if event == "progress" and body["trial"] and not restarts:
                worker.kill()
                worker.start()
                restarts += 1
            last = event, body
    worker.stop()

    assert last is not None
    assert last[0] == "result", last[1]
    assert last[1]["partial"] is False
    assert last[1]["trials"] == last[1]["total"]
    assert len(results(kafka, last[1]["job_id"])) == 1


async def cancelled_before_it_began(client):
    """Ask for a job behind the one that runs and cancel it; returns the request under way."""
    waiting = asyncio.create_task(client.post("/backtest/optimize", json=SMALL | {"seed": 1}))
    queued: list[str] = []
    while not queued:
        listed = (await client.get("/backtest/jobs")).json()["jobs"]
        queued = [job["job_id"] for job in listed if job["status"] == "queued"]
    await client.delete(f"/backtest/jobs/{queued[0]}")
    return waiting


async def test_a_cancelled_job_keeps_what_it_has_and_the_next_one_runs(kafka, tmp_path):
    worker = BacktestProcess(kafka, tmp_path)
    async with gateway(kafka) as client:
        async with client.stream("POST", "/backtest/optimize/stream", json=LARGE) as response:
            async for event, _, body in events(response):
                if event == "progress" and body["trial"] and body["stage"] == "progress":
                    waiting = await cancelled_before_it_began(client)
                    job = f"/backtest/jobs/{body['job_id']}"
                    assert (await client.delete(job)).json()["status"] in (
                        "cancelling",
                        "cancelled",
                    )
                last = event, body
        never = await waiting
        again = await client.post("/backtest/optimize", json=SMALL)
        held = (await client.get(job)).json()
    worker.stop()

    assert last[0] == "result"
    assert (last[1]["status"], last[1]["partial"]) == ("cancelled", True)
    assert 0 < last[1]["trials"] < last[1]["total"]
    assert held["result"]["trials"] == last[1]["trials"]
    assert never.status_code == 409
    assert "was cancelled before it had any" in never.json()["detail"]
    assert again.status_code == 200
