"""Joins the feature vector and the regime probabilities of the same bar, by event time.

A half waits in the state for its partner, so the order in which the two topics arrive does not
matter. The LSTM's window lies beside the state; a restore refills it from the features topic. A
config's policy of specialists waits there for its first bar.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field

from schemas.configs import ConfigEffective
from schemas.features import FeatureVector
from schemas.record import Record
from schemas.regimes import RegimeProbabilities
from schemas.specialists import SpecialistPolicy

WINDOW = 64  # bars; the longest window of a model
# Both topics arrive in order of time: a partner so many bars behind will not come.
MAX_WAITING_HALVES = 64
DEFAULT_POLICY = SpecialistPolicy()

Half = TypeVar("Half", FeatureVector, RegimeProbabilities)


class PreparedRows:
    """What a model makes of each row alone, beside the rows: those from ``first`` to ``end``."""

    def __init__(self, width: int) -> None:
        self.rows = np.empty((2 * WINDOW, width), dtype=np.float32)
        self.first = self.end = 0

    def missing_from(self, first: int) -> int:
        """Return the place of the first row at or after ``first`` that is not prepared."""
        return self.end if self.first <= first <= self.end else first

    def write(self, first: int, rows: NDArray[np.float32]) -> None:
        """Keep prepared rows; earlier ones stay where these go on from them."""
        self.rows[first : first + len(rows)] = rows
        if not self.first <= first <= self.end:
            self.first = first
        self.end = first + len(rows)

    def moved(self, first: int) -> PreparedRows:
        """Return a copy for rows that begin at ``first`` of these."""
        moved = PreparedRows(self.rows.shape[1])
        moved.first, moved.end = max(0, self.first - first), self.end - first
        moved.rows[: moved.end] = self.rows[first : self.end]
        return moved


class RowsInOrder:
    """Rows of one symbol that successive windows share; a row once written never changes."""

    def __init__(self, rows: NDArray[np.float64]) -> None:
        self.end = len(rows)
        self.rows = np.empty((2 * WINDOW, rows.shape[1]))
        self.rows[: self.end] = rows
        self.prepared: dict[str, PreparedRows] = {}  # by model version

    def extended(self, end: int, row: NDArray[np.float64]) -> RowsInOrder:
        """Return the rows up to ``end`` and one more; others where that place is taken.

        It is taken after a replay from an older window, which goes on beside the newer one.
        """
        if end != self.end or end == len(self.rows):
            first = max(0, end - WINDOW + 1)
            others = RowsInOrder(np.concatenate((self.rows[first:end], row[None])))
            others.prepared = {
                version: prepared.moved(first)
                for version, prepared in self.prepared.items()
                if prepared.end == end  # a model that no longer serves is left behind
            }
            return others
        self.rows[end] = row
        self.end = end + 1
        return self


class FeatureWindow(Record):
    """The last paired vectors of one symbol, oldest first."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    feature_set_id: str
    names: tuple[str, ...]
    times: tuple[int, ...]
    shared: RowsInOrder
    end: int

    @property
    def rows(self) -> NDArray[np.float64]:
        """The values of each vector, NaN where null; shape (bars, features)."""
        return self.shared.rows[self.end - len(self.times) : self.end]

    @classmethod
    def from_vectors(cls, vectors: Sequence[FeatureVector]) -> FeatureWindow:
        """Return the window that ends with the last vector, in its features.

        What vectors of another feature set lack is NaN.
        """
        last, window = vectors[-1], vectors[-WINDOW:]
        return cls._of(
            last,
            tuple(v.event_time_ms for v in window),
            RowsInOrder(np.array([_row(v, last) for v in window])),
        )

    def extended(self, vector: FeatureVector) -> FeatureWindow:
        """Return the window one bar later, in the features of its vector."""
        if vector.feature_set_id != self.feature_set_id or tuple(vector.values) != self.names:
            return self._in_features_of(vector).extended(vector)
        shared = self.shared.extended(self.end, _row(vector, vector))
        return FeatureWindow.unchecked(
            feature_set_id=self.feature_set_id,
            names=self.names,
            times=(*self.times[1 - WINDOW :], vector.event_time_ms),
            shared=shared,
            end=shared.end,
        )

    @classmethod
    def _of(cls, last: FeatureVector, times: tuple[int, ...], shared: RowsInOrder) -> FeatureWindow:
        return cls.unchecked(
            feature_set_id=last.feature_set_id,
            names=tuple(last.values),
            times=times,
            shared=shared,
            end=shared.end,
        )

    def _in_features_of(self, vector: FeatureVector) -> FeatureWindow:
        rows = np.full((len(self.times), len(vector.values)), np.nan)
        for column, name in enumerate(vector.values):
            if name in self.names:
                rows[:, column] = self.rows[:, self.names.index(name)]
        return FeatureWindow._of(vector, self.times, RowsInOrder(rows))


class EffectivePolicy(Record):
    """From which bar close the specialists of a strategy are weighed by a policy."""

    from_ms: int
    strategy: str
    policy: SpecialistPolicy


class PairedBar(Record):
    """Both halves of one bar, the window that ends with it, and the config's policy at it."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    features: FeatureVector
    regimes: RegimeProbabilities
    window: Any
    effective: EffectivePolicy | None

    def policy(self, strategy: str) -> SpecialistPolicy:
        """Return how the specialists of a strategy are weighed at this bar."""
        if self.effective is None or self.effective.strategy != strategy:
            return DEFAULT_POLICY
        return self.effective.policy


class PairingState(Record):
    """Waiting halves and policies, and the last pair with its window (refilled, not stored)."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    event_time_ms: int = -1
    features_ms: int = Field(default=-1, description="Newest feature vector seen")
    regimes_ms: int = Field(default=-1, description="Newest posterior seen")
    features: tuple[FeatureVector, ...] = ()
    regimes: tuple[RegimeProbabilities, ...] = ()
    policies: tuple[EffectivePolicy, ...] = Field(
        default=(), description="In order of time; none: the default"
    )
    pair: Any = Field(default=None, exclude=True)


def _row(vector: FeatureVector, like: FeatureVector) -> NDArray[np.float64]:
    """Return the values in the features of ``like``; None, and what is absent, becomes NaN."""
    if vector is like:
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
        features = (*features[1 - MAX_WAITING_HALVES :], half)
    else:
        if now <= state.regimes_ms:
            return state, None
        regimes = (*regimes[1 - MAX_WAITING_HALVES :], half)
    vector, posterior = _half_at(now, features), _half_at(now, regimes)
    if vector is None or posterior is None:
        return _state(state, half, state.pair, (features, regimes)), None
    window = (
        FeatureWindow.from_vectors([vector])
        if state.pair is None
        else state.pair.window.extended(vector)
    )
    pair = PairedBar.unchecked(
        features=vector,
        regimes=posterior,
        window=window,
        effective=_policy_at(now, state.policies),
    )
    return _state(state, half, pair, (_after(now, features), _after(now, regimes))), pair


def receive_config(state: PairingState, config: ConfigEffective) -> PairingState:
    """Keep the policy of a config for its first bar; an older one changes nothing."""
    effective = EffectivePolicy(
        from_ms=config.event_time_ms,
        strategy=config.strategy,
        policy=config.specialists or DEFAULT_POLICY,
    )
    if not state.policies:
        if effective.policy == DEFAULT_POLICY:
            return state
    elif effective.from_ms < state.policies[-1].from_ms or effective == state.policies[-1]:
        return state
    return state.model_copy(update={"policies": (*state.policies, effective)})


def _policy_at(time_ms: int, policies: tuple[EffectivePolicy, ...]) -> EffectivePolicy | None:
    begun = [effective for effective in policies if effective.from_ms <= time_ms]
    return begun[-1] if begun else None


def _policies_from(
    time_ms: int, policies: tuple[EffectivePolicy, ...]
) -> tuple[EffectivePolicy, ...]:
    """Return the policies that still count at a time and after it."""
    now = _policy_at(time_ms, policies)
    kept = policies if now is None else policies[policies.index(now) :]
    return () if len(kept) == 1 and kept[0].policy == DEFAULT_POLICY else kept


def _half_at(time_ms: int, halves: tuple[Half, ...]) -> Half | None:
    for half in halves:
        if half.event_time_ms == time_ms:
            return half
    return None


def _after(time_ms: int, halves: tuple[Half, ...]) -> tuple[Half, ...]:
    if halves[-1].event_time_ms <= time_ms:  # they are in order
        return ()
    return tuple(half for half in halves if half.event_time_ms > time_ms)


def _state(
    before: PairingState,
    half: FeatureVector | RegimeProbabilities,
    pair: PairedBar | None,
    waiting: tuple[tuple[FeatureVector, ...], tuple[RegimeProbabilities, ...]],
) -> PairingState:
    now, featured = half.event_time_ms, isinstance(half, FeatureVector)
    features, regimes = waiting
    paired = pair is not before.pair
    return PairingState.unchecked(
        event_time_ms=now if paired else before.event_time_ms,
        features_ms=now if featured else before.features_ms,
        regimes_ms=before.regimes_ms if featured else now,
        features=features,
        regimes=regimes,
        policies=_policies_from(now, before.policies)
        if paired and before.policies
        else before.policies,
        pair=pair,
    )


def refill(state: PairingState, last_inputs: Sequence[Record]) -> PairingState:
    """Return the state with its last pair, rebuilt from the last committed halves."""
    until = state.event_time_ms
    features = [r for r in last_inputs if isinstance(r, FeatureVector) and r.event_time_ms <= until]
    regimes = [r for r in last_inputs if isinstance(r, RegimeProbabilities)]
    partner = next((r for r in regimes if r.event_time_ms == until), None)
    if not features or partner is None:
        return state
    pair = PairedBar.unchecked(
        features=features[-1],
        regimes=partner,
        window=FeatureWindow.from_vectors(features),
        effective=_policy_at(until, state.policies),
    )
    return state.model_copy(update={"pair": pair})
