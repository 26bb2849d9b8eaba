"""Reference data: small tables that say which names exist and what they mean."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field, JsonValue, TypeAdapter

from schemas.ids import derived_id
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

Row = dict[str, JsonValue]


class RefdataTable(Record):
    """One whole table."""

    table: str = Field(pattern=r"^[a-z_]{1,40}$", description="The Kafka key")
    event_time_ms: Milliseconds = Field(description="When it was published, wall clock")
    version: str = Field(description="Hash of the rows: the same rows are the same version")
    source: str = Field(description="File or venue that the rows come from")
    rows: tuple[Row, ...]

    @classmethod
    def of(cls, table: str, rows: Sequence[Row], source: str, now_ms: int) -> RefdataTable:
        """Return a table of some rows, its version derived from them."""
        checked = _ROWS.validate_python(tuple(rows))
        version = derived_id("refdata", table, _ROWS.dump_json(checked).decode())
        return cls(table=table, event_time_ms=now_ms, version=version, source=source, rows=checked)


_ROWS = TypeAdapter(tuple[Row, ...])
