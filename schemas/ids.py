"""Deterministic ids: the same inputs give the same id, so a replay and a retry change nothing."""

from __future__ import annotations

import hashlib
import uuid

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "regimeflow")
_BEGUN = hashlib.sha1(_NAMESPACE.bytes, usedforsecurity=False)
# The variant of RFC 9562: the two upper bits of this digit are 10.
_VARIANT = {f"{digit:x}": f"{digit & 3 | 8:x}" for digit in range(16)}


def derived_id(topic: str, *parts: object) -> str:
    """Return the UUID (version 5) of a topic and what makes its record unique.

    Parts are symbol, timeframe, event time, revision and the versions used, as they apply.
    """
    named = _BEGUN.copy()  # ``uuid.uuid5`` takes three times as long
    named.update("|".join((topic, *map(str, parts))).encode())
    text = named.hexdigest()
    variant = _VARIANT[text[16]]
    return f"{text[:8]}-{text[8:12]}-5{text[13:16]}-{variant}{text[17:20]}-{text[20:32]}"
