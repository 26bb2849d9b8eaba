"""Feature rows and predictions of one symbol, by bar, that explanations look back at.

They lie in memory beside the state. Adding the same records twice changes nothing. One thread adds,
another may look: rows and their names change together.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from schemas.features import FeatureVector
from schemas.predictions import Prediction
from streams.processor import RecordRejected
from workers.explain.attribution import ExplainableModel

BARS_BEHIND = 2_000  # kept behind the newest prediction: a window, and what requests may name
# Features that run ahead of predictions: where a model serves, as far as in a fast replay, 40 MB a
# symbol. Before the first model there is no prediction of a past bar to wait for.
BARS_AHEAD = 50_000


@lru_cache(maxsize=16)  # feature sets times models in memory
def _columns(names: tuple[str, ...], wanted: tuple[str, ...]) -> NDArray[np.int64] | None:
    place = {name: i for i, name in enumerate(names)}
    if not place.keys() >= set(wanted):
        return None
    columns = np.array([place[name] for name in wanted])
    columns.setflags(write=False)
    return columns


@dataclass(frozen=True)
class FeatureRows:
    """Rows by bar close, each in the order of the names."""

    feature_set_id: str = ""
    names: tuple[str, ...] = ()
    by_time: dict[int, NDArray[np.float64]] = field(default_factory=dict)

    def columns(self, wanted: tuple[str, ...]) -> NDArray[np.int64] | None:
        """Return the columns of some names; None where one is not among the rows'."""
        return _columns(self.names, wanted)

    def follow(self, record: FeatureVector) -> FeatureRows:
        """Return the rows in the features of a vector; what they lack is NaN."""
        place = {name: i for i, name in enumerate(self.names)}
        columns = [place.get(name, len(place)) for name in record.values]  # the last one is NaN
        rows = {t: np.append(row, np.nan)[columns] for t, row in self.by_time.items()}
        return FeatureRows(record.feature_set_id, tuple(record.values), rows)


@dataclass
class ExplainHistory:
    """Rows in catalogue order; predictions as bytes, to be small."""

    features: FeatureRows = field(default_factory=FeatureRows)
    predictions: dict[int, bytes] = field(default_factory=dict)

    @property
    def rows(self) -> dict[int, NDArray[np.float64]]:
        """Feature rows by bar close."""
        return self.features.by_time

    def add(self, record: FeatureVector | Prediction, ahead: int = BARS_AHEAD) -> None:
        """Add one record of either topic; rows follow the newest feature set.

        At most ``ahead`` rows are kept while no prediction prunes them.
        """
        if isinstance(record, Prediction):
            self.predictions[record.event_time_ms] = record.encode()
            self._prune(record.event_time_ms - BARS_BEHIND * record.timeframe_ms)
            return
        names = self.features.names
        if record.feature_set_id != self.features.feature_set_id or tuple(record.values) != names:
            self.features = self.features.follow(record)
        # None becomes NaN.
        self.rows[record.event_time_ms] = np.array(list(record.values.values()), dtype=np.float64)
        while len(self.rows) > ahead:
            del self.rows[next(iter(self.rows))]

    def _prune(self, before_ms: int) -> None:
        for by_time in (self.rows, self.predictions):
            while by_time and (oldest := next(iter(by_time))) < before_ms:
                del by_time[oldest]

    def prediction(self, bar_time_ms: int) -> Prediction:
        """Return the prediction of a bar; raises ``RecordRejected`` where it is not in memory."""
        encoded = self.predictions.get(bar_time_ms)
        if encoded is None:
            raise RecordRejected(
                f"no prediction of the bar that closed at {bar_time_ms} is in reach: "
                f"{len(self.predictions)} are held, the last {BARS_BEHIND} bars"
            )
        return Prediction.decode(encoded)

    def window(self, model: ExplainableModel, prediction: Prediction) -> NDArray[np.float64]:
        """Return a prediction's inputs in model order, shape (window, F), oldest bar first.

        Raises:
            RecordRejected: Some of them are not in memory.
        """
        features, length = self.features, model.network.config.window
        last, step = prediction.event_time_ms, prediction.timeframe_ms
        times = range(last - (length - 1) * step, last + 1, step)
        rows = [row for row in map(features.by_time.get, times) if row is not None]
        columns = features.columns(model.manifest.feature_names)
        if len(rows) < length or columns is None:
            raise RecordRejected(
                f"features behind prediction {prediction.prediction_id} are out of reach: "
                f"{length - len(rows)} of {length} bars from {times[0]} on are missing, "
                f"{len(features.by_time)} of feature set {features.feature_set_id or 'none'} "
                "are held"
            )
        return np.concatenate(rows).reshape(length, -1).take(columns, axis=1)
