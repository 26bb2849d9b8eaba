"""Finds processes whose main loop goes round while they lag and commit nothing.

The cluster is asked, because such a process may know nothing of it: its client no longer fetches.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from streams.runtime.settings import Aborted, Fatal

if TYPE_CHECKING:
    from deploy.topics.admin import GroupPositions

STALLED_AFTER_S = 300.0  # more than loading, restoring or the longest step takes
ASK_EVERY_S = 15.0

Partition = tuple[str, int]


@dataclass(frozen=True)
class Stall:
    """A process that has not moved for some time although records wait for it."""

    name: str
    behind: int
    seconds: float


@dataclass
class _Progress:
    """What a consumer group has committed, and for how long it has stayed so."""

    committed: Mapping[Partition, int] = field(default_factory=dict)
    seconds: float = 0.0


class Stalls:
    """Which consumer groups stand still.

    Args:
        names: Of the groups, which are those of their processes.
        positions: Reads what each group has committed, and the ends of its partitions.
        has_record: Tells whether a partition holds a committed record between two offsets. A
            transaction that was aborted leaves offsets without one, which nobody commits.
    """

    def __init__(
        self,
        names: tuple[str, ...],
        positions: Callable[[], GroupPositions],
        has_record: Callable[[Partition, int, int], bool],
    ) -> None:
        self._names, self._positions, self._has_record = names, positions, has_record
        self._progress = {name: _Progress() for name in names}

    def look(self, elapsed_s: float) -> list[Stall]:
        """Return the processes that stand still; ``elapsed_s`` have passed since the last look.

        A cluster that does not answer excuses all of them.
        """
        from deploy.topics.admin import ClusterFailed

        try:
            positions = self._positions()
            return [
                stall for name in self._names if (stall := self._stall(name, positions, elapsed_s))
            ]
        except (ClusterFailed, Fatal, Aborted, TimeoutError):
            self._progress = {name: _Progress() for name in self._names}
            return []

    def _stall(self, name: str, positions: GroupPositions, elapsed_s: float) -> Stall | None:
        progress, group = self._progress[name], positions.get(name, {})
        committed = {source: offset for source, (offset, _) in group.items()}
        behind = {source: end - offset for source, (offset, end) in group.items() if end > offset}
        if committed != progress.committed or not behind:
            self._progress[name] = _Progress(committed)
            return None
        progress.seconds += min(elapsed_s, 2 * ASK_EVERY_S)  # more only when the machine slept
        if progress.seconds < STALLED_AFTER_S:
            return None
        stands_s, progress.seconds = progress.seconds, 0.0
        if not any(self._has_record(source, *group[source]) for source in behind):
            return None
        return Stall(name, sum(behind.values()), stands_s)


class StallWatch:
    """Looks for stalls in a thread, because a cluster may take long to answer."""

    def __init__(self, stalls: Stalls) -> None:
        self._stalls = stalls
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._waiting: list[Stall] = []
        self._thread = threading.Thread(target=self._run, daemon=True, name="watch of stalls")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()

    def take(self) -> list[Stall]:
        """Return the stalls that were found since the last call."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
        return waiting

    def _run(self) -> None:
        looked_s = time.monotonic()
        while not self._stop.wait(ASK_EVERY_S):
            elapsed_s, looked_s = time.monotonic() - looked_s, time.monotonic()
            stalls = self._stalls.look(elapsed_s)
            with self._lock:
                self._waiting += stalls
