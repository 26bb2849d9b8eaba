"""Simulated time: a multiple of wall-clock time that can be paused."""

from __future__ import annotations

import time
from collections.abc import Callable

from schemas.bounds import MAX_SPEED


class SimulatedClock:
    """The venue's clock: the source of every time that a client sees."""

    def __init__(
        self,
        start_ms: int,
        speed: float,
        *,
        paused: bool = False,
        wall_seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wall_seconds = wall_seconds
        self._anchor_ms = float(start_ms)
        self._anchor_wall = wall_seconds()
        self._speed = _valid_speed(speed)
        self._paused = paused

    def now_ms(self) -> int:
        """Simulated time, UTC epoch milliseconds; never goes back."""
        return int(self._exact_ms())

    @property
    def speed(self) -> float:
        """Simulated seconds in a second of wall-clock time."""
        return self._speed

    @property
    def paused(self) -> bool:
        """Whether time stands still."""
        return self._paused

    def set_speed(self, speed: float) -> None:
        """Go on from now at another speed."""
        _valid_speed(speed)
        self._anchor()
        self._speed = speed

    def pause(self) -> None:
        """Stand still from now."""
        self._anchor()
        self._paused = True

    def resume(self) -> None:
        """Go on from where time stood."""
        self._anchor()
        self._paused = False

    def _anchor(self) -> None:
        self._anchor_ms = self._exact_ms()
        self._anchor_wall = self._wall_seconds()

    def _exact_ms(self) -> float:
        if self._paused:
            return self._anchor_ms
        return self._anchor_ms + (self._wall_seconds() - self._anchor_wall) * self._speed * 1000.0


def _valid_speed(speed: float) -> float:
    if not 0.0 < speed <= MAX_SPEED:
        raise ValueError(f"speed {speed!r}: expected more than 0 and at most {MAX_SPEED:g}")
    return speed
