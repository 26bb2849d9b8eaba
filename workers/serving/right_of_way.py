"""Batches go first: who loads a model beside them gives way, one small piece of work at a time.

Both are threads of one interpreter. Without it a batch waits up to 5 ms each time that it comes
back from a compiled kernel, while the other thread goes on.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class RightOfWay:
    """Of the thread that folds batches, before one that loads."""

    def __init__(self) -> None:
        self._free = threading.Event()
        self._free.set()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Go first for as long as a batch takes."""
        self._free.clear()
        try:
            yield
        finally:
            self._free.set()

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Let the other thread go on while a batch waits for it."""
        was_free = self._free.is_set()
        self._free.set()
        try:
            yield
        finally:
            if not was_free:
                self._free.clear()

    def give_way(self) -> None:
        """Wait for the end of the batch that is under way; between batches go on at once."""
        self._free.wait()
