"""One heavy child at a time: a training goes first, and what it interrupts runs again after it.

The libraries of a training take 600 MB, those of a report or of MLflow 300 MB. They wait for each
other, so that a machine needs the memory of one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from workers.child import NICENESS, ChildFailed, call_in_child

QUIET_S = 2.0  # after a training: the next request may lie there
LOOK_EVERY_S = 0.2


class Turns:
    """Whose turn it is in one process; methods may be called from any thread."""

    def __init__(self, quiet_s: float = QUIET_S) -> None:
        self._quiet_s = quiet_s
        self._changed = threading.Condition()
        self._trainings = 0
        self._ended_s = time.monotonic() - quiet_s
        self._taken = False  # by what is no training

    @contextmanager
    def training(self) -> Iterator[None]:
        """Keep everything else waiting; what runs is ended and waits too."""
        with self._changed:
            self._trainings += 1
            while self._taken:  # its child is being killed
                self._changed.wait(LOOK_EVERY_S)
        try:
            yield
        finally:
            with self._changed:
                self._trainings -= 1
                self._ended_s = time.monotonic()
                self._changed.notify_all()

    def call_between(
        self,
        function: Callable[..., Any],
        *arguments: object,
        cancelled: Callable[[], bool],
        niceness: int = NICENESS,
    ) -> Any:
        """Return what a function returns in a child that runs while no training does.

        A training that begins ends the child, and the function runs again after it: it must bear
        to be killed at any point.

        Raises:
            ChildFailed: It was cancelled, or the child ended without a result.
            Exception: Whatever the function raises.
        """
        while True:
            self._enter(cancelled)
            try:
                return call_in_child(
                    function,
                    *arguments,
                    cancelled=lambda: cancelled() or self._trainings > 0,
                    niceness=niceness,
                )
            except ChildFailed:
                if cancelled() or not self._trainings:
                    raise
            finally:
                self._leave()

    def _enter(self, cancelled: Callable[[], bool]) -> None:
        with self._changed:
            while not self._is_free():
                if cancelled():
                    raise ChildFailed("cancelled before it began")
                self._changed.wait(LOOK_EVERY_S)
            self._taken = True

    def _is_free(self) -> bool:
        quiet_s = time.monotonic() - self._ended_s
        return not (self._taken or self._trainings or quiet_s < self._quiet_s)

    def _leave(self) -> None:
        with self._changed:
            self._taken = False
            self._changed.notify_all()
