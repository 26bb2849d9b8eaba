"""GET /refdata/{table}; POST /refdata/refresh: which names exist and what they mean."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from gateway.context import Given
from gateway.envelope import plain
from gateway.views.refdata import Table
from schemas.topics import REFDATA_TABLES

router = APIRouter(prefix="/refdata", tags=["reference data"])


class TableView(BaseModel):
    """A table, or those of its rows that were asked for."""

    table: str
    version: str = Field(description="Hash of all rows: it changes only with them")
    source: str
    count: int = Field(description="Rows in this answer")
    rows: list[dict[str, Any]]


class Refreshed(BaseModel):
    """One table after reading the topic again."""

    table: str
    version: str
    rows: int


class RefreshedList(BaseModel):
    """Every table after reading the topic again."""

    tables: list[Refreshed]


def shown(table: Table, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return rows of a table as ``TableView``."""
    return {
        "table": table.name,
        "version": table.version,
        "source": table.source,
        "count": len(rows),
        "rows": rows,
    }


@router.get("/{table_name}", response_model=TableView)
async def table(table_name: str, request: Request, given: Given) -> Response:
    """Return a table; a column's name in the query keeps the rows with that value.

    For example `/refdata/symbol?active=true`.
    """
    given.require_ready()
    found = given.views.refdata.table(table_name)
    return plain(shown(found, found.where(dict(request.query_params))))


@router.post("/refresh", response_model=RefreshedList)
async def refresh(given: Given) -> Response:
    """Read all tables again from their topic and return what is held now.

    Not needed after a change: the topic is followed.
    """
    given.require_ready()
    await given.bus.read_again(REFDATA_TABLES.name)
    tables = given.views.refdata.tables
    rows = [
        {"table": name, "version": tables[name].version, "rows": len(tables[name].rows)}
        for name in sorted(tables)
    ]
    return plain({"tables": rows})
