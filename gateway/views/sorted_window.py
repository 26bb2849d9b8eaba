"""The newest items of one kind, sorted by key."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import Any, Generic, TypeVar

V = TypeVar("V")

SLACK = 20  # trims at a twentieth above the limit, so that trimming is rare and cheap


class SortedWindow(Generic[V]):
    """About ``limit`` items; keys sort by time, so that the newest item is appended fast."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._full = limit + limit // SLACK
        self.keys: list[Any] = []
        self.items: list[V] = []

    def __len__(self) -> int:
        return len(self.keys)

    def __contains__(self, key: object) -> bool:
        at = bisect_left(self.keys, key)
        return at < len(self.keys) and bool(self.keys[at] == key)

    def put(self, key: Any, item: V) -> list[V]:
        """Insert or replace an item; return the items pushed out."""
        keys = self.keys
        if not keys or key > keys[-1]:
            keys.append(key)
            self.items.append(item)
        else:
            at = bisect_left(keys, key)
            if at < len(keys) and keys[at] == key:
                self.items[at] = item
            else:
                keys.insert(at, key)
                self.items.insert(at, item)
        return self._trim() if len(keys) > self._full else []

    def shrink(self, limit: int) -> list[V]:
        """Lower the limit; return the items pushed out."""
        self.limit, self._full = limit, limit + limit // SLACK
        return self._trim()

    def _trim(self) -> list[V]:
        excess = max(0, len(self.keys) - self.limit)
        pushed_out = self.items[:excess]
        del self.keys[:excess]
        del self.items[:excess]
        return pushed_out

    def get(self, key: Any) -> V | None:
        """Return the item of exactly that key."""
        at = bisect_left(self.keys, key)
        return self.items[at] if at < len(self.keys) and self.keys[at] == key else None

    def at_or_before(self, key: Any) -> V | None:
        """Return the item with the largest key up to ``key``."""
        at = bisect_right(self.keys, key)
        return self.items[at - 1] if at else None

    def newest(self) -> V | None:
        """Return the last item."""
        return self.items[-1] if self.items else None

    def tail(self, count: int, before: Any = None) -> list[V]:
        """Return up to ``count`` newest items with keys below ``before``, oldest first."""
        end = len(self.keys) if before is None else bisect_left(self.keys, before)
        return self.items[max(0, end - count) : end]
