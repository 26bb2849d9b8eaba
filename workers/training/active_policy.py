"""How the ACTIVE config of a strategy weighs specialists: a training tests them under it."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.configs import ActiveConfig
from schemas.record import Record
from schemas.specialists import SpecialistPolicy
from schemas.topics import CONFIG_ACTIVE
from streams.configs.content import parse_config
from streams.runtime.reader import Reader
from streams.runtime.settings import KafkaSettings


def read_policy(kafka: KafkaSettings, strategy: str) -> SpecialistPolicy:
    """Return the policy of the newest ACTIVE config; the default before the first."""
    with Reader(kafka, (CONFIG_ACTIVE,)) as reader:
        return newest_policy((message.record for message in reader.read_to_end()), strategy)


def newest_policy(records: Iterable[Record], strategy: str) -> SpecialistPolicy:
    """Return the policy of the last config of a strategy, in the order of its topic."""
    policy = SpecialistPolicy()
    for record in records:
        if isinstance(record, ActiveConfig) and record.strategy == strategy:
            policy = parse_config(record.config_data).specialists
    return policy
