"""GET /api/system/ledger: gaps, late and doubtful bars, as the pipeline booked them."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from gateway.context import ContextDep
from gateway.envelope import Envelope, success
from schemas.market import LedgerEntry, LedgerKind
from schemas.topics import LEDGER

router = APIRouter(prefix="/api/system", tags=["system"])


class LedgerEntryView(LedgerEntry):
    """One finding about the bars of a market."""

    filled: int | None = Field(
        description="How many bars of a gap came later; null: it is no gap. A higher timeframe "
        "takes none: it is made of its base bars once"
    )


class LedgerList(BaseModel):
    """The newest findings, the latest in market time first."""

    topic: str = Field(description="Holds all of them, for ever")
    counts: dict[LedgerKind, int] = Field(description="By kind, as far back as is held")
    findings: list[LedgerEntryView]


@router.get("/ledger", response_model=Envelope[LedgerList])
async def system_ledger(
    ctx: ContextDep,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    kind: Annotated[LedgerKind | None, Query(description="Such as gap; all if left")] = None,
    symbol: Annotated[str | None, Query(max_length=40, description="All if left")] = None,
) -> Response:
    """Return what is missing, late or doubtful among the bars, newest first."""
    ctx.require_ready()
    view = ctx.views.ledger
    newest = islice(view.newest(kind, None if symbol is None else ctx.symbol(symbol)), limit)
    findings = [{**entry.model_dump(), "filled": filled} for entry, filled in newest]
    return success({"topic": LEDGER.name, "counts": view.counts(), "findings": findings})
