"""What keeps the newest: records of a topic of one partition, and entries by their keys."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from typing import Generic, TypeVar

from schemas.record import Record

R = TypeVar("R", bound=Record)
K = TypeVar("K")
V = TypeVar("V")


class NewestRecords(Generic[R]):
    """The last ``most`` records, in the order of their topic."""

    def __init__(self, most: int) -> None:
        self._records: deque[tuple[int, R]] = deque(maxlen=most)
        self._last = -1  # offset

    def put(self, record: R, offset: int) -> None:
        """Take a record from its place; one that was taken before changes nothing."""
        if offset > self._last:
            self._last = offset
            self._records.append((offset, record))

    def backwards(self) -> Iterator[tuple[int, R]]:
        """Yield offset and record, newest first."""
        return reversed(self._records)


def drop_oldest(entries: OrderedDict[K, V], most: int) -> list[V]:
    """Remove the entries above ``most`` that came first; return them.

    The first key of a plain dict is found behind all that were removed before it.
    """
    return [entries.popitem(last=False)[1] for _ in range(len(entries) - most)]
