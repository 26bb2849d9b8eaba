"""Reference data: small tables that say which names exist and what they mean."""

from __future__ import annotations

from pydantic import Field, JsonValue

from schemas.record import Milliseconds, Record

# Seeded from files by ``topics apply``; ``symbol`` is filled by ingest from the venue as well.
TABLES = (
    "asset_type",
    "exchange",
    "indicator",
    "signal_type",
    "strategy",
    "symbol",
    "timeframe",
)


class RefdataTable(Record):
    """One whole table."""

    table: str = Field(pattern=r"^[a-z_]{1,40}$", description="The Kafka key")
    event_time_ms: Milliseconds = Field(description="When it was published, wall clock")
    version: str = Field(description="Hash of the rows: the same rows are the same version")
    source: str = Field(description="File or venue that the rows come from")
    rows: tuple[dict[str, JsonValue], ...]
