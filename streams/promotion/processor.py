"""Promotion: trained models and commands in, stages of versions and what serves out.

    market.history.v1, models.policies.v1, models.registered.v1, models.commands.v1  -->
    [promotion]  -->  training.requests.v1, training.cancelled.v1, training.budgets.v1,
    models.changes.v1, models.serving.v1, models.stages.v1, models.versions.v1,
    regimes.parameters.v1, commands.outcomes.v1, operators.audit.v1

Each timeframe by itself. Of its versions one is in Production; log order decides between two.
Ready history asks for a model where none serves, and the first that is registered serves even if it
failed its gates: its signals say so. A later one serves if its comparison with the model that
serves says so, or by command.
"""

from __future__ import annotations

from schemas.market import HistoryReady
from schemas.models import ModelRegistered
from schemas.policies import ModelPolicy
from schemas.topics import (
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
from streams.promotion.budget import with_budget
from streams.promotion.registration import register
from streams.promotion.review import review
from streams.promotion.stages import Decider
from streams.promotion.state import KEPT_POLICIES, PromotionState, restored

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


def step(
    state: PromotionState, record: HistoryReady | ModelPolicy | ModelRegistered | ModelCommand
) -> tuple[PromotionState, Outputs]:
    """Take notice of a history or a policy, decide whether a trained model serves, or a command."""
    if isinstance(record, ModelPolicy):
        return _take_policy(state, record), ()
    state = restored(state)
    if isinstance(record, HistoryReady):
        return retraining.take_history(state, record)
    if isinstance(record, ModelRegistered):
        return register(state, record)
    if is_repeated(state, record):
        return state, ()
    if is_stale(state, record):
        ruling = stale(state, record, stages.line_subject(record))
    else:
        ruling = DECIDERS[record.action](state, record)
    if record.action == "review" and ruling.code != "done":
        return state, ()  # hour after hour nothing is due: nobody need read that
    return settle(state, record, ("models", record.action), ruling)


def _take_policy(state: PromotionState, policy: ModelPolicy) -> PromotionState:
    if state.policies and policy.event_time_ms <= state.policies[-1].event_time_ms:
        return state  # it has been taken
    return state.model_copy(update={"policies": (*state.policies, policy)[-KEPT_POLICIES:]})


PROCESSOR = Processor(
    name="promotion",
    reads=(HISTORY, MODEL_POLICIES, MODELS_REGISTERED, MODEL_COMMANDS),
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
