"""Shifts: features in; each half window, how far they have moved from the training out.

    regimes.parameters.v1, drift.references.v1, features.vectors.v1  -->  [shifts]
      -->  drift.features.v1

The regime filter of a symbol names the model that serves it, and from which bar. A model without a
reference, and a bar without all features, is passed over. NumPy loads with the first row that is
counted, so that reading the topology stays fast.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from schemas.drift import DriftReference
from schemas.features import FeatureVector
from schemas.regimes import RegimeParameters
from schemas.topics import DRIFT_FEATURES, DRIFT_REFERENCES, FEATURE_VECTORS, REGIME_PARAMETERS
from streams.processor import Outputs, Processor
from streams.shifts.state import ServedFrom, ShiftState

KEPT = 3  # references: of the model that serves, of the one before, of a candidate


def step(
    state: ShiftState, record: RegimeParameters | DriftReference | FeatureVector
) -> tuple[ShiftState, Outputs]:
    """Take notice of a model or its reference, or count one bar; what is not newer is ignored."""
    if isinstance(record, FeatureVector):
        return _observe(state, record)
    if isinstance(record, DriftReference):
        return _refer(state, record), ()
    if record.effective_from_ms <= state.served_ms:
        return state, ()
    served = ServedFrom(
        effective_from_ms=record.effective_from_ms, model_version=record.model_version
    )
    return state.model_copy(
        update={
            "served_ms": record.effective_from_ms,
            "pending": (*state.pending, served),
        }
    ), ()


def _refer(state: ShiftState, reference: DriftReference) -> ShiftState:
    if reference.event_time_ms <= state.referenced_ms:
        return state
    kept = [r for r in state.references if r.model_version != reference.model_version]
    kept.append(reference)
    while len(kept) > KEPT:
        kept.remove(next(r for r in kept if r.model_version != state.serving))
    return state.model_copy(
        update={"referenced_ms": reference.event_time_ms, "references": tuple(kept)}
    )


def _observe(state: ShiftState, vector: FeatureVector) -> tuple[ShiftState, Outputs]:
    now = vector.event_time_ms
    if now <= state.event_time_ms:
        return state, ()
    if state.pending and state.pending[0].effective_from_ms <= now:
        state = _switched(state, now)
    reference = _reference(state)
    if reference is None or reference.features is None:
        return state, ()
    if now // vector.timeframe_ms % reference.features.stride_bars:
        return state, ()
    return _counter()(state, reference, vector)


@cache
def _counter() -> Callable[[ShiftState, DriftReference, FeatureVector], tuple[ShiftState, Outputs]]:
    from streams.shifts.windows import count_row

    return count_row


def _reference(state: ShiftState) -> DriftReference | None:
    serving = state.serving
    for reference in reversed(state.references):  # the newest mostly serves
        if reference.model_version == serving:
            return reference
    return None


def _switched(state: ShiftState, now: int) -> ShiftState:
    due = [each for each in state.pending if each.effective_from_ms <= now]
    version = due[-1].model_version
    pending = state.pending[len(due) :]
    if version == state.serving:
        return state.model_copy(update={"pending": pending})
    cleared = {"from_ms": (), "rows": 0, "above": ()}
    return state.model_copy(update={"pending": pending, "serving": version, **cleared})


PROCESSOR = Processor(
    name="shifts",
    # At one time a model and its reference come before the bar.
    reads=(REGIME_PARAMETERS, DRIFT_REFERENCES, FEATURE_VECTORS),
    writes=(DRIFT_FEATURES,),
    initial=ShiftState(),
    step=step,
    state_key=("symbol", "timeframe_ms"),
)
