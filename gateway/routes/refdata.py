"""GET /refdata/{table}; POST /refdata/refresh: which names exist and what they mean."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from gateway.context import ContextDep, KnownQuery
from gateway.envelope import plain
from gateway.views.refdata import matching_rows
from schemas.refdata import RefdataTable, Row
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


def table_body(table: RefdataTable, rows: list[Row]) -> dict[str, Any]:
    """Return rows of a table, the fields of ``TableView``."""
    return {
        "table": table.table,
        "version": table.version,
        "source": table.source,
        "count": len(rows),
        "rows": rows,
    }


@router.post("/refresh", response_model=RefreshedList, dependencies=[KnownQuery])
async def refresh(ctx: ContextDep) -> Response:
    """Read all tables again from their topic and return what is held now.

    Not needed after a change: the topic is followed.
    """
    ctx.require_ready()
    await ctx.bus.read_again(REFDATA_TABLES.name)
    tables = ctx.views.refdata.tables
    rows = [
        {"table": name, "version": tables[name].version, "rows": len(tables[name].rows)}
        for name in sorted(tables)
    ]
    return plain({"tables": rows})


@router.get("/{table_name}", response_model=TableView)
async def table(table_name: str, request: Request, ctx: ContextDep) -> Response:
    """Return a table; a column's name in the query keeps the rows with that value.

    For example `/refdata/symbol?active=true`.
    """
    ctx.require_ready()
    table = ctx.views.refdata.table(table_name)
    return plain(table_body(table, matching_rows(table, dict(request.query_params))))
