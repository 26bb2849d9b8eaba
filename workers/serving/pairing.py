"""Joins the feature vector and the regime probabilities of the same bar, by event time.

A half waits in the state for its partner, so the order in which the two topics arrive does not
matter. The LSTM's window lies beside the state; a restore refills it from the features topic.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field

from schemas.features import FeatureVector
from schemas.record import Record
from schemas.regimes import RegimeProbabilities

WINDOW = 64  # bars; the longest window of a model
# Both topics arrive in order of time: a partner so many bars behind will not come.
MAX_WAITING_HALVES = 64


class FeatureWindow(Record):
    """The last paired vectors of one symbol, oldest first; rows hold NaN where null."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    feature_set_id: str
    names: tuple[str, ...]
    times: tuple[int, ...]
    rows: NDArray[np.float64]

    @classmethod
    def from_vectors(cls, vectors: Sequence[FeatureVector]) -> FeatureWindow:
        """Return the window that ends with the last vector, in its features.

        What vectors of another feature set lack is NaN.
        """
        last, window = vectors[-1], vectors[-WINDOW:]
        return cls.model_construct(
            feature_set_id=last.feature_set_id,
            names=tuple(last.values),
            times=tuple(v.event_time_ms for v in window),
            rows=np.array([_row(v, last) for v in window]),
        )

    def extended(self, vector: FeatureVector) -> FeatureWindow:
        """Return the window one bar later, in the features of its vector."""
        if vector.feature_set_id != self.feature_set_id:
            return self._in_features_of(vector).extended(vector)
        return FeatureWindow.model_construct(
            feature_set_id=self.feature_set_id,
            names=self.names,
            times=(*self.times, vector.event_time_ms)[-WINDOW:],
            rows=np.concatenate((self.rows[-(WINDOW - 1) :], _row(vector, vector)[None])),
        )

    def _in_features_of(self, vector: FeatureVector) -> FeatureWindow:
        rows = np.full((len(self.rows), len(vector.values)), np.nan)
        for column, name in enumerate(vector.values):
            if name in self.names:
                rows[:, column] = self.rows[:, self.names.index(name)]
        return FeatureWindow.model_construct(
            feature_set_id=vector.feature_set_id,
            names=tuple(vector.values),
            times=self.times,
            rows=rows,
        )


class PairedBar(Record):
    """Both halves of one bar, and the window that ends with it."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    features: FeatureVector
    regimes: RegimeProbabilities
    window: Any


class PairingState(Record):
    """Waiting halves, and the last pair with its window (refilled, not stored)."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    event_time_ms: int = -1
    features_ms: int = Field(default=-1, description="Newest feature vector seen")
    regimes_ms: int = Field(default=-1, description="Newest posterior seen")
    features: tuple[FeatureVector, ...] = ()
    regimes: tuple[RegimeProbabilities, ...] = ()
    pair: Any = Field(default=None, exclude=True)


def _row(vector: FeatureVector, like: FeatureVector) -> NDArray[np.float64]:
    """Return the values in the features of ``like``; None, and what is absent, becomes NaN."""
    if vector.feature_set_id == like.feature_set_id:
        return np.array(list(vector.values.values()), dtype=np.float64)
    return np.array([vector.values.get(name) for name in like.values], dtype=np.float64)


def receive(
    state: PairingState, half: FeatureVector | RegimeProbabilities
) -> tuple[PairingState, PairedBar | None]:
    """Add one half; return the pair if its partner is there. An old half changes nothing."""
    now = half.event_time_ms
    features, regimes = state.features, state.regimes
    if isinstance(half, FeatureVector):
        if now <= state.features_ms:
            return state, None
        changed: dict[str, Any] = {"features_ms": now}
        features = (*features, half)[-MAX_WAITING_HALVES:]
    else:
        if now <= state.regimes_ms:
            return state, None
        changed = {"regimes_ms": now}
        regimes = (*regimes, half)[-MAX_WAITING_HALVES:]
    vector = next((f for f in features if f.event_time_ms == now), None)
    posterior = next((r for r in regimes if r.event_time_ms == now), None)
    pair = None
    if vector is not None and posterior is not None:
        window = (
            FeatureWindow.from_vectors([vector])
            if state.pair is None
            else state.pair.window.extended(vector)
        )
        pair = PairedBar.model_construct(features=vector, regimes=posterior, window=window)
        features = tuple(f for f in features if f.event_time_ms > now)
        regimes = tuple(r for r in regimes if r.event_time_ms > now)
        changed |= {"event_time_ms": now, "pair": pair}
    return state.model_copy(update=changed | {"features": features, "regimes": regimes}), pair


def refill(state: PairingState, last_inputs: Sequence[Record]) -> PairingState:
    """Return the state with its last pair, rebuilt from the last committed halves."""
    until = state.event_time_ms
    features = [r for r in last_inputs if isinstance(r, FeatureVector) and r.event_time_ms <= until]
    regimes = [r for r in last_inputs if isinstance(r, RegimeProbabilities)]
    partner = next((r for r in regimes if r.event_time_ms == until), None)
    if not features or partner is None:
        return state
    pair = PairedBar.model_construct(
        features=features[-1], regimes=partner, window=FeatureWindow.from_vectors(features)
    )
    return state.model_copy(update={"pair": pair})
