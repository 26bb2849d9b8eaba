"""GET /api/v1/trace/{id}: what a record was made of, down to the bars, and what it made."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from gateway.answers.trace import trace_views
from gateway.context import ContextDep
from gateway.envelope import plain
from streams.trace.graph import ID_KINDS, LONGEST_ID, NEWEST

router = APIRouter(prefix="/api/v1/trace", tags=["trace"])


class TraceNode(BaseModel):
    """One record."""

    kind: str = Field(description="Such as signal, prediction, model, config, bar")
    id: str
    topic: str
    partition: int | None = Field(description="Null: the view does not keep it")
    offset: int | None
    time: int = Field(description="Event time, epoch milliseconds")
    facts: dict[str, Any] = Field(description="With git_commit and trace_id of its headers")


class TraceGraph(BaseModel):
    """What is known of an id."""

    roots: list[str] = Field(description="kind:id of what the id names")
    nodes: list[TraceNode]
    edges: list[tuple[str, str, str]] = Field(
        description="From what was made, to what it was made of, as kind:id; and how"
    )
    signals_made: int | None = Field(
        description="Of a model or a config: how many signals held here; null for other ids"
    )
    notes: list[str] = Field(description="What is older than the views reach")


@router.get("/{id:path}", response_model=TraceGraph)
async def trace(
    id: Annotated[str, Path(min_length=1, max_length=LONGEST_ID, description=f"Of a {ID_KINDS}")],  # noqa: A002 - the name in the document
    ctx: ContextDep,
    newest: Annotated[
        int, Query(ge=0, le=500, description="Signals of a model or config to show")
    ] = NEWEST,
) -> Response:
    """Walk from an id to what it was made of, and from a model or a config to its signals.

    Answers from the views; notes say what they do not hold, which the command
    ``regimeflow trace`` reads from the topics.
    """
    ctx.require_ready()
    return plain(trace_views(ctx, id, newest))
