"""Deployments: the ACTIVE config of a strategy with the model that serves, numbered.

    models.changes.v1, configs.active.v1  -->  [deployments]  -->  deployments.changes.v1

Any change of either makes a deployment with an id of its own, also a return to what was before.
"""

from __future__ import annotations

from pydantic import Field

from schemas.configs import ActiveConfig
from schemas.ids import derived_id
from schemas.models import ModelChanged
from schemas.record import Record
from schemas.topics import CONFIG_ACTIVE, DEPLOYMENTS, MODELS_CHANGES
from schemas.versions import DeploymentChanged
from streams.processor import Outputs, Processor


class Deployed(Record):
    """What serves a timeframe, and its newest deployment; 0 and None before the first."""

    model_version: str
    since_ms: int
    number: int = 0
    deployment_id: str | None = None


class DeploymentsState(Record):
    """The ACTIVE config of a strategy, and what is deployed by timeframe."""

    config: ActiveConfig | None = None
    deployed: dict[int, Deployed] = Field(default_factory=dict)


def step(
    state: DeploymentsState, record: ModelChanged | ActiveConfig
) -> tuple[DeploymentsState, Outputs]:
    """Make a deployment of a model that serves, or one of each timeframe of a config."""
    if isinstance(record, ModelChanged):
        return _model(state, record)
    return _config(state, record)


def _model(state: DeploymentsState, change: ModelChanged) -> tuple[DeploymentsState, Outputs]:
    timeframe_ms = change.model.timeframe_ms
    before = state.deployed.get(timeframe_ms)
    if before is not None and change.effective_from_ms <= before.since_ms:
        return state, ()
    after = Deployed(
        model_version=change.model.model_version,
        since_ms=change.effective_from_ms,
        number=before.number if before else 0,
        deployment_id=before.deployment_id if before else None,
    )
    facts: Outputs = ()
    if state.config is not None:
        fact = _deployment(state.config, timeframe_ms, after, change.reason)
        after, facts = _counted(after, fact), (fact,)
    deployed = {**state.deployed, timeframe_ms: after}
    return state.model_copy(update={"deployed": deployed}), facts


def _config(state: DeploymentsState, config: ActiveConfig) -> tuple[DeploymentsState, Outputs]:
    if state.config is not None and config.revision <= state.config.revision:
        return state, ()
    deployed, facts = dict(state.deployed), []
    for timeframe_ms, before in sorted(state.deployed.items()):
        fact = _deployment(config, timeframe_ms, before, f"{config.config_id} is ACTIVE")
        deployed[timeframe_ms] = _counted(before, fact)
        facts.append(fact)
    return DeploymentsState(config=config, deployed=deployed), tuple(facts)


def _deployment(
    config: ActiveConfig, timeframe_ms: int, deployed: Deployed, reason: str
) -> DeploymentChanged:
    number = deployed.number + 1
    parts = (config.strategy, timeframe_ms, number, config.config_id, deployed.model_version)
    return DeploymentChanged(
        strategy=config.strategy,
        timeframe_ms=timeframe_ms,
        deployment_id=f"deploy-{derived_id(DEPLOYMENTS.name, *parts)[:8]}",
        number=number,
        replaces=deployed.deployment_id,
        config_id=config.config_id,
        model_version=deployed.model_version,
        event_time_ms=max(config.effective_from_ms, deployed.since_ms),
        reason=reason,
    )


def _counted(deployed: Deployed, fact: DeploymentChanged) -> Deployed:
    return deployed.model_copy(update={"number": fact.number, "deployment_id": fact.deployment_id})


PROCESSOR = Processor(
    name="deployments",
    reads=(MODELS_CHANGES, CONFIG_ACTIVE),
    writes=(DEPLOYMENTS,),
    initial=DeploymentsState(),
    step=step,
    state_key=("strategy",),
)
