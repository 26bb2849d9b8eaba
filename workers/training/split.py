"""Purged walk-forward splits over time: no training label overlaps the block it is judged on."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.training.dataset import Rows


@dataclass(frozen=True)
class WalkForwardFold:
    """Row numbers of one block, and of the rows known before it.

    Attributes:
        starts_ms: Start of the block.
        train: Rows whose labels were known an embargo before the start.
        test: Rows of the block.
    """

    starts_ms: int
    train: Rows
    test: Rows


@dataclass(frozen=True)
class WalkForward:
    """Expanding windows: the rows before a block train, the block is judged.

    Attributes:
        blocks: Number of blocks of equal time, over the last ``judged`` share of the span.
        judged: Share of the span that is predicted out of sample.
    """

    blocks: int = 4
    judged: float = 0.6

    def split(self, times: Rows, known_at: Rows, embargo_ms: int) -> Iterator[WalkForwardFold]:
        """Yield the folds in order of time.

        Args:
            times: Close of each row's bar, ms, any order (several symbols are pooled).
            known_at: When its label is known, ms.
            embargo_ms: Gap between the last training label and the first judged row.
        """
        first, last = int(times.min()), int(times.max()) + 1
        begin = last - int((last - first) * self.judged)
        edges = np.linspace(begin, last, self.blocks + 1).astype(np.int64).tolist()
        for start, stop in itertools.pairwise(edges):
            train = np.flatnonzero(known_before(start, known_at, embargo_ms))
            yield WalkForwardFold(start, train, np.flatnonzero((times >= start) & (times < stop)))


def known_before(start_ms: int, known_at: Rows, embargo_ms: int) -> NDArray[np.bool_]:
    """Return which labels were known an embargo before a time (Lopez de Prado, 2018, ch. 7)."""
    return np.asarray(known_at + embargo_ms < start_ms)
