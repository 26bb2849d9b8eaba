"""GET /api/v1/commands/{id}: how a command was decided."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from gateway.answers import commands
from gateway.context import ContextDep
from gateway.envelope import plain
from gateway.errors import Unknown

router = APIRouter(prefix="/api/v1/commands", tags=["commands"])


@router.get("/{command_id}", response_model=commands.OutcomeView)
async def command(command_id: str, ctx: ContextDep) -> Response:
    """Return the outcome of a command; 404 before it is decided, and 30 days after."""
    ctx.require_ready()
    outcome = ctx.views.outcomes.get(command_id)
    if outcome is None:
        raise Unknown(f"command {command_id} is not decided, or is older than 30 days")
    return plain(commands.body(command_id, outcome, dry_run=outcome.dry_run))
