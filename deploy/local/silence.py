"""How long a process has given no sign of life: its main loop touches a file each second."""

from __future__ import annotations

from pathlib import Path

HUNG_AFTER_S = 30.0
STARTED_WITHIN_S = 240.0  # libraries and models are loaded before the first beat
LONGEST_LOOK_S = 1.0


class Silence:
    """The silence of one process, counted while its supervisor looks.

    A look counts for at most a second: when the machine or the supervisor has slept, its processes
    have done so too.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.seconds = 0.0
        self._last_beat_ns: int | None = None

    def begin(self) -> None:
        """Forget the life before this one."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.unlink(missing_ok=True)
        self.seconds, self._last_beat_ns = 0.0, None

    def look(self, elapsed_s: float) -> bool:
        """Count the time since the last look; return whether the process hangs."""
        beat_ns = self.file.stat().st_mtime_ns if self.file.exists() else None
        if beat_ns != self._last_beat_ns:
            self.seconds, self._last_beat_ns = 0.0, beat_ns
            return False
        self.seconds += min(elapsed_s, LONGEST_LOOK_S)
        return self.seconds > (STARTED_WITHIN_S if beat_ns is None else HUNG_AFTER_S)
