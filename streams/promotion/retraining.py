"""When another model is trained: the first of ready history, later ones by command, within limits.

Of a strategy and timeframe one training is under way at a time. Between two lies a cooldown, a
month has a budget, and challengers that were kept out twice in a row open the circuit. A refusal
names the limit and what it found; ``force`` passes over all three.
"""

from __future__ import annotations

from schemas.ids import derived_id
from schemas.market import HistoryReady
from schemas.models import ModelRegistered
from schemas.timeframes import DAY_MS, HOUR_MS, MINUTE_MS
from schemas.topics import TRAINING_REQUESTS
from schemas.training import ChampionReference, TrainingCancelled, TrainingRequest
from schemas.versions import ModelCommand
from streams.commands import Ruling
from streams.processor import Outputs
from streams.promotion.stages import line_subject
from streams.promotion.state import PromotionState, TrainingUnderWay

COOLDOWN_MS = 6 * HOUR_MS  # market time between two retrainings
MONTH_MS = 30 * DAY_MS  # market time
BUDGET = 20  # retrainings of a month
REJECTED = 2  # challengers in a row that open the circuit
DEADLINE_MS = DAY_MS  # market time, after which a training is given up


def request_id(history: HistoryReady, cause: object, reason: str) -> str:
    """Return the id of the request that a cause makes once of a history.

    The base bar's leaves its timeframe out, as when there was no other.
    """
    higher = () if history.base_ms is None else (history.timeframe_ms,)
    return derived_id(TRAINING_REQUESTS.name, history.strategy, cause, reason, *higher)


def champion_reference(model: ModelRegistered | None) -> ChampionReference | None:
    """Return the model with which a new one is compared; None where none serves."""
    if model is None:
        return None
    return ChampionReference(model_version=model.model_version, uri=model.uri, files=model.files)


def take_history(state: PromotionState, history: HistoryReady) -> tuple[PromotionState, Outputs]:
    """Return the state with a ready history, and the request for a model where none serves."""
    if state.history is None or history.to_ms > state.history.to_ms:
        state = state.model_copy(update={"history": history})
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
    under_way = TrainingUnderWay(
        request_id=request.request_id, cause="bootstrap", market_ms=history.event_time_ms
    )
    changes = {"requested_to_ms": history.to_ms, "training": under_way}
    return state.model_copy(update=changes), (request,)


def retrain(state: PromotionState, command: ModelCommand) -> Ruling:
    """Rule on another training."""
    about, history = line_subject(command), state.history
    if history is None:
        detail = f"{about} has no ready history yet: its first model is trained when it has"
        return Ruling("conflict", detail, about)
    refusal = _under_way(state, command) or ("" if command.force else _limit(state, command))
    if refusal:
        return Ruling("conflict", refusal, about)
    request = _request(state, command, history)
    since_ms = command.market_ms - MONTH_MS
    changes: dict[str, object] = {
        "training": TrainingUnderWay(
            request_id=request.request_id,
            cause=command.cause,
            market_ms=command.market_ms,
        ),
        "trained_ms": (*(ms for ms in state.trained_ms if ms > since_ms), command.market_ms),
    }
    detail = f"training {request.request_id} of {about} is asked for: {command.cause}"
    return Ruling("done", detail, about, changes, (request,), after="training", revises=False)


def _request(
    state: PromotionState, command: ModelCommand, history: HistoryReady
) -> TrainingRequest:
    last_ms = command.market_ms // history.timeframe_ms * history.timeframe_ms
    last_ms = max(last_ms, history.to_ms)
    closes = {
        symbol: min(close_ms, last_ms)
        for symbol, close_ms in sorted(command.closes.items())
        if symbol in history.symbols
    }
    to_ms = max(closes.values(), default=last_ms)
    return TrainingRequest(
        request_id=derived_id(TRAINING_REQUESTS.name, command.command_id),
        strategy=command.strategy,
        event_time_ms=command.market_ms,
        symbols=history.symbols,
        timeframe_ms=history.timeframe_ms,
        from_ms=history.from_ms,
        to_ms=to_ms,
        reason=command.cause,
        closes=closes,
        base_ms=history.base_ms,
        champion=champion_reference(state.registration(state.serving)),
    )


def _under_way(state: PromotionState, command: ModelCommand) -> str:
    """Return why no training may begin beside another; empty where none is under way."""
    training = state.training
    if training is None:
        return ""
    passed_ms = command.market_ms - training.market_ms
    if passed_ms >= DEADLINE_MS:
        return ""
    return (
        f"training {training.request_id} ({training.cause}) is under way for "
        f"{max(0, passed_ms) // MINUTE_MS} min of market time and is given up after "
        f"{DEADLINE_MS // MINUTE_MS}: wait for it, cancel it, or replay its dead "
        "letter if it failed"
    )


def _limit(state: PromotionState, command: ModelCommand) -> str:
    """Return which limit forbids a retraining, with its numbers; empty where none does."""
    now_ms = command.market_ms
    month = [ms for ms in state.trained_ms if ms > now_ms - MONTH_MS]
    ago_ms = now_ms - month[-1] if month else COOLDOWN_MS
    if ago_ms < COOLDOWN_MS:
        return (
            f"cooldown: the last retraining was asked for {ago_ms // MINUTE_MS} min of market time "
            f"ago, expected at least {COOLDOWN_MS // MINUTE_MS}; force passes over it"
        )
    if len(month) >= BUDGET:
        return (
            f"budget: {len(month)} retrainings within 30 days of market time, expected fewer than "
            f"{BUDGET}; force passes over it"
        )
    if state.rejected >= REJECTED:
        kept_out = ", ".join(
            f"{e.number} ({e.model_version})" for e in state.versions if e.stage == "Archived"
        )
        return (
            f"circuit breaker: {state.rejected} challengers in a row were kept out, expected fewer "
            f"than {REJECTED} (Archived: {kept_out}); a promotion closes it, force passes over it"
        )
    return ""


def cancel(state: PromotionState, command: ModelCommand) -> Ruling:
    """Rule on the end of a training that is under way."""
    about, training = line_subject(command), state.training
    if training is None:
        return Ruling("unknown", f"no training of {about} is under way", about)
    if command.training_id not in (None, training.request_id):
        detail = (
            f"training_id: got {command.training_id}, expected {training.request_id}, which is the "
            f"training of {about} under way"
        )
        return Ruling("conflict", detail, about)
    fact = TrainingCancelled(
        request_id=training.request_id,
        strategy=command.strategy,
        timeframe_ms=command.timeframe_ms,
        event_time_ms=command.market_ms,
        by=command.by,
        reason=command.reason,
    )
    detail = f"training {training.request_id} ({training.cause}) of {about} is cancelled"
    changes: dict[str, object] = {"training": None}
    return Ruling("done", detail, about, changes, (fact,), before="training", revises=False)
