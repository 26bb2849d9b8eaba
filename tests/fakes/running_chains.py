"""Chains on a real broker, in threads; those of the symbols with inference that needs no model."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from schemas.record import Topic
from streams.processor import Processor
from streams.runtime.chain import run_chain
from streams.runtime.codec import Received
from streams.runtime.publisher import Publisher
from streams.runtime.reader import Reader
from streams.runtime.settings import KafkaSettings
from streams.topology import CHAINS
from tests.fakes.scripted_inference import PROCESSOR, changed

NAMES = ("market", "inference", "signals")
CHAIN_OF = {**{chain.name: chain.processors for chain in CHAINS}, "inference": (PROCESSOR,)}


SYMBOL_CHAINS = {name: CHAIN_OF[name] for name in NAMES}


@contextmanager
def chains_running(
    kafka: KafkaSettings, chains: Mapping[str, Sequence[Processor]] = SYMBOL_CHAINS
) -> Iterator[None]:
    """Run chains by their names until the block ends, by default those of the symbols."""
    stop = threading.Event()
    threads = [
        threading.Thread(
            target=run_chain, args=(name, processors, kafka), kwargs={"stop": stop}, daemon=True
        )
        for name, processors in chains.items()
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(90)
            assert not thread.is_alive()


def publish_model(publisher: Publisher) -> None:
    """Publish a model that serves from minute 3 on, and its regimes."""
    change = changed("m1", 3)
    publisher.publish(change)
    for parameters in change.model.regimes:
        effective = {"effective_from_ms": change.effective_from_ms}
        publisher.publish(parameters.model_copy(update=effective))


def read_records(kafka: KafkaSettings, *topics: Topic) -> list[Received]:
    """Return every record of some topics."""
    with Reader(kafka, topics) as reader:
        return list(reader.read_to_end())


def wait_for(reached: Callable[[], bool], within_s: float = 180.0) -> None:
    """Look ten times a second until something is so."""
    deadline = time.monotonic() + within_s
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.1)
