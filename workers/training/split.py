"""Walk-forward splits over time, purged: no training label reaches into what it is judged on."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Fold:
    """Row numbers of three spans in order of time, each purged against the next."""

    train: Rows
    calibrate: Rows
    test: Rows


@dataclass(frozen=True)
class WalkForward:
    """Expanding windows: train, then calibrate, then test, over the span of all rows.

    Attributes:
        folds: Test blocks, of equal time, over the last ``tested`` share of the span.
        tested: Share of the span that is ever tested.
        calibrated: Share of what lies before a test block that calibrates.
        embargo_ms: Extra gap after a span before the next one begins.
    """

    folds: int = 3
    tested: float = 0.45
    calibrated: float = 0.15
    embargo_ms: int = 0

    def split(self, times: Rows, known_at: Rows) -> Iterator[Fold]:
        """Yield the folds.

        Args:
            times: When each row is seen, ms, any order (several symbols are pooled).
            known_at: When its label is known, ms.
        """
        first, last = int(times.min()), int(times.max()) + 1
        begin = last - int((last - first) * self.tested)
        edges = np.linspace(begin, last, self.folds + 1).astype(np.int64)
        for start, stop in itertools.pairwise(edges):
            train, calibrate = self.hold_out(times, known_at, int(start))
            test = np.flatnonzero((times >= start + self.embargo_ms) & (times < stop))
            yield Fold(train=train, calibrate=calibrate, test=test)

    def hold_out(self, times: Rows, known_at: Rows, until: int) -> tuple[Rows, Rows]:
        """Return (train, calibrate) rows of everything known before ``until``, purged."""
        first = int(times.min())
        cut = until - int((until - first) * self.calibrated)
        train = np.flatnonzero(known_at < cut)
        calibrate = np.flatnonzero((times >= cut + self.embargo_ms) & (known_at < until))
        return train, calibrate
