"""Who may use the gateway: API keys of machines, without their secrets."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.record import Milliseconds, Record


class AccessKey(Record):
    """One API key as it is now; a revoked one stays, so that every reader sees it end."""

    key_id: str = Field(pattern=r"^[0-9A-Za-z]{10}$", description="The Kafka key")
    name: str = Field(min_length=1, max_length=100, description="Whose it is, for people")
    scope: Literal["read", "operate", "admin"] = Field(description="Each includes those before it")
    secret_sha256: str = Field(
        pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the whole key; the key is not stored"
    )
    event_time_ms: Milliseconds = Field(description="When it was created, wall clock")
    created_by: str
    expires_ms: Milliseconds | None = Field(default=None, description="Null: never")
    revoked_ms: Milliseconds | None = Field(default=None, description="Null: it counts")
    revoked_by: str = ""
