"""Driver 1: processors in memory, for tests, replay and backtest.

Every record is encoded and decoded, as on Kafka.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from schemas.record import Record
from streams.processor import Changes, Processor, StateRef, fold
from streams.runtime.codec import replayed_letter


@dataclass
class MemoryDriver:
    """Folds records one at a time; ``states`` holds what a changelog would."""

    chain: Sequence[Processor]
    states: dict[StateRef, Record] = field(default_factory=dict)

    def feed(self, record: Record) -> list[Record]:
        """Return the outputs of one record, dead letters last; a bug in a step raises."""
        changes = Changes()
        fold(self.chain, self.states, type(record).decode(record.encode()), changes)
        self.states.update(changes.states)
        outputs = [type(output).decode(output.encode()) for output in changes.outputs]
        return [*outputs, *map(replayed_letter, changes.rejections)]


def iter_outputs(chain: Sequence[Processor], records: Iterable[Record]) -> Iterator[Record]:
    """Yield every output of a chain over a recorded log, in order."""
    driver = MemoryDriver(chain)
    for record in records:
        yield from driver.feed(record)


def replay(chain: Sequence[Processor], records: Iterable[Record]) -> list[Record]:
    """Return every output of a chain over a recorded log, in order."""
    return list(iter_outputs(chain, records))
