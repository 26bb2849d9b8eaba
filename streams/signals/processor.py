"""Signals: predictions in, graded signals out.

predictions.ensemble.v1  -->  [signals]  -->  signals.graded.v1
"""

from __future__ import annotations

from schemas.bounds import LAST_MS
from schemas.ids import derived_id
from schemas.predictions import Prediction
from schemas.record import Record
from schemas.signals import Signal
from schemas.topics import PREDICTIONS, SIGNALS
from streams.processor import Outputs, Processor, RecordRejected
from streams.signals.grading import assign_grade, choose_direction, confirm_direction
from streams.signals.risk import ACCOUNT_CHECKS, RISK_APPROVED, price_levels, risk_notes


class SignalsState(Record):
    """The bar of the last graded prediction."""

    event_time_ms: int = -1


def step(state: SignalsState, prediction: Prediction) -> tuple[SignalsState, Outputs]:
    """Grade one prediction; one not newer than the last changes nothing."""
    if prediction.event_time_ms <= state.event_time_ms:
        return state, ()
    return SignalsState.unchecked(event_time_ms=prediction.event_time_ms), (graded(prediction),)


def graded(prediction: Prediction) -> Signal:
    """Return the signal of a prediction; uses nothing else.

    Raises: RecordRejected for a horizon that ends after all times that a record may hold.
    """
    direction, confidence = choose_direction(prediction.probabilities)
    confirmations = confirm_direction(prediction, direction)
    invalidation, target = price_levels(prediction, direction)
    expires_ms = prediction.event_time_ms + prediction.horizon_bars * prediction.timeframe_ms
    if expires_ms > LAST_MS:
        raise RecordRejected(f"its signal would expire at {expires_ms}, expected {LAST_MS} at most")
    return Signal.unchecked(
        signal_id=signal_id(prediction),
        prediction_id=prediction.prediction_id,
        symbol=prediction.symbol,
        timeframe_ms=prediction.timeframe_ms,
        event_time_ms=prediction.event_time_ms,
        available_time_ms=prediction.available_time_ms,
        strategy=prediction.strategy,
        model_version=prediction.model_version,
        feature_set_id=prediction.feature_set_id,
        qualified=prediction.qualified,
        direction=direction,
        confidence=confidence,
        grade=assign_grade(
            confidence,
            confirmations,
            qualified=prediction.qualified,
            members=len(prediction.members),
        ),
        probabilities=prediction.probabilities,
        members=prediction.members,
        strategy_weights=prediction.strategy_weights,
        regime=prediction.regime,
        confirmations=confirmations,
        horizon_bars=prediction.horizon_bars,
        expires_ms=expires_ms,
        reference_price=prediction.context.close,
        invalidation_price=invalidation,
        target_price=target,
        threshold=prediction.threshold,
        context=prediction.context,
        recommended_quantity=None,
        risk_approved=RISK_APPROVED,
        risk_checks=ACCOUNT_CHECKS,
        risk_notes=risk_notes(prediction, direction),
        device=prediction.device,
    )


def signal_id(prediction: Prediction) -> str:
    """Return the id of the signal that a prediction becomes."""
    return derived_id(SIGNALS.name, prediction.prediction_id)


PROCESSOR = Processor(
    name="signals",
    reads=(PREDICTIONS,),
    writes=(SIGNALS,),
    initial=SignalsState(),
    step=step,
    state_key=("symbol", "timeframe_ms"),
)
