"""The processors of commands behind the bus of a gateway under test."""

from __future__ import annotations

from gateway.kafka.topics import READS
from schemas.challenges import ChallengeOutcome
from schemas.commands import Command
from schemas.market import HistoryReady
from schemas.models import ModelRegistered
from schemas.record import Record
from schemas.topics import topic_of
from streams.letters.processor import PROCESSOR as LETTERS
from streams.runtime.memory_driver import MemoryDriver
from streams.topology import CHAINS
from tests.fakes.gateway import RunningGateway
from tests.streams.promotion.test_promotion import history

[CHAIN] = [chain for chain in CHAINS if chain.name == "promotion"]


class CommandProcessor:
    """Decides commands on configs, models and dead letters, beginning with the shipped config.

    Attributes:
        first: What it publishes at its start, as far as a gateway reads it.
    """

    def __init__(self, markets: HistoryReady | None = None) -> None:
        self._driver = MemoryDriver([*CHAIN.processors, LETTERS])
        self.first = self._made(markets or history())

    def decide(self, record: Record) -> list[Record]:
        """Return what comes of a record; nothing of one that is no command."""
        return self._made(record) if isinstance(record, Command) else []

    def register(self, model: ModelRegistered) -> list[Record]:
        """Return what comes of a trained model."""
        return self._made(model)

    def compare(self, outcome: ChallengeOutcome) -> list[Record]:
        """Return what comes of how both models of a challenge did."""
        return self._made(outcome)

    def _made(self, record: Record) -> list[Record]:
        return [made for made in self._driver.feed(record) if topic_of(made).name in READS]


def decide_configs(gateway: RunningGateway) -> None:
    """Let the commands on configs be decided."""
    processor = CommandProcessor()
    gateway.bus.answers = processor.decide
    gateway.bus.feed(*processor.first)


def decide_models(gateway: RunningGateway, *models: ModelRegistered) -> None:
    """Let the commands on configs and models be decided, once some models are registered."""
    processor = CommandProcessor()
    gateway.bus.answers = processor.decide
    gateway.bus.feed(*processor.first)
    for model in models:
        gateway.bus.feed(*processor.register(model))
