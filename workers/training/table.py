"""The training table: rows of all symbols, labelled and stacked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from workers.training.dataset import Array, FeatureSeries, Rows
from workers.training.labels import UNKNOWN, label_series


@dataclass(frozen=True)
class Windows:
    """Windows into rows, copied only when taken.

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
    """What is predicted: the move over ``horizon_bars``, in units of its recent deviation.

    A narrower label leaves too few neutral bars, a wider one too few others.
    """

    horizon_bars: int = 15
    volatility_feature: str = "realised_volatility_60"
    width: float = 0.4


@dataclass(frozen=True)
class TrainingTable:
    """Rows of all symbols, one symbol after the other.

    Attributes:
        series: By symbol, in the order of the rows.
        times, known_at: Close of a row's bar, and when its label is known, ms, shape (T,).
        rows: Features in model order, shape (T, F).
        classes, forward, funding: Of ``Labels``, shape (T,).
        usable: Numbers of rows with a whole window behind them and a known label.
        timeframe_ms: Bar length.
    """

    series: Mapping[str, FeatureSeries]
    times: Rows
    known_at: Rows
    rows: Array
    classes: Rows
    forward: Array
    funding: Array
    usable: Rows
    timeframe_ms: int

    def symbols_at(self, which: Rows) -> list[str]:
        """Return the symbol of some rows, in order."""
        lengths = [len(one.times) for one in self.series.values()]
        names: list[str] = np.repeat(np.array(list(self.series)), lengths)[which].tolist()
        return names


def build_table(series: Mapping[str, FeatureSeries], plan: LabelPlan, window: int) -> TrainingTable:
    """Label and stack the series of all symbols; a usable row ends ``window`` complete rows."""
    each = list(series.values())
    labels = [
        label_series(one, plan.horizon_bars, plan.volatility_feature, plan.width) for one in each
    ]
    classes = np.concatenate([of_one.classes for of_one in labels])
    runs = np.concatenate([one.run_lengths() for one in each])
    return TrainingTable(
        series=series,
        times=np.concatenate([one.times for one in each]),
        known_at=np.concatenate([of_one.known_at for of_one in labels]),
        rows=np.concatenate([one.rows for one in each]),
        classes=classes,
        forward=np.concatenate([of_one.forward for of_one in labels]),
        funding=np.concatenate([of_one.funding for of_one in labels]),
        usable=np.flatnonzero((runs >= window) & (classes != UNKNOWN)),
        timeframe_ms=each[0].timeframe_ms,
    )
