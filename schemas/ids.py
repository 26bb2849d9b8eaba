"""Deterministic ids: the same inputs give the same id, so a replay and a retry change nothing."""

from __future__ import annotations

import hashlib
import uuid

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "regimeflow")
_BEGUN = hashlib.sha1(_NAMESPACE.bytes, usedforsecurity=False)
_VERSION_5 = (5 << 76) | (0b10 << 62)  # the version and the variant of RFC 9562
_DIGITS = ~((0xF << 76) | (0b11 << 62))


def derived_id(topic: str, *parts: object) -> str:
    """Return the UUID (version 5) of a topic and what makes its record unique.

    Parts are symbol, timeframe, event time, revision and the versions used, as they apply.
    """
    named = _BEGUN.copy()  # ``uuid.uuid5`` takes three times as long
    named.update("|".join((topic, *map(str, parts))).encode())
    number = int.from_bytes(named.digest()[:16], "big") & _DIGITS | _VERSION_5
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
