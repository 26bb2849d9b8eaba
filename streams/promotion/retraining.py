"""When another model is trained: the first of ready history, later ones by command, within limits.

    nothing --retrain--> under way --registered, failed, cancelled, given up--> nothing
       |                                                                           ^
       +--a cause that may not yet--> waiting --review, retrain--> under way ------+

Of a strategy and timeframe one training is under way at a time. People are refused at once, with
the limit and what it found; ``force`` passes over limits. Other causes wait, each once, and are
trained for together. ``review`` ends what is late.
"""

from __future__ import annotations

from schemas.ids import derived_id
from schemas.market import HistoryReady
from schemas.models import ModelRegistered
from schemas.policies import PolicyDecision
from schemas.timeframes import HOUR_MS, MINUTE_MS
from schemas.topics import TRAINING_REQUESTS
from schemas.training import ChampionReference, TrainingCancelled, TrainingRequest
from schemas.versions import ModelCommand
from streams.commands import Ruling
from streams.processor import Outputs
from streams.promotion.limits import (
    MONTH_MS,
    WORTH_WAITING,
    forbidding,
    limits,
    refusal,
    retraining_policy,
)
from streams.promotion.stages import line_subject
from streams.promotion.state import PromotionState, TrainingUnderWay, WaitingCause


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
    # The base bar's id leaves its timeframe out, as when there was no other.
    higher = () if history.base_ms is None else (history.timeframe_ms,)
    about = (history.strategy, history.to_ms, "bootstrap", *higher)
    request = TrainingRequest(
        request_id=derived_id(TRAINING_REQUESTS.name, *about),
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
        detail = (
            f"no ready history of {about} is known, expected a strategy and a timeframe that run; "
            "the first model is trained once the history is filled"
        )
        return Ruling("unknown", detail, about)
    if unknown := sorted(set(command.symbols) - set(history.symbols)):
        expected = ", ".join(history.symbols)
        detail = f"symbols: got {', '.join(unknown)}, expected some of {expected}"
        return Ruling("invalid", detail, about)
    decision = limits(state, command.market_ms)
    limit = forbidding(state, command, decision)
    busy = under_way(state, command)
    if busy or (limit is not None and not command.force):
        why = busy or (limit and refusal(state, limit, decision.config_id)) or ""
        waits = command.cause != "manual" and (busy or (limit and limit.name in WORTH_WAITING))
        return _waits(state, command, why) if waits else Ruling("conflict", why, about)
    forced = f", in spite of {limit.name}" if limit is not None else ""
    return training_asked(state, command, history, decision, forced)


def _waits(state: PromotionState, command: ModelCommand, why: str) -> Ruling:
    about = line_subject(command)
    if command.cause in {each.cause for each in state.waiting}:
        return Ruling("same", f"{command.cause} waits already: {why}", about)
    cause = WaitingCause(cause=command.cause, since_ms=command.market_ms)
    changes: dict[str, object] = {"waiting": (*state.waiting, cause)}
    return Ruling("done", f"{command.cause} waits: {why}", about, changes, (), revises=False)


def training_asked(
    state: PromotionState,
    command: ModelCommand,
    history: HistoryReady,
    decision: PolicyDecision,
    forced: str = "",
) -> Ruling:
    """Return the ruling that a training begins, for a command and for all that waits."""
    about = line_subject(command)
    waiting = [each.cause for each in state.waiting]
    causes = waiting if command.action == "review" else [command.cause, *waiting]
    causes = list(dict.fromkeys(causes))
    request = _request(state, command, history).model_copy(
        update={"reason": causes[0], "causes": tuple(causes), "decision": decision}
    )
    since_ms = command.market_ms - MONTH_MS
    changes: dict[str, object] = {
        "training": TrainingUnderWay(
            request_id=request.request_id, cause=", ".join(causes), market_ms=command.market_ms
        ),
        "trained_ms": (*(ms for ms in state.trained_ms if ms > since_ms), command.market_ms),
        "failure": "",
        "waiting": (),
    }
    detail = f"training {request.request_id} of {about} is asked for: {', '.join(causes)}{forced}"
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
    wanted = set(command.symbols or history.symbols)
    return TrainingRequest(
        request_id=derived_id(TRAINING_REQUESTS.name, command.command_id),
        strategy=command.strategy,
        event_time_ms=command.market_ms,
        symbols=tuple(symbol for symbol in history.symbols if symbol in wanted),
        timeframe_ms=history.timeframe_ms,
        from_ms=history.from_ms,
        to_ms=to_ms,
        reason=command.cause,
        closes=closes,
        base_ms=history.base_ms,
        champion=champion_reference(state.registration(state.serving)),
        search_trials=command.search_trials,
    )


def deadline_ms(state: PromotionState, market_ms: int) -> int:
    """Return after how much market time a training is given up."""
    return round(retraining_policy(state, market_ms).deadline_hours * HOUR_MS)


def under_way(state: PromotionState, command: ModelCommand) -> str:
    """Return why no training may begin beside another; empty where none is under way."""
    training = state.training
    if training is None:
        return ""
    passed_ms = command.market_ms - training.market_ms
    longest_ms = deadline_ms(state, command.market_ms)
    if passed_ms >= longest_ms:
        return ""
    return (
        f"training {training.request_id} ({training.cause}) is under way for "
        f"{max(0, passed_ms) // MINUTE_MS} min of market time and is given up after "
        f"{longest_ms // MINUTE_MS}: wait for it, or cancel it"
    )


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


def fail(state: PromotionState, command: ModelCommand) -> Ruling:
    """Rule on a training that has ended without a model: the next may begin.

    It counts in the budget, and not as a challenger that was kept out.
    """
    about, training = line_subject(command), state.training
    if training is None or command.training_id != training.request_id:
        detail = f"training {command.training_id} of {about} is not under way"
        return Ruling("same", detail, about)
    detail = (
        f"training {training.request_id} ({training.cause}) of {about} has ended without a model: "
        f"{command.reason}"
    )
    changes: dict[str, object] = {"training": None, "failure": command.reason}
    return Ruling("done", detail, about, changes, (), before="training", revises=False)
