"""Commands: publish one, wait for its outcome, and answer with it.

    [gateway] --> <noun>.commands.v1 --> processor --> commands.outcomes.v1 --> [gateway]

An outcome that is late does not undo the command: the caller asks for it by the id.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import uuid4

from fastapi import Depends
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from gateway.access.principal import Principal
from gateway.answers import idempotency
from gateway.answers.idempotency import Key
from gateway.context import AppContext, ContextDep, PrincipalDep
from gateway.errors import Conflict, GatewayError, Refused, Unavailable, Unconfirmed, Unknown
from schemas.commands import Command, CommandOutcome, OutcomeCode, OutcomeStatus
from schemas.ids import derived_id

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


class Body(BaseModel):
    """Strict: an unknown field is refused."""

    model_config = ConfigDict(strict=True, extra="forbid")


class ReasonedBody(Body):
    """What every command may say."""

    reason: str = Field(default="", max_length=1_000)
    by: str = Field(
        default="operator",
        min_length=1,
        max_length=100,
        description="Where nobody has to sign in; else it is who has",
    )
    dry_run: bool = Field(default=False, description="Decide and say what would change")


@dataclass(frozen=True)
class Caller:
    """Who commands something: the app, who has signed in, the trace of the request, its key."""

    ctx: AppContext
    principal: Principal
    trace_id: str
    key: str | None

    def identity(self, asked: dict[str, Any], *part: str) -> dict[str, Any]:
        """Return the fields that tell a command.

        Args:
            asked: All that the request asks for.
            part: Tells the command from the others of its request; none where there are none.
        """
        written = json.dumps(asked, sort_keys=True, default=str)
        whole = None if self.key is None else idempotency.id_from_key("commands", self.key)
        command_id = str(uuid4()) if whole is None else derived_id(whole, *part) if part else whole
        return {
            "command_id": command_id,
            "request_id": whole if part else None,
            "fingerprint": hashlib.sha256(written.encode()).hexdigest(),
            "trace_id": self.trace_id,
            "event_time_ms": self.ctx.wall_ms(),
        }

    def told(self, said: ReasonedBody, asked: dict[str, Any], *part: str) -> dict[str, Any]:
        """Return the fields that tell a command, and what every body says; as of ``identity``."""
        return {
            **self.identity(asked, *part),
            "by": self.principal.signature(said.by),
            "reason": said.reason,
            "dry_run": said.dry_run,
        }

    async def decided(
        self,
        said: ReasonedBody,
        asked: dict[str, Any],
        make: Callable[[dict[str, Any]], Command],
    ) -> CommandOutcome | dict[str, Any]:
        """Return how a request is decided; where that is late, the answer that says so.

        Args:
            said: The request's body.
            asked: All that the request asks for.
            make: Checks a request that is new; returns its command, made with the fields ``told``.

        Raises:
            GatewayError: As ``known``, ``make`` and ``submit`` do.
        """
        outcome = self.known(asked)
        if outcome is not None:
            return outcome
        command = make(self.told(said, asked))
        outcome = await submit(self.ctx, command)
        if outcome is None:
            return body(command.command_id, None, dry_run=said.dry_run)
        return outcome

    def known(self, asked: dict[str, Any], *part: str) -> CommandOutcome | None:
        """Return how the request of this key was decided before; None: it is new, or has no key.

        It is asked before every check of what stands now: an answer that was given stands.

        Raises:
            GatewayError: It was refused, or the key belongs to another request.
        """
        if self.key is None:
            return None
        identity = self.identity(asked, *part)
        outcome = self.ctx.views.outcomes.get(identity["command_id"])
        if outcome is not None:
            _require_same(outcome, identity["fingerprint"])
            raise_refusal(outcome)
        return outcome


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
    outcome = await decide(ctx, command)
    if outcome is not None:
        raise_refusal(outcome)
    return outcome


async def decide(ctx: AppContext, command: Command, trace_id: str = "") -> CommandOutcome | None:
    """Return how a command is decided, also where it is refused; else as ``submit``.

    Args:
        ctx: Of the app.
        command: Published unless it is known.
        trace_id: Of what it makes, where that has a trace of its own.
    """
    outcomes = ctx.views.outcomes
    outcome = outcomes.get(command.command_id) or outcomes.of_request(command.request_id)
    _require_same(outcome, command.fingerprint)
    outcome = outcomes.get(command.command_id)
    if outcome is None:
        await _publish(ctx, command, trace_id or command.trace_id or "")
        outcome = await outcomes.wait(command.command_id, WAIT_S)
    _require_same(outcome, command.fingerprint)
    return outcome


def _require_same(outcome: CommandOutcome | None, fingerprint: str | None) -> None:
    if outcome is not None and outcome.fingerprint != fingerprint:
        raise Conflict(
            f"this Idempotency-Key was used for another request: {outcome.noun}."
            f"{outcome.action} of {outcome.subject}"
        )


async def _publish(ctx: AppContext, command: Command, trace_id: str) -> None:
    outcomes = ctx.views.outcomes
    ids = filter(None, (command.request_id, command.command_id))
    if not all(outcomes.claim(each, command.fingerprint) for each in ids):
        raise Conflict("this Idempotency-Key was used for another request, not decided yet")
    try:
        await ctx.bus.publish(command, trace_id=trace_id)
    except Unconfirmed as error:
        url = f"/api/v1/commands/{command.command_id}"
        raise Unavailable(
            f"{error.message}; {url} says what became of it", command_id=command.command_id
        ) from error
    except GatewayError:  # nothing was sent
        outcomes.release(command.command_id)
        raise


def raise_refusal(outcome: CommandOutcome) -> None:
    """Raise the ``GatewayError`` of an outcome that is a refusal."""
    if outcome.status == "refused":
        raise ERRORS.get(outcome.code, Conflict)(
            outcome.detail, command_id=outcome.command_id, code=outcome.code
        )


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
