"""By what the ACTIVE config judges models: a training reads it for the time when it was asked for.

So the same request is judged alike by the process that runs it again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from schemas.policies import ModelPolicy, policy_at
from schemas.record import Record
from schemas.topics import MODEL_POLICIES
from schemas.training import TrainingRequest
from streams.runtime.reader import Reader
from streams.runtime.settings import KafkaSettings

if TYPE_CHECKING:
    from workers.training.fit import TrainingPlan


def read_policy(kafka: KafkaSettings, request: TrainingRequest) -> ModelPolicy | None:
    """Return the policy that counted when a training was asked for; None where none was known."""
    with Reader(kafka, (MODEL_POLICIES,)) as reader:
        return policy_of_request((message.record for message in reader.read_to_end()), request)


def policy_of_request(records: Iterable[Record], request: TrainingRequest) -> ModelPolicy | None:
    """Return the policy of a request, from the records of the topic in their order."""
    line = (request.strategy, request.timeframe_ms)
    policies = [
        record
        for record in records
        if isinstance(record, ModelPolicy) and (record.strategy, record.timeframe_ms) == line
    ]
    return policy_at(policies, request.event_time_ms)


def plan_under(policy: ModelPolicy | None, request: TrainingRequest) -> TrainingPlan:
    """Return how a request is trained; how many trials its searches have it may say itself."""
    from workers.training.fit import TrainingPlan  # with a compiler: the process does without

    plan = TrainingPlan()
    if policy is not None:
        plan = TrainingPlan(
            specialists=policy.specialists, gates=policy.gates, variants=policy.training
        )
    if request.search_trials is None:
        return plan
    asked = plan.variants.model_copy(update={"search_trials": request.search_trials})
    return replace(plan, variants=asked)
