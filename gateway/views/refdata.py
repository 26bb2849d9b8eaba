"""View of reference data: every table in memory, as its topic had it last."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gateway.errors import Refused, Unavailable, Unknown
from schemas.refdata import TABLES, RefdataTable

WITHIN_S = 30.0  # after the topics were read; then nobody is about to publish them

MISSING = (
    "reference data is missing on refdata.tables.v1: {tables}; publish it with "
    "`regimeflow topics apply`"
)


@dataclass(frozen=True)
class Table:
    """One table."""

    name: str
    version: str
    source: str
    rows: tuple[dict[str, Any], ...]

    def where(self, wanted: dict[str, str]) -> list[dict[str, Any]]:
        """Return the rows whose columns have the given values, as text.

        Raises ``Refused`` for a column that no row has.
        """
        columns = dict.fromkeys(name for row in self.rows for name in row)
        unknown = [name for name in wanted if name not in columns]
        if unknown and self.rows:
            raise Refused(
                f"{', '.join(unknown)}: no column of {self.name}; expected {', '.join(columns)}"
            )
        return [
            row
            for row in self.rows
            if all(_text(row.get(name)) == value for name, value in wanted.items())
        ]


def _text(value: Any) -> str:
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


class Refdata:
    """All tables by name; written on the event loop only."""

    def __init__(self) -> None:
        self.tables: dict[str, Table] = {}
        self._arrived = asyncio.Event()

    def take(self, record: RefdataTable) -> None:
        """Take a table in the place of the one before."""
        self.tables[record.table] = Table(record.table, record.version, record.source, record.rows)
        self._arrived.set()

    @property
    def missing(self) -> list[str]:
        """The tables that must be there and are not."""
        return [name for name in TABLES if name not in self.tables]

    def table(self, name: str) -> Table:
        """Return a table; raises ``Unknown`` with the list, ``Unavailable`` until all are read."""
        if name in self.tables:
            return self.tables[name]
        if self.missing:
            raise Unavailable(MISSING.format(tables=", ".join(self.missing)))
        raise Unknown(f"no table {name!r}; expected {', '.join(sorted(self.tables))}")

    async def required(self, ready: Callable[[], bool], within_s: float = WITHIN_S) -> str:
        """Wait until every table is there; return why it was given up, or an empty string.

        Args:
            ready: Whether the topics have been read; time counts from then.
            within_s: How long to wait.
        """
        while not ready():  # noqa: ASYNC110 - the bus tells by an attribute
            await asyncio.sleep(0.2)
        try:
            async with asyncio.timeout(within_s):
                while self.missing:
                    self._arrived.clear()
                    await self._arrived.wait()
        except TimeoutError:
            return MISSING.format(tables=", ".join(self.missing))
        return ""
