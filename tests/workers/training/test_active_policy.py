"""A training tests specialists under the policy of its strategy's ACTIVE config."""

from __future__ import annotations

from schemas.configs import ActiveConfig
from schemas.specialists import SpecialistPolicy
from tests.build import START_MS
from workers.training.active_policy import newest_policy


def active(number: int, strategy: str = "ensemble", **content) -> ActiveConfig:
    return ActiveConfig(
        strategy=strategy,
        config_id=f"v{number}-0a1b2c3d",
        config_hash="0" * 64,
        version_number=number,
        event_time_ms=START_MS,
        effective_from_ms=START_MS,
        revision=number,
        config_data=content,
    )


def test_the_last_config_of_the_strategy_counts():
    matrix = [[0.5, 0.5, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    shrunk, other = {"shrink": True}, {"matrix": matrix}

    policy = newest_policy(
        [active(1, specialists=other), active(2, specialists=shrunk), active(3, "b")], "ensemble"
    )

    assert policy == SpecialistPolicy(shrink=True)
    assert newest_policy([active(1, specialists=other)], "ensemble").matrix[0] == (0.5, 0.5, 0.0)


def test_before_the_first_config_and_without_the_part_the_default_counts():
    assert newest_policy([], "ensemble") == SpecialistPolicy()
    assert newest_policy([active(1)], "ensemble") == SpecialistPolicy()
