"""How much time neutral predictions may take, so that directional ones never wait long for them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

LIMIT_S = 1.0  # in a row: the longest that anything waits for them
SHARE = 0.2  # of all time: what a replay that runs as fast as it can gives them
REPORT_EVERY_S = 5.0

Item = TypeVar("Item")


class NeutralAllowance:
    """Seconds that may be spent now; they come back as a share of the time that passes.

    Called on the main thread alone.

    Args:
        report: Told how many were passed over since the allowance was full, 0 once it is again.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        report: Callable[[int], None] = lambda _behind: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._report, self._clock = report, clock
        self._left_s, self._at_s = LIMIT_S, clock()
        self._behind = self._reported = 0
        self._report_at_s = 0.0

    def spend(self, waiting: Sequence[Item], explain: Callable[[Item], None]) -> None:
        """Explain in order until the time is used up; count the others as passed over."""
        self.refill()
        for number, item in enumerate(waiting):
            if self._left_s <= 0.0:
                self._behind += len(waiting) - number
                break
            began_s = self._clock()
            explain(item)
            self._left_s -= self._clock() - began_s
        self._tell()

    def refill(self) -> None:
        """Add what has come back; a full allowance forgets what was passed over before."""
        now_s = self._clock()
        self._left_s = min(LIMIT_S, self._left_s + SHARE * (now_s - self._at_s))
        self._at_s = now_s
        if self._left_s >= LIMIT_S:
            self._behind = 0
            self._tell()

    def _tell(self) -> None:
        """Report at once that the first was passed over or that all is well, else now and then."""
        turned = (self._behind == 0) != (self._reported == 0)
        grown = self._behind != self._reported and self._clock() >= self._report_at_s
        if turned or grown:
            self._reported, self._report_at_s = self._behind, self._clock() + REPORT_EVERY_S
            self._report(self._behind)
