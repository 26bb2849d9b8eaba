"""View of reference data: the newest version of every table."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from pydantic import JsonValue

from gateway.errors import Refused, Unavailable, Unknown
from schemas.refdata import TABLES, RefdataTable, Row

WITHIN_S = 30.0  # after the topics were read; then nobody is about to publish them

MISSING = (
    "reference data is missing on refdata.tables.v1: {tables}; publish it with "
    "`regimeflow topics apply`"
)


class RefdataView:
    """All tables by name; written on the event loop only."""

    def __init__(self) -> None:
        self.tables: dict[str, RefdataTable] = {}
        self._arrived = asyncio.Event()

    def put(self, table: RefdataTable) -> None:
        """Replace the version of a table that came before."""
        self.tables[table.table] = table
        self._arrived.set()

    @property
    def missing(self) -> list[str]:
        """The required tables that have not arrived."""
        return [name for name in TABLES if name not in self.tables]

    def table(self, name: str) -> RefdataTable:
        """Return a table; raises ``Unknown`` with the list, ``Unavailable`` until all are read."""
        if name in self.tables:
            return self.tables[name]
        if self.missing:
            raise Unavailable(MISSING.format(tables=", ".join(self.missing)))
        raise Unknown(f"no table {name!r}; expected {', '.join(sorted(self.tables))}")

    async def wait_until_complete(
        self, ready: Callable[[], bool], within_s: float = WITHIN_S
    ) -> str:
        """Wait until every required table is there; return an empty string, or what is missing.

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


def matching_rows(table: RefdataTable, wanted: dict[str, str]) -> list[Row]:
    """Return the rows in which every wanted column, as text, equals the wanted value.

    Raises ``Refused`` for a column that no row has.
    """
    columns = dict.fromkeys(name for row in table.rows for name in row)
    unknown = [name for name in wanted if name not in columns]
    if unknown and table.rows:
        raise Refused(
            f"{', '.join(unknown)}: no column of {table.table}; expected {', '.join(columns)}"
        )
    return [
        row
        for row in table.rows
        if all(_text(row.get(name)) == value for name, value in wanted.items())
    ]


def _text(value: JsonValue) -> str:
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)
