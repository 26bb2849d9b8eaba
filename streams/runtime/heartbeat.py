"""A process's sign of life: its main loop beats, and its supervisor sees a file change.

Only the main thread counts: other threads may go round while it hangs.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path

BEAT_EVERY_S = 1.0


class Heartbeat:
    """The beats of one process; without a file they only call who waits for them."""

    def __init__(self) -> None:
        self._file: Path | None = None
        self._called: list[Callable[[], None]] = []
        self._due_s = 0.0

    def write_to(self, file: Path) -> None:
        """Touch this file with each beat from now on."""
        self._file = file

    def call(self, on_beat: Callable[[], None]) -> None:
        """Call a function with each beat."""
        self._called.append(on_beat)

    def release(self, on_beat: Callable[[], None]) -> None:
        """Call it no more."""
        if on_beat in self._called:
            self._called.remove(on_beat)

    def beat(self) -> None:
        """Say that the main loop goes round; more than one beat a second costs a look at a clock.

        A file that cannot be written is no reason to end: whoever watches it acts in the end.
        """
        now_s = time.monotonic()
        if now_s < self._due_s or threading.current_thread() is not threading.main_thread():
            return
        self._due_s = now_s + BEAT_EVERY_S
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.touch()
        for on_beat in tuple(self._called):
            on_beat()

    async def beat_with_loop(self) -> None:
        """Beat for as long as the event loop of the main thread goes round; until cancelled."""
        while True:
            self.beat()
            await asyncio.sleep(BEAT_EVERY_S)


heartbeat = Heartbeat()  # of this process
