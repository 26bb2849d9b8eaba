"""Deterministic ids: the same inputs give the same id, so a replay and a retry change nothing."""

from __future__ import annotations

import uuid

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "regimeflow")


def derived_id(topic: str, *parts: object) -> str:
    """Return the UUID (version 5) of a topic and what makes its record unique.

    Parts are symbol, timeframe, event time, revision and the versions used, as they apply.
    """
    return str(uuid.uuid5(_NAMESPACE, "|".join((topic, *map(str, parts)))))
