"""Deployments: any change of the ACTIVE config or of the serving model is one, with its own id."""

from __future__ import annotations

from schemas.record import Record
from schemas.timeframes import HOUR_MS, MINUTE_MS
from schemas.versions import DeploymentChanged
from streams.runtime.memory_driver import replay
from streams.topology import CHAINS
from tests.build import config_command, model_command, registered
from tests.streams.promotion.test_promotion import history

[CHAIN] = [chain for chain in CHAINS if chain.name == "promotion"]


def deployments(*records: Record) -> list[DeploymentChanged]:
    out = replay(CHAIN.processors, [history(100), *records])
    return [r for r in out if isinstance(r, DeploymentChanged)]


def test_a_model_and_a_config_each_make_one_and_a_return_makes_another():
    made = deployments(
        registered(model_version="a"),
        registered(model_version="b"),
        model_command("promote", 130, version="b"),
        config_command("create", 140),
        config_command("activate", 150),
        model_command("rollback", 160),
    )

    assert [(d.number, d.model_version, d.config_id[:2]) for d in made] == [
        (1, "a", "v1"), (2, "b", "v1"), (3, "b", "v2"), (4, "a", "v2"),
    ]  # fmt: skip
    assert len({d.deployment_id for d in made}) == 4
    assert [d.replaces for d in made[1:]] == [d.deployment_id for d in made[:-1]]


def test_a_config_deploys_every_timeframe_and_a_model_its_own():
    made = deployments(
        registered(),
        registered(model_version="hours", timeframe_ms=HOUR_MS, base_ms=MINUTE_MS),
        config_command("create", 140),
        config_command("activate", 150),
    )

    assert [(d.timeframe_ms, d.number) for d in made] == [
        (MINUTE_MS, 1), (HOUR_MS, 1), (MINUTE_MS, 2), (HOUR_MS, 2),
    ]  # fmt: skip
