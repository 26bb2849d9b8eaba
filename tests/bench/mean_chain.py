"""The same work three ways: a keyed running mean with a changelog, on one partition.

    python -m tests.bench.mean_chain ours|bare|faust BOOTSTRAP RUN

Each reads ``market.bars.raw.v1`` from the beginning and goes on until it is killed; ``RUN`` names
its group. All use the same pydantic records and the same step.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Producer

from schemas.features import FeatureVector
from schemas.market import RawBar
from schemas.record import Record
from schemas.topics import FEATURE_VECTORS, RAW_BARS
from streams.processor import Outputs, Processor
from streams.runtime.chain import run_until_signalled
from streams.runtime.settings import KafkaSettings

BATCH = 500  # records in a transaction, the runtime's own limit
BARE_CHANGELOG = "bare.state.v1"
FAUST_TABLE = "means"


class MeanState(Record):
    """Bars seen and the sum of their closes."""

    event_time_ms: int = -1
    bars: int = 0
    total: float = 0.0


def step(state: MeanState, bar: RawBar) -> tuple[MeanState, Outputs]:
    """Return the mean close of a symbol so far."""
    if bar.event_time_ms <= state.event_time_ms:
        return state, ()
    after = MeanState(
        event_time_ms=bar.event_time_ms, bars=state.bars + 1, total=state.total + bar.close
    )
    mean = FeatureVector(
        symbol=bar.symbol,
        timeframe_ms=bar.timeframe_ms,
        event_time_ms=bar.event_time_ms,
        available_time_ms=bar.available_time_ms,
        feature_set_id="mean",
        open=bar.open,
        close=bar.close,
        values={"mean": after.total / after.bars},
    )
    return after, (mean,)


def mean_of(run: str) -> Processor:
    """Return the processor of one run: it has a changelog of its own."""
    return Processor(run, (RAW_BARS,), (FEATURE_VECTORS,), MeanState(), ("symbol",), step)


def ours(bootstrap: str, run: str) -> None:
    """Run the project's runtime."""
    run_until_signalled(run, (mean_of(run),), KafkaSettings(bootstrap))


def bare(bootstrap: str, run: str) -> None:
    """Run the shortest correct loop: one transaction for outputs, changelog and offsets."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": run,
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
        }
    )
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "transactional.id": run,
            "partitioner": "murmur2_random",
            "compression.type": "lz4",
            "retry.backoff.ms": 10,
            "retry.backoff.max.ms": 20,
        }
    )
    producer.init_transactions(30)
    consumer.subscribe([RAW_BARS.name])
    states: dict[bytes, MeanState] = {}
    while True:
        first = consumer.poll(0.2)
        if first is None:
            continue
        changed: dict[bytes, MeanState] = {}
        producer.begin_transaction()
        for message in (first, *consumer.consume(BATCH - 1, 0)):
            key, value = message.key(), message.value()
            assert key is not None
            assert value is not None
            bar = RawBar.model_validate_json(value)
            changed[key], outputs = step(changed.get(key) or states.get(key, MeanState()), bar)
            for output in outputs:
                made = output.model_dump_json().encode()
                producer.produce(FEATURE_VECTORS.name, key=key, value=made)
        for key, state in changed.items():
            producer.produce(BARE_CHANGELOG, key=key, value=state.model_dump_json().encode())
        producer.send_offsets_to_transaction(
            consumer.position(consumer.assignment()), consumer.consumer_group_metadata(), 30
        )
        producer.commit_transaction(30)
        states.update(changed)


def by_faust(bootstrap: str, run: str) -> None:
    """Run a Faust agent with a Table, its changelog on, at its defaults otherwise."""
    import faust

    app = faust.App(
        run,
        broker=f"kafka://{bootstrap}",
        consumer_auto_offset_reset="earliest",
        datadir=Path(tempfile.gettempdir()) / run,
        key_serializer="raw",
        store="memory://",
        topic_disable_leader=True,
        topic_partitions=1,
        value_serializer="raw",
        web_enabled=False,
    )
    made_of = app.topic(FEATURE_VECTORS.name)
    means = app.Table(FAUST_TABLE, key_type=str, value_type=str, partitions=1)

    async def read(stream: Any) -> None:
        async for value in stream:
            bar = RawBar.model_validate_json(value)
            before = means.get(bar.symbol)
            state = MeanState.model_validate_json(before) if before else MeanState()
            after, outputs = step(state, bar)
            means[bar.symbol] = after.model_dump_json()
            for output in outputs:
                await made_of.send(key=bar.symbol.encode(), value=output.model_dump_json().encode())

    app.agent(app.topic(RAW_BARS.name), concurrency=1)(read)

    async def main() -> None:
        await app.start()
        await app.wait()

    asyncio.run(main())


if __name__ == "__main__":
    kind, address, name = sys.argv[1:]
    {"ours": ours, "bare": bare, "faust": by_faust}[kind](address, name)
