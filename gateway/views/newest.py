"""The newest records of a topic of one partition."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

from schemas.record import Record

R = TypeVar("R", bound=Record)


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
