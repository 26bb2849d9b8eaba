"""Promotion: history and trained models in, requests and changes of the serving model out.

    market.history.v1, models.registered.v1  -->  [promotion]  -->  training.requests.v1,
    models.changes.v1, models.serving.v1, regimes.parameters.v1

Bootstrap only, each timeframe by itself. Ready history asks for a model where none serves. The
first registered model serves even if it failed its gates (its signals say so), until a qualified
one replaces it.
"""

from __future__ import annotations

from schemas.ids import derived_id
from schemas.market import HistoryReady
from schemas.models import ModelChanged, ModelRegistered, ModelServing
from schemas.record import Record
from schemas.topics import (
    DEPLOYMENTS,
    HISTORY,
    MODEL_STAGES,
    MODEL_VERSIONS,
    MODELS_CHANGES,
    MODELS_REGISTERED,
    MODELS_SERVING,
    REGIME_PARAMETERS,
    TRAINING_CANCELLED,
    TRAINING_REQUESTS,
)
from schemas.training import TrainingRequest
from streams.processor import Outputs, Processor

# Base bars, two at least. More, because the change must reach inference and the regime filter
# before its bar, also when a market minute takes a second.
LEAD_BARS = 5


class PromotionState(Record):
    """The last request and the serving model of a strategy and timeframe."""

    requested_to_ms: int = -1
    registered_ms: int = -1
    serving: str | None = None
    qualified: bool = False


def step(
    state: PromotionState, record: HistoryReady | ModelRegistered
) -> tuple[PromotionState, Outputs]:
    """Ask for a first model, or decide whether a registered one serves."""
    if isinstance(record, HistoryReady):
        return _history(state, record)
    return _registered(state, record)


def request_id(history: HistoryReady, cause: object, reason: str) -> str:
    """Return the id of the request that a cause makes once of a history.

    The base bar's leaves its timeframe out, as when there was no other.
    """
    higher = () if history.base_ms is None else (history.timeframe_ms,)
    return derived_id(TRAINING_REQUESTS.name, history.strategy, cause, reason, *higher)


def _history(state: PromotionState, history: HistoryReady) -> tuple[PromotionState, Outputs]:
    if state.serving is not None or history.to_ms <= state.requested_to_ms:
        return state, ()
    request = TrainingRequest(
        request_id=request_id(history, history.to_ms, "bootstrap"),
        strategy=history.strategy,
        event_time_ms=history.event_time_ms,
        symbols=history.symbols,
        timeframe_ms=history.timeframe_ms,
        from_ms=history.from_ms,
        to_ms=history.to_ms,
        reason="bootstrap",
        closes=history.closes,
        base_ms=history.base_ms,
    )
    return state.model_copy(update={"requested_to_ms": history.to_ms}), (request,)


def _registered(state: PromotionState, model: ModelRegistered) -> tuple[PromotionState, Outputs]:
    if model.event_time_ms <= state.registered_ms or model.model_version == state.serving:
        return state, ()
    seen = state.model_copy(update={"registered_ms": model.event_time_ms})
    if state.qualified and not model.qualified:
        return seen, ()
    effective = _effective_from(model)
    changed = ModelChanged(
        strategy=model.strategy,
        event_time_ms=model.event_time_ms,
        effective_from_ms=effective,
        model=model,
        replaces=state.serving,
        reason="qualified" if model.qualified else "unqualified: no qualified model serves",
    )
    serving = ModelServing(**{name: getattr(changed, name) for name in ModelChanged.model_fields})
    filters = tuple(
        regime.model_copy(update={"effective_from_ms": effective}) for regime in model.regimes
    )
    after = seen.model_copy(update={"serving": model.model_version, "qualified": model.qualified})
    return after, (changed, serving, *filters)


def _effective_from(model: ModelRegistered) -> int:
    """Return the first close of the model's timeframe that is ``LEAD_BARS`` base bars ahead."""
    base_ms = model.base_ms or model.timeframe_ms
    earliest = (-(-model.event_time_ms // base_ms) + LEAD_BARS) * base_ms
    return -(-earliest // model.timeframe_ms) * model.timeframe_ms


PROCESSOR = Processor(
    name="promotion",
    reads=(HISTORY, MODELS_REGISTERED),
    writes=(
        TRAINING_REQUESTS,
        TRAINING_CANCELLED,
        MODELS_CHANGES,
        MODELS_SERVING,
        MODEL_STAGES,
        MODEL_VERSIONS,
        DEPLOYMENTS,
        REGIME_PARAMETERS,
    ),
    initial=PromotionState(),
    step=step,
    state_key=("strategy", "timeframe_ms"),
)
