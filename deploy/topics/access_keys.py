"""API keys of the gateway on their topic: made, listed and revoked, each with its audit entry.

A key and its entry in ``operators.audit.v1`` are one transaction. Every gateway reads the topic, so
every one of them sees a revocation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.access.keys import draw_key
from gateway.access.principal import ScopeName
from schemas.access import AccessKey
from schemas.status import OperatorAction
from schemas.topics import ACCESS_KEYS
from streams.runtime.client import Transactions
from streams.runtime.codec import record_message
from streams.runtime.reader import Reader
from streams.runtime.settings import KafkaSettings


class KeyRefused(ValueError):
    """There is no such key, or it was revoked before; the message says which."""


@dataclass(frozen=True)
class Operator:
    """Who does it, when (wall clock) and why."""

    by: str
    at_ms: int
    reason: str = ""


def read_keys(kafka: KafkaSettings) -> dict[str, AccessKey]:
    """Return every key by its id, as it is now."""
    with Reader(kafka, (ACCESS_KEYS,)) as reader:
        records = [message.record for message in reader.read_to_end()]
    return {key.key_id: key for key in records if isinstance(key, AccessKey)}


def create_key(
    kafka: KafkaSettings, name: str, scope: ScopeName, expires_ms: int | None, operator: Operator
) -> tuple[AccessKey, str]:
    """Store a new key; return its record, and its text, which nobody can read again.

    Raises:
        Aborted, Fatal: The cluster did not commit; no such key exists.
    """
    new = draw_key()
    record = AccessKey(
        key_id=new.key_id,
        name=name,
        scope=scope,
        secret_sha256=new.digest,
        event_time_ms=operator.at_ms,
        created_by=operator.by,
        expires_ms=expires_ms,
    )
    _commit(kafka, record, "access.create", operator)
    return record, new.text


def revoke_key(kafka: KafkaSettings, key_id: str, operator: Operator) -> AccessKey:
    """Revoke a key for ever and return its record.

    Raises:
        KeyRefused: There is none of that id, or it was revoked before.
        Aborted, Fatal: The cluster did not commit; the key counts still.
    """
    record = _standing(read_keys(kafka), key_id)
    revoked = record.model_copy(update={"revoked_ms": operator.at_ms, "revoked_by": operator.by})
    _commit(kafka, revoked, "access.revoke", operator)
    return revoked


def _standing(keys: Mapping[str, AccessKey], key_id: str) -> AccessKey:
    record = keys.get(key_id)
    if record is None:
        raise KeyRefused(f"no API key {key_id!r}; `regimeflow keys list` shows them")
    if record.revoked_ms is not None:
        raise KeyRefused(f"the API key {key_id} of {record.name} was revoked before")
    return record


def _commit(kafka: KafkaSettings, record: AccessKey, action: str, operator: Operator) -> None:
    entry = OperatorAction(
        action=action,
        event_time_ms=operator.at_ms,
        by=operator.by,
        subject=record.key_id,
        reason=operator.reason or f"{record.name}, scope {record.scope}",
    )
    messages = [record_message(row, None, kafka.git_commit) for row in (record, entry)]
    Transactions(kafka, "operator").commit(messages, {}, None)
