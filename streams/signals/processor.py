"""Signals: predictions in, graded signals out, by the config that is effective at their bar.

    configs.effective.v1, predictions.ensemble.v1  -->  [signals]  -->  signals.graded.v1
                          predictions.shadow.v1                         signals.shadow.v1

A symbol that the config's universe leaves out gets no signal. Both models of a challenge are graded
by the config of the bar.
"""

from __future__ import annotations

from pydantic import ConfigDict

from schemas.bounds import LAST_MS
from schemas.challenges import ShadowPrediction, ShadowSignals
from schemas.configs import ConfigEffective
from schemas.ids import derived_id
from schemas.predictions import Prediction
from schemas.record import Record
from schemas.signals import Direction, Signal
from schemas.topics import (
    CONFIG_EFFECTIVE,
    PREDICTIONS,
    SHADOW_PREDICTIONS,
    SHADOW_SIGNALS,
    SIGNALS,
)
from streams.confidence import choose_direction
from streams.costs import Costs
from streams.processor import Outputs, Processor, RecordRejected
from streams.signals.decision import decide
from streams.signals.grading import (
    DEFAULT_POLICY,
    assign_grade,
    confirm_direction,
    grade_promise,
)
from streams.signals.net_return import expected_net_return
from streams.signals.rank import ranked
from streams.signals.risk import ACCOUNT_CHECKS, RISK_APPROVED, price_levels, risk_notes


class SignalsState(Record):
    """The bar of the last graded prediction, the config in force, and those that follow it.

    ``funding_ms`` lies between the last two settlements of funding that were seen. ``returns`` are
    the expected net returns that ``ranked`` compares with. ``direction`` has held since
    ``since_ms``. ``shadow_ms`` is the bar of the last shadow prediction.
    """

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    event_time_ms: int = -1
    active: ConfigEffective | None = None
    pending: tuple[ConfigEffective, ...] = ()
    funding_time_ms: int | None = None
    funding_ms: int | None = None
    returns: bytes = b""
    direction: Direction | None = None
    since_ms: int = -1
    shadow_ms: int = -1


def step(
    state: SignalsState, record: Prediction | ConfigEffective | ShadowPrediction
) -> tuple[SignalsState, Outputs]:
    """Grade one prediction, or keep a config for its bar; one not newer changes nothing."""
    if isinstance(record, ConfigEffective):
        return _receive(state, record), ()
    if isinstance(record, ShadowPrediction):
        return _shadowed(state, record)
    now_ms = record.event_time_ms
    if now_ms <= state.event_time_ms:
        return state, ()
    active, pending = state.active, state.pending
    while pending and pending[0].event_time_ms <= now_ms:
        active, pending = pending[0], pending[1:]
    stamp_ms, funding_ms = _funding_interval(state, record)
    after = SignalsState.unchecked(
        event_time_ms=now_ms,
        active=active,
        pending=pending,
        funding_time_ms=stamp_ms,
        funding_ms=funding_ms,
        returns=state.returns,
        direction=None,
        since_ms=-1,
        shadow_ms=state.shadow_ms,
    )
    config = _config_of(after, record)
    if config is not None and not config.included:
        return after, ()
    signal = graded(record, config, funding_ms)
    follows = now_ms == state.event_time_ms + record.timeframe_ms
    goes_on = follows and signal.direction == state.direction
    since_ms = state.since_ms if goes_on else now_ms
    returns, rank = state.returns, None
    if (expected := signal.expected_net_return) is not None:
        returns, percentile = ranked(returns, expected.mean)
        rank = percentile if expected.low > 0.0 else None
    after = after.changed({"returns": returns, "direction": signal.direction, "since_ms": since_ms})
    return after, (signal.changed({"rank": rank, "since_ms": since_ms}),)


def _config_of(state: SignalsState, prediction: Prediction) -> ConfigEffective | None:
    active = state.active
    return active if active is not None and active.strategy == prediction.strategy else None


def _shadowed(
    state: SignalsState, shadow: ShadowPrediction
) -> tuple[SignalsState, tuple[ShadowSignals, ...]]:
    """Grade what both models of a challenge say of the bar that was graded last."""
    if shadow.event_time_ms <= state.shadow_ms:
        return state, ()
    after = state.changed({"shadow_ms": shadow.event_time_ms})
    config = _config_of(state, shadow.champion)
    if config is not None and not config.included:
        return after, ()
    signals = ShadowSignals.unchecked(
        challenge_id=shadow.challenge_id,
        strategy=shadow.strategy,
        symbol=shadow.symbol,
        timeframe_ms=shadow.timeframe_ms,
        event_time_ms=shadow.event_time_ms,
        champion=graded(shadow.champion, config, state.funding_ms),
        challenger=graded(shadow.challenger, config, state.funding_ms),
    )
    return after, (signals,)


def _funding_interval(state: SignalsState, prediction: Prediction) -> tuple[int | None, int | None]:
    """Return the newest stamp of funding, and the time between the last two without a hole."""
    stamp_ms, before_ms = prediction.context.funding_time_ms, state.funding_time_ms
    if stamp_ms is None or stamp_ms == before_ms:
        return before_ms, state.funding_ms
    if before_ms is None or stamp_ms < before_ms or prediction.context.bars_missing:
        return stamp_ms, state.funding_ms
    return stamp_ms, stamp_ms - before_ms


def _receive(state: SignalsState, config: ConfigEffective) -> SignalsState:
    newest = state.pending[-1] if state.pending else state.active
    if newest is not None and config.event_time_ms < newest.event_time_ms:
        return state
    if newest == config:
        return state
    return state.model_copy(update={"pending": (*state.pending, config)})


def graded(
    prediction: Prediction,
    config: ConfigEffective | None = None,
    funding_ms: int | None = None,
) -> Signal:
    """Return the signal of a prediction by a config, or by the defaults, without a rank.

    ``funding_ms`` lies between settlements of funding; None: it is unknown.

    Raises: RecordRejected for a horizon that ends after all times that a record may hold.
    """
    policy = DEFAULT_POLICY if config is None else config.policy
    round_trip = Costs(policy.taker_fee, policy.slippage).round_trip
    direction, confidence = choose_direction(prediction.probabilities)
    confirmations = confirm_direction(prediction, direction, policy)
    grade = assign_grade(
        confidence,
        confirmations,
        qualified=prediction.qualified,
        members=len(prediction.members),
        bands=policy.grade_bands,
    )
    invalidation, target = price_levels(prediction, direction)
    expires_ms = prediction.event_time_ms + prediction.horizon_bars * prediction.timeframe_ms
    if expires_ms > LAST_MS:
        raise RecordRejected(f"its signal would expire at {expires_ms}, expected {LAST_MS} at most")
    signal = Signal.unchecked(
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
        grade=grade,
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
        risk_notes=risk_notes(prediction, direction, round_trip),
        device=prediction.device,
        config_id=None if config is None else config.config_id,
        round_trip_cost=None if config is None else round_trip,
        confidence_interval=prediction.confidence_interval,
        expected_net_return=expected_net_return(prediction, direction, round_trip, funding_ms),
        answered_by=prediction.answered_by,
        why=prediction.why,
        rank=None,
        decision=None,
        since_ms=None,
        grade_promise=grade_promise(grade, direction, policy.grade_bands),
    )
    return signal.changed({"decision": decide(signal, policy)})


def signal_id(prediction: Prediction) -> str:
    """Return the id of the signal that a prediction becomes."""
    return derived_id(SIGNALS.name, prediction.prediction_id)


PROCESSOR = Processor(
    name="signals",
    # At one time the config comes first, and what its challenger says after the model that serves.
    reads=(CONFIG_EFFECTIVE, PREDICTIONS, SHADOW_PREDICTIONS),
    writes=(SIGNALS, SHADOW_SIGNALS),
    initial=SignalsState(),
    step=step,
    state_key=("symbol", "timeframe_ms"),
)
