"""Keeps a run's broker up: one that died is started again, and what fails is tried again."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

from deploy.local.errors import BrokerError, FolderError
from deploy.local.jars import OnStep

FIRST_PAUSE_S, LONGEST_PAUSE_S = 2.0, 60.0

log = structlog.get_logger()


class BrokerKeeper:
    """Starts a broker whenever it does not run, with growing pauses between failures.

    Args:
        start: Starts it and waits until it answers; does nothing while it runs.
        progress: Is told what failed, and when it is tried again.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        start: Callable[[], object],
        progress: OnStep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._start, self._progress, self._clock = start, progress, clock
        self._pause_s, self._due_s = FIRST_PAUSE_S, clock()

    def keep_up(self) -> None:
        """Start the broker unless it runs, or a pause has to end first.

        Raises:
            FolderError: Its data cannot be used; trying again would not help.
        """
        if self._clock() < self._due_s:
            return
        try:
            self._start()
        except FolderError:
            raise
        except BrokerError as error:
            self._due_s = self._clock() + self._pause_s
            log.error(
                "broker.failed",
                cause=str(error),
                again_in_s=self._pause_s,
                remedy="none if the machine was busy: it is tried again; else do what it says",
            )
            self._progress(f"{error}; it is tried again in {self._pause_s:.0f} s")
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
        else:
            self._pause_s = FIRST_PAUSE_S
