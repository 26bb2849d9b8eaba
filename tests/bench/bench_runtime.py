"""The exactly-once runtime against a bare transactional loop and against a Faust Table.

Every contender is a process of its own on the same broker, topics and records, one after the
other in turn. Timed from outside, by the broker's clock: from the first to the last output that it
appended. What each wrote is compared with the in-memory driver before it counts.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from deploy.local.broker import BrokerSettings, LocalBroker
from deploy.topics.admin import apply_topics
from deploy.topics.plan import APPEND_TIME, COMPACTED, TopicPlan
from schemas.record import Record
from schemas.topics import FEATURE_VECTORS, RAW_BARS, WORKER_STATUS
from streams.runtime.codec import Received
from streams.runtime.memory_driver import replay
from streams.runtime.publisher import Publisher
from streams.runtime.reader import Reader
from streams.runtime.settings import KafkaSettings
from tests.bench.mean_chain import BARE_CHANGELOG, BATCH, mean_of
from tests.bench.race import Row, row
from tests.build import raw_bar

ROOT = Path(__file__).resolve().parents[2]
SYMBOLS = 50
RECORDS = 30_000
FAUST_RECORDS = 3_000  # as many as it folds in the time the others need
ROUNDS = 7
GIVE_UP_S = 120.0


def rows() -> list[Row]:
    """Run all contenders in turn; the first round fills caches and does not count."""
    with tempfile.TemporaryDirectory() as folder:
        broker = LocalBroker(BrokerSettings(home=Path(folder), min_free_mb=200))
        with broker:
            expected = _fill(broker.bootstrap)
            rates = [_round(broker.bootstrap, number, expected) for number in range(ROUNDS + 1)]
    return [
        row("runtime, records/s", "bare confluent loop", [r[0] / r[1] for r in rates[1:]], 0.5),
        row("runtime, records/s", "Faust table", [r[0] / r[2] for r in rates[1:]], 10.0),
    ]


def _fill(bootstrap: str) -> list[bytes]:
    """Write the input; return what must come of it."""
    topics = [TopicPlan(name, APPEND_TIME) for name in (RAW_BARS.name, RAW_BARS.dead_letters)]
    topics += [TopicPlan(name, APPEND_TIME) for name in (FEATURE_VECTORS.name, WORKER_STATUS.name)]
    changelogs = [mean_of(f"ours-{number}").changelog for number in range(ROUNDS + 1)]
    topics += [TopicPlan(name, COMPACTED) for name in (BARE_CHANGELOG, *changelogs)]
    apply_topics({"bootstrap.servers": bootstrap}, 1, topics)
    records: list[Record] = [
        raw_bar(
            number // SYMBOLS, symbol=f"SYM{number % SYMBOLS:02d}USDT", close=100 + number / 1e6
        )
        for number in range(RECORDS)
    ]
    publisher = Publisher(KafkaSettings(bootstrap), "bench")
    for record in records:
        publisher.publish(record)
    publisher.flush()
    return [output.encode() for output in replay([mean_of("memory")], records)]


def _round(bootstrap: str, number: int, expected: Sequence[bytes]) -> tuple[float, float, float]:
    counts = {"ours": RECORDS, "bare": RECORDS, "faust": FAUST_RECORDS}
    order = ("ours", "bare", "faust") if number % 2 else ("faust", "bare", "ours")
    rates = {kind: _rate(bootstrap, kind, number, expected[: counts[kind]]) for kind in order}
    return rates["ours"], rates["bare"], rates["faust"]


def _rate(bootstrap: str, kind: str, number: int, expected: Sequence[bytes]) -> float:
    """Return records per second of one contender; fails when it wrote anything else."""
    reader = Reader(KafkaSettings(bootstrap), [FEATURE_VECTORS], "end")
    found: list[Received] = []
    deadline = time.monotonic() + GIVE_UP_S
    with _contender(kind, bootstrap, f"{kind}-{number}"):
        while len(found) < len(expected):
            assert time.monotonic() < deadline, f"{kind}: {len(found)} of {len(expected)} records"
            found += [message for message in reader.take() if isinstance(message, Received)]
    reader.close()
    written = [message.stored.value for message in found[: len(expected)]]
    assert written == list(expected), f"{kind} wrote something else than the in-memory driver"
    # The first batch is the starting gun: what came before it is start-up.
    first, last = found[BATCH].stored, found[len(expected) - 1].stored
    return (len(expected) - BATCH) / ((last.append_time_ms - first.append_time_ms) / 1000)


@contextmanager
def _contender(kind: str, bootstrap: str, run: str) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.mean_chain", kind, bootstrap, run],
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.kill()
        process.wait()
