"""Threads beside a process's main work: one that fails takes the process with it, never silently.

The supervisor starts the process again, so that nothing stands still unseen.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from streams.runtime.settings import Fatal

log = structlog.get_logger()


class WatchedThreads:
    """Threads that run until ``stop`` is set; the first that fails sets it.

    Args:
        stop: Ends the process.
    """

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._threads: list[threading.Thread] = []
        self._fatal: Fatal | None = None

    def start(self, name: str, work: Callable[[], None]) -> None:
        """Start a thread."""
        thread = threading.Thread(target=self._run, args=(name, work), name=name)
        self._threads.append(thread)
        thread.start()

    def join(self) -> None:
        """Wait for every thread; ``stop`` is set."""
        for thread in self._threads:
            thread.join()

    def raise_fatal(self) -> None:
        """Raise what ended the first thread that failed."""
        if self._fatal is not None:
            raise self._fatal

    def _run(self, name: str, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:
            if not isinstance(error, Fatal):
                log.exception("thread.failed", thread=name, remedy="the process starts again")
            cause = error if isinstance(error, Fatal) else Fatal(f"thread {name}: {error!r}")
            self._fatal = self._fatal or cause
            self._stop.set()
