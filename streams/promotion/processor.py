"""Promotion: trained models and commands in, stages of versions and what serves out.

    market.history.v1, models.policies.v1, challenges.events.v1, models.registered.v1,
    models.commands.v1  -->  [promotion]  -->  training.requests.v1, training.cancelled.v1,
    training.budgets.v1, models.changes.v1, models.serving.v1, models.stages.v1,
    models.versions.v1, regimes.parameters.v1, commands.outcomes.v1, operators.audit.v1

Each timeframe by itself. Of its versions one is in Production; log order decides between two.
Ready history asks for a model where none serves, and the first that is registered serves even if it
failed its gates: its signals say so. A later one serves if its comparison with the model that
serves says so, by command, or where it has won a challenge whose config says so.
"""

from __future__ import annotations

from schemas.challenges import ChallengeEvent
from schemas.ids import derived_id
from schemas.market import HistoryReady
from schemas.models import ModelRegistered
from schemas.policies import ModelPolicy
from schemas.topics import (
    CHALLENGE_EVENTS,
    COMMAND_OUTCOMES,
    HISTORY,
    MODEL_COMMANDS,
    MODEL_POLICIES,
    MODEL_STAGES,
    MODEL_VERSIONS,
    MODELS_CHANGES,
    MODELS_REGISTERED,
    MODELS_SERVING,
    OPERATOR_AUDIT,
    REGIME_PARAMETERS,
    TRAINING_BUDGETS,
    TRAINING_CANCELLED,
    TRAINING_REQUESTS,
)
from schemas.versions import ModelAction, ModelCommand
from streams.commands import is_repeated, is_stale, settle, stale
from streams.processor import Outputs, Processor
from streams.promotion import retraining, stages
from streams.promotion.budget import Decided, with_budget
from streams.promotion.registration import register
from streams.promotion.review import review
from streams.promotion.stages import Decider
from streams.promotion.state import KEPT_POLICIES, LastChallenge, PromotionState, restored

DECIDERS: dict[ModelAction, Decider] = {
    "register": stages.register,
    "stage": stages.stage,
    "promote": stages.promote,
    "archive": stages.archive,
    "rollback": stages.rollback,
    "retrain": retraining.retrain,
    "cancel": retraining.cancel,
    "fail": retraining.fail,
    "review": review,
}


def step(state: PromotionState, record: Decided) -> tuple[PromotionState, Outputs]:
    """Take notice of a history or a policy, decide whether a trained model serves, or a command."""
    if isinstance(record, ModelPolicy):
        return _take_policy(state, record), ()
    if isinstance(record, ChallengeEvent):
        state = _take_challenge(state, record)
        return _decide(restored(state), promotion_won(record)) if record.promotes else (state, ())
    state = restored(state)
    if isinstance(record, HistoryReady):
        return retraining.take_history(state, record)
    if isinstance(record, ModelRegistered):
        return register(state, record)
    return _decide(state, record)


def _decide(state: PromotionState, command: ModelCommand) -> tuple[PromotionState, Outputs]:
    if is_repeated(state, command):
        return state, ()
    if is_stale(state, command):
        ruling = stale(state, command, stages.line_subject(command))
    else:
        ruling = DECIDERS[command.action](state, command)
    if command.action == "review" and ruling.code != "done":
        return state, ()  # hour after hour nothing is due: nobody need read that
    return settle(state, command, ("models", command.action), ruling)


def _take_challenge(state: PromotionState, event: ChallengeEvent) -> PromotionState:
    challenge, known = event.challenge, state.challenge
    if (
        known is not None
        and challenge.number <= known.number
        and (challenge.number < known.number or not known.active)
    ):
        return state  # it comes late: what has ended does not begin again
    newest = LastChallenge(
        number=challenge.number,
        challenge_id=challenge.challenge_id,
        model_version=challenge.challenger,
        active=challenge.status == "active",
    )
    return state if newest == known else state.model_copy(update={"challenge": newest})


def promotion_won(event: ChallengeEvent) -> ModelCommand:
    """Return the command to promote who has won a challenge, if its champion still serves."""
    challenge = event.challenge
    return ModelCommand(
        command_id=derived_id(MODEL_COMMANDS.name, challenge.challenge_id),
        event_time_ms=event.event_time_ms,  # a step sees no wall clock
        by="challenges",
        reason=f"{challenge.challenge_id}: {challenge.reason}",
        strategy=challenge.strategy,
        timeframe_ms=challenge.timeframe_ms,
        action="promote",
        market_ms=event.event_time_ms,
        version=challenge.challenger,
        replaces=challenge.champion,
        challenge_id=challenge.challenge_id,
    )


def _take_policy(state: PromotionState, policy: ModelPolicy) -> PromotionState:
    if state.policies and policy.event_time_ms <= state.policies[-1].event_time_ms:
        return state  # it has been taken
    return state.model_copy(update={"policies": (*state.policies, policy)[-KEPT_POLICIES:]})


PROCESSOR = Processor(
    name="promotion",
    reads=(HISTORY, MODEL_POLICIES, CHALLENGE_EVENTS, MODELS_REGISTERED, MODEL_COMMANDS),
    writes=(
        TRAINING_REQUESTS,
        TRAINING_CANCELLED,
        TRAINING_BUDGETS,
        MODELS_CHANGES,
        MODELS_SERVING,
        MODEL_STAGES,
        MODEL_VERSIONS,
        REGIME_PARAMETERS,
        COMMAND_OUTCOMES,
        OPERATOR_AUDIT,
    ),
    initial=PromotionState(),
    step=with_budget(step),
    state_key=("strategy", "timeframe_ms"),
)
