"""The process on a real broker: snapshots, an end in good order, refusals at the start."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from schemas.portfolio import AccountSnapshot
from schemas.record import Record
from schemas.status import WorkerStatus
from schemas.topics import PORTFOLIO_SNAPSHOTS, WORKER_STATUS
from streams.runtime.reader import Reader
from streams.runtime.settings import EXIT_REFUSED, KafkaSettings
from workers.simulator.account_book import SimulatedPosition
from workers.simulator.protocol.venue import KeyRights
from workers.simulator.server import SimulatorSettings, serve

pytestmark = pytest.mark.kafka

ROOT = Path(__file__).resolve().parents[3]
WITHIN_S = 60.0
KEY = {"REGIMEFLOW_BINANCE_API_KEY": "canary-key", "REGIMEFLOW_BINANCE_API_SECRET": "canary-hush"}


def records(kafka: KafkaSettings) -> list[Record]:
    with Reader(kafka, (PORTFOLIO_SNAPSHOTS, WORKER_STATUS)) as reader:
        return [message.record for message in reader.read_to_end()]


def process(home: Path, bootstrap: str, more: Mapping[str, str]) -> subprocess.Popen[str]:
    environment = {
        **{name: value for name, value in os.environ.items() if "BINANCE" not in name},
        "REGIMEFLOW_KAFKA_BOOTSTRAP_SERVERS": bootstrap,
        "REGIMEFLOW_HOME": str(home),
        "REGIMEFLOW_LOG_LEVEL": "DEBUG",
        **more,
    }
    command = [sys.executable, "-m", "deploy.process", "account"]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stderr=subprocess.STDOUT,
        stdout=subprocess.PIPE,
        text=True,
    )


def run_at_a_venue(
    home: Path, bootstrap: str, *, rights: KeyRights, snapshots: int
) -> tuple[int, str, list[AccountSnapshot]]:
    """Return exit code, words and snapshots of a process that is stopped after some of them."""
    kafka = KafkaSettings(bootstrap)

    def held() -> list[AccountSnapshot]:
        return [r for r in records(kafka) if isinstance(r, AccountSnapshot)]

    async def main() -> tuple[int, str, list[AccountSnapshot]]:
        market = SimulatorSettings(paused=True, history_minutes=3_000, key_rights=rights)
        async with serve(market) as simulator:
            simulator.venue.account.holdings.append(SimulatedPosition("BTCUSDT", 0.1, 90_000.0))
            url = {"REGIMEFLOW_SIMULATOR_URL": simulator.rest_url}
            running = process(home, bootstrap, {**KEY, **url})
            try:
                deadline = time.monotonic() + WITHIN_S
                while running.poll() is None and len(await asyncio.to_thread(held)) < snapshots:
                    assert time.monotonic() < deadline, "no snapshot came"
                    await asyncio.sleep(0.2)
                running.terminate()
                said, _ = await asyncio.to_thread(running.communicate, timeout=20)
            finally:
                running.kill()
            return running.returncode, said, held()

    return asyncio.run(main())


def test_a_snapshot_is_published_and_the_process_ends_in_good_order(pipeline_topics, tmp_path):
    code, said, held = run_at_a_venue(tmp_path, pipeline_topics, rights=KeyRights(), snapshots=1)

    assert code == 0, said
    [position] = held[-1].positions
    assert (held[-1].venue, position.symbol, position.quantity) == ("simulated", "BTCUSDT", 0.1)
    assert not [canary for canary in KEY.values() if canary in said]
    states = [
        r.state
        for r in records(KafkaSettings(pipeline_topics))
        if isinstance(r, WorkerStatus) and r.process == "account"
    ]
    assert {"running", "stopping"} <= set(states)
    assert states[-1] == "stopping"


def test_a_key_that_can_trade_is_refused_before_anything_is_read(pipeline_topics, tmp_path):
    before = len(records(KafkaSettings(pipeline_topics)))

    code, said, _ = run_at_a_venue(
        tmp_path, pipeline_topics, rights=KeyRights(futures=True), snapshots=1_000
    )

    assert code == EXIT_REFUSED
    assert "enableFutures" in said
    later = records(KafkaSettings(pipeline_topics))[before:]
    assert not [record for record in later if isinstance(record, AccountSnapshot)]


@pytest.mark.parametrize("exchange", ["simulated", "replay"])
def test_without_a_key_or_a_venue_the_refusal_says_what_to_set(pipeline_topics, tmp_path, exchange):
    more = {"REGIMEFLOW_EXCHANGE": exchange, **(KEY if exchange == "replay" else {})}
    running = process(tmp_path, pipeline_topics, more)

    said, _ = running.communicate(timeout=WITHIN_S)

    assert running.returncode == EXIT_REFUSED
    assert "REGIMEFLOW_BINANCE_API_KEY" in said
