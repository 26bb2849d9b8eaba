"""The processor of configs behind the bus of a gateway under test."""

from __future__ import annotations

from gateway.kafka.topics import READS
from schemas.configs import ConfigCommand
from schemas.market import HistoryReady
from schemas.record import Record
from schemas.topics import topic_of
from streams.configs.processor import PROCESSOR
from streams.runtime.memory_driver import MemoryDriver
from tests.fakes.gateway import RunningGateway
from tests.streams.promotion.test_promotion import history


class ConfigProcessor:
    """Decides the commands on configs, beginning with the shipped config.

    Attributes:
        first: What it publishes at its start, as far as a gateway reads it.
    """

    def __init__(self, markets: HistoryReady | None = None) -> None:
        self._driver = MemoryDriver([PROCESSOR])
        self.first = self._made(markets or history())

    def decide(self, record: Record) -> list[Record]:
        """Return what comes of a record; nothing of one that is no command on a config."""
        return self._made(record) if isinstance(record, ConfigCommand) else []

    def _made(self, record: Record) -> list[Record]:
        return [made for made in self._driver.feed(record) if topic_of(made).name in READS]


def decide_configs(gateway: RunningGateway) -> None:
    """Let the commands on configs be decided."""
    processor = ConfigProcessor()
    gateway.bus.answers = processor.decide
    gateway.bus.feed(*processor.first)
