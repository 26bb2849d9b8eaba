"""The processor of configs behind the bus of a gateway under test."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.kafka.topics import READS
from schemas.configs import ConfigCommand
from schemas.record import Record
from schemas.topics import topic_of
from streams.configs.processor import PROCESSOR
from streams.runtime.memory_driver import MemoryDriver
from tests.fakes.gateway import RunningGateway
from tests.streams.promotion.test_promotion import history


def decide_configs(gateway: RunningGateway) -> None:
    """Let the commands on configs be decided, beginning with the shipped config."""
    driver = MemoryDriver([PROCESSOR])

    def decide(record: Record) -> Sequence[Record]:
        if not isinstance(record, ConfigCommand):
            return ()
        return [made for made in driver.feed(record) if topic_of(made).name in READS]

    gateway.bus.answers = decide
    made = driver.feed(history())
    gateway.bus.feed(*(record for record in made if topic_of(record).name in READS))
