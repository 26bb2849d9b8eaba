"""Rows of all symbols, labelled and stacked: what the members are fitted on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.training.dataset import Array, Series
from workers.training.labels import UNKNOWN, label

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Windows:
    """Windows as views into rows.

    Attributes:
        rows: All rows, shape (T, F).
        ends: Row number of the last bar of each window, shape (N,).
        length: Bars in a window.
    """

    rows: Array
    ends: Rows
    length: int

    def take(self, which: Rows) -> Array:
        """Return the chosen windows, shape (n, length, F), oldest bar first."""
        offsets = np.arange(-self.length + 1, 1)
        return np.asarray(self.rows[self.ends[which][:, None] + offsets])


@dataclass(frozen=True)
class LabelPlan:
    """What is predicted: the move over ``horizon_bars`` against what is usual by now.

    A narrower label leaves too few neutral bars, a wider one hardly ever anything else to say.
    """

    horizon_bars: int = 15
    volatility_feature: str = "realised_volatility_60"
    width: float = 0.4


@dataclass(frozen=True)
class Table:
    """Rows of all symbols, one symbol after the other.

    Attributes:
        series: By symbol, in the order of the rows.
        times, known_at: When a row is seen, and when its label is known, ms, shape (T,).
        rows: Features in model order, shape (T, F).
        classes, forward, funding: Of ``Labels``, shape (T,).
        usable: Numbers of rows with a whole window behind them and a known label.
        timeframe_ms: Bar length.
    """

    series: Mapping[str, Series]
    times: Rows
    known_at: Rows
    rows: Array
    classes: Rows
    forward: Array
    funding: Array
    usable: Rows
    timeframe_ms: int


def table_of(series: Mapping[str, Series], plan: LabelPlan, window: int) -> Table:
    """Label and stack the series of a universe; ``window`` is what a usable row has behind it."""
    each = list(series.values())
    labels = [label(one, plan.horizon_bars, plan.volatility_feature, plan.width) for one in each]
    classes = np.concatenate([found.classes for found in labels])
    runs = np.concatenate([one.run_lengths() for one in each])
    return Table(
        series=series,
        times=np.concatenate([one.times for one in each]),
        known_at=np.concatenate([found.known_at for found in labels]),
        rows=np.concatenate([one.rows for one in each]),
        classes=classes,
        forward=np.concatenate([found.forward for found in labels]),
        funding=np.concatenate([found.funding for found in labels]),
        usable=np.flatnonzero((runs >= window) & (classes != UNKNOWN)),
        timeframe_ms=each[0].timeframe_ms,
    )
