"""The newest items of one kind, in key order, found by key."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import Any, Generic, TypeVar

V = TypeVar("V")

SLACK = 20  # a twentieth above the limit is trimmed at once: dropping the oldest costs nothing


class SortedWindow(Generic[V]):
    """About ``limit`` items; keys sort by time, appending the newest is the fast path."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.keys: list[Any] = []
        self.items: list[V] = []

    def __len__(self) -> int:
        return len(self.keys)

    def put(self, key: Any, item: V) -> list[V]:
        """Insert or replace; return the items that had to leave for it."""
        if not self.keys or key > self.keys[-1]:
            self.keys.append(key)
            self.items.append(item)
        else:
            at = bisect_left(self.keys, key)
            if at < len(self.keys) and self.keys[at] == key:
                self.items[at] = item
            else:
                self.keys.insert(at, key)
                self.items.insert(at, item)
        return self._trim() if len(self.keys) > self.limit + self.limit // SLACK else []

    def shrink(self, limit: int) -> list[V]:
        """Hold no more than ``limit`` from now on; return the items that had to leave."""
        self.limit = limit
        return self._trim()

    def _trim(self) -> list[V]:
        excess = max(0, len(self.keys) - self.limit)
        gone = self.items[:excess]
        del self.keys[:excess]
        del self.items[:excess]
        return gone

    def get(self, key: Any) -> V | None:
        """Return the item of exactly that key."""
        at = bisect_left(self.keys, key)
        return self.items[at] if at < len(self.keys) and self.keys[at] == key else None

    def at_or_before(self, key: Any) -> V | None:
        """Return the newest item whose key is not after ``key``."""
        at = bisect_right(self.keys, key)
        return self.items[at - 1] if at else None

    def newest(self) -> V | None:
        """Return the last item."""
        return self.items[-1] if self.items else None

    def tail(self, count: int, before: Any = None) -> list[V]:
        """Return up to ``count`` newest items with keys below ``before``, oldest first."""
        end = len(self.keys) if before is None else bisect_left(self.keys, before)
        return self.items[max(0, end - count) : end]
