"""Commands: publish one, wait for its outcome, and answer with it.

    [gateway] --> <noun>.commands.v1 --> processor --> commands.outcomes.v1 --> [gateway]

An outcome that is late does not undo the command: the caller asks for it by the id.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import uuid4

from fastapi import Depends
from pydantic import BaseModel, Field
from starlette.requests import Request

from gateway.access.principal import Principal
from gateway.answers import idempotency
from gateway.answers.idempotency import Key
from gateway.context import AppContext, ContextDep, PrincipalDep
from gateway.errors import Conflict, GatewayError, Refused, Unknown
from schemas.commands import Command, CommandOutcome, OutcomeCode, OutcomeStatus

WAIT_S = 5.0
ERRORS: dict[OutcomeCode, type[GatewayError]] = {
    "unknown": Unknown,
    "stale": Conflict,
    "conflict": Conflict,
    "invalid": Refused,
}


class OutcomeView(BaseModel):
    """How a command was decided; pending before that."""

    command_id: str
    status: OutcomeStatus | None = Field(description="Null: not decided yet")
    code: OutcomeCode | None = Field(
        description="done, same (nothing to do), or why it was refused: unknown, stale, conflict, "
        "invalid"
    )
    detail: str
    subject: str | None
    facts: list[str] = Field(description="What changed; of a dry run: what would")
    revision: int | None = Field(description="Of the subject, after it")
    dry_run: bool
    url: str = Field(description="Where it can be asked for later")


@dataclass(frozen=True)
class Caller:
    """Who commands something: the app, who has signed in, the trace of the request, its key."""

    ctx: AppContext
    principal: Principal
    trace_id: str
    key: str | None

    def identity(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Return the fields that tell a command: by the key of its request if it has one."""
        written = json.dumps(asked, sort_keys=True, default=str)
        key = self.key
        return {
            "command_id": str(uuid4()) if key is None else idempotency.id_from_key("commands", key),
            "fingerprint": hashlib.sha256(written.encode()).hexdigest(),
            "trace_id": self.trace_id,
            "event_time_ms": self.ctx.wall_ms(),
        }


async def caller(
    request: Request, ctx: ContextDep, principal: PrincipalDep, key: Key = None
) -> Caller:
    """Return who commands something; raises ``Unavailable`` before the views are read."""
    ctx.require_ready()
    return Caller(ctx, principal, request.state.correlation_id, key)


CallerDep = Annotated[Caller, Depends(caller)]


async def submit(ctx: AppContext, command: Command) -> CommandOutcome | None:
    """Publish a command unless it is known, and return its outcome; None when that is late.

    Raises:
        GatewayError: It was refused, the id belongs to another request, or the broker is away.
    """
    outcome = ctx.views.outcomes.get(command.command_id)
    if outcome is None:
        await ctx.bus.publish(command, trace_id=command.trace_id or "")
        outcome = await ctx.views.outcomes.wait(command.command_id, WAIT_S)
    if outcome is None:
        return None
    if outcome.fingerprint != command.fingerprint:
        raise Conflict(
            f"this Idempotency-Key was used for another request: {outcome.noun}."
            f"{outcome.action} of {outcome.subject}"
        )
    if outcome.status == "refused":
        raise ERRORS.get(outcome.code, Conflict)(
            outcome.detail, command_id=outcome.command_id, code=outcome.code
        )
    return outcome


def body(command_id: str, outcome: CommandOutcome | None, *, dry_run: bool) -> dict[str, Any]:
    """Return an outcome as the routes show it, or that it is pending."""
    url = f"/api/v1/commands/{command_id}"
    if outcome is None:
        return {
            "command_id": command_id,
            "status": None,
            "code": None,
            "detail": f"not decided within {WAIT_S:.0f} s; ask {url}",
            "subject": None,
            "facts": [],
            "revision": None,
            "dry_run": dry_run,
            "url": url,
        }
    return {
        "command_id": command_id,
        "status": outcome.status,
        "code": outcome.code,
        "detail": outcome.detail,
        "subject": outcome.subject,
        "facts": list(outcome.facts),
        "revision": outcome.revision,
        "dry_run": outcome.dry_run,
        "url": url,
    }
