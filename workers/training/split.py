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
    """Row numbers of one block and of everything that was known before it.

    Attributes:
        starts_ms: Begin of the block.
        train: Rows whose labels were known an embargo before that.
        test: Rows of the block.
    """

    starts_ms: int
    train: Rows
    test: Rows


@dataclass(frozen=True)
class WalkForward:
    """Expanding windows: what lies before a block trains, the block itself is judged.

    Attributes:
        blocks: Of equal time, over the last ``judged`` share of the span.
        judged: Share of the span that is predicted out of sample.
    """

    blocks: int = 4
    judged: float = 0.6

    def split(self, times: Rows, known_at: Rows, embargo_ms: int) -> Iterator[Fold]:
        """Yield the folds in order of time.

        Args:
            times: When each row is seen, ms, any order (several symbols are pooled).
            known_at: When its label is known, ms.
            embargo_ms: Gap between the last label that trains and the first row that is judged.
        """
        first, last = int(times.min()), int(times.max()) + 1
        begin = last - int((last - first) * self.judged)
        edges = np.linspace(begin, last, self.blocks + 1).astype(np.int64).tolist()
        for start, stop in itertools.pairwise(edges):
            train = np.flatnonzero(known_before(start, known_at, embargo_ms))
            yield Fold(start, train, np.flatnonzero((times >= start) & (times < stop)))


def known_before(start_ms: int, known_at: Rows, embargo_ms: int) -> NDArray[np.bool_]:
    """Return which labels were known an embargo before a time (Lopez de Prado, 2018, ch. 7)."""
    return np.asarray(known_at + embargo_ms < start_ms)
