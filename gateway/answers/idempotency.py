"""Ids out of an ``Idempotency-Key``: the same key is the same request, at every replica."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Header

from gateway.errors import Refused
from schemas.ids import derived_id

KEY = re.compile(r"[\x21-\x7e]{1,128}")

Key = Annotated[
    str | None,
    Header(alias="Idempotency-Key", description="The same key returns the same answer"),
]


def id_from_key(kind: str, key: str) -> str:
    """Return the id of what a key asks for; raises ``Refused`` for a key that is none."""
    if not KEY.fullmatch(key):
        raise Refused("Idempotency-Key: expected 1 to 128 printable ASCII characters, no spaces")
    return derived_id(kind, key)
