"""Counts rows of features into the bins of a reference, and compares two half windows with it."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.drift import DriftReference, FeatureDrift, FeatureReference, FeatureShift
from schemas.features import FeatureVector
from streams.processor import Outputs
from streams.shifts.state import ShiftState
from streams.shifts.statistics import (
    BINS,
    e_bh,
    e_values,
    finite,
    ks_distance,
    shares,
    stability_index,
    unpacked,
)

NULL_COLUMNS = 4


class ReferenceArrays(NamedTuple):
    """The numbers of a reference: edges (9, F), shares (F, 10), null (F, 4)."""

    edges: NDArray[Any]
    shares: NDArray[Any]
    null: NDArray[Any]


def _arrays(reference: FeatureReference) -> ReferenceArrays:
    # Bytes keep their hash; a record would make its own for each row.
    return _unpacked(reference.edges, reference.shares, reference.null)


@lru_cache(maxsize=64)
def _unpacked(edges: bytes, expected: bytes, null: bytes) -> ReferenceArrays:
    rows = unpacked(edges, BINS - 1).astype(np.float64)
    return ReferenceArrays(rows.T.copy(), unpacked(expected, BINS), unpacked(null, NULL_COLUMNS))


@lru_cache(maxsize=64)
def _picker(names: tuple[str, ...]) -> Callable[[dict[str, float | None]], tuple[Any, ...]]:
    """Return what picks the values of some names; it raises ``KeyError`` where one is absent."""
    pick = itemgetter(*names)
    return pick if len(names) > 1 else lambda values: (pick(values),)


def count_row(
    state: ShiftState,
    reference: DriftReference,
    vector: FeatureVector,
) -> tuple[ShiftState, Outputs]:
    """Return the state with one more row; a full half window is compared with the one before.

    A row without all features is passed over.
    """
    features, now = reference.features, vector.event_time_ms
    assert features is not None  # noqa: S101 - the caller checks
    try:
        row = np.frombuffer(array("d", _picker(features.names)(vector.values)))
    except (KeyError, TypeError):  # a feature is absent, or null
        return state, ()
    above: NDArray[Any] = row > _arrays(features).edges
    before = state.rows if state.above else 0  # a state of an older release counted otherwise
    if before == 0:
        earlier, halves = state.above[-1:], (*state.from_ms[-1:], now)
        above = above.astype(np.uint16)
    else:
        earlier, halves = state.above[:-1], state.from_ms
        above = above + np.frombuffer(state.above[-1], np.uint16).reshape(above.shape)
    full = before + 1 == features.half_rows
    after = state.changed(
        {
            "event_time_ms": now,
            "from_ms": halves,
            "rows": 0 if full else before + 1,
            "above": (*earlier, above.tobytes()),
        }
    )
    if not full or not earlier:
        return after, ()
    above = above.astype(np.int64) + np.frombuffer(earlier[0], np.uint16).reshape(above.shape)
    return after, (_drift(reference, vector, halves[0], _in_bins(above, 2 * features.half_rows)),)


def _in_bins(above: NDArray[Any], rows: int) -> NDArray[np.int64]:
    """Return how many of some rows lie in each bin, shape (F, 10), of those above each edge."""
    return np.asarray(-np.diff(above, axis=0, prepend=rows, append=0).T)


def _drift(
    reference: DriftReference, vector: FeatureVector, from_ms: int, counts: NDArray[np.int64]
) -> FeatureDrift:
    assert reference.features is not None  # noqa: S101 - the caller checks
    arrays, draws = _arrays(reference.features), reference.features.draws
    actual = shares(counts)
    psi, ks = stability_index(actual, arrays.shares), ks_distance(actual, arrays.shares)
    psi_95, psi_sum, ks_95, ks_sum = arrays.null.astype(np.float64).T
    evidence = (e_values(psi, psi_95, psi_sum, draws) + e_values(ks, ks_95, ks_sum, draws)) / 2.0
    columns = zip(
        reference.features.names,
        psi.tolist(),
        psi_95.tolist(),
        ks.tolist(),
        ks_95.tolist(),
        evidence.tolist(),
        e_bh(evidence.tolist()),
        strict=True,
    )
    return FeatureDrift(
        symbol=vector.symbol,
        timeframe_ms=vector.timeframe_ms,
        strategy=reference.strategy,
        model_version=reference.model_version,
        event_time_ms=vector.event_time_ms,
        from_ms=from_ms,
        rows=int(counts[0].sum()),
        features=tuple(
            FeatureShift(
                name=name,
                psi=finite(one),
                psi_95=finite(one_95),
                ks=finite(other),
                ks_95=finite(other_95),
                e_value=finite(e_value),
                drifted=drifted,
            )
            for name, one, one_95, other, other_95, e_value, drifted in columns
        ),
    )
