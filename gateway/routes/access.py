"""GET /api/access/sign-in, /api/access/principal; POST /api/realtime/ticket: who may come in."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import Response

from gateway.access import tickets
from gateway.access.control import Mode
from gateway.access.principal import ScopeName
from gateway.context import ContextDep, PrincipalDep
from gateway.envelope import Envelope, iso, success

router = APIRouter(prefix="/api", tags=["access"])


class SignIn(BaseModel):
    """How one signs in; the page asks before anybody has."""

    mode: Mode = Field(description="off: nobody has to")
    issuer: str | None = Field(description="Where people sign in; null: they give an API key")
    client_id: str | None = Field(description="As whom the page asks there; null: by API key alone")
    request_scopes: str = Field(description="What the page asks the issuer for")


class PrincipalView(BaseModel):
    """Who makes this request."""

    kind: Literal["token", "key", "open"] = Field(description="open: nobody has to sign in")
    subject: str
    name: str
    scope: ScopeName | None = Field(description="The highest; each includes those before it")
    expires_at: str | None = Field(description="ISO 8601, UTC; null: never")


class Ticket(BaseModel):
    """What opens one stream as whoever asked for it."""

    ticket: str = Field(description="Offered as the sub-protocol ticket.<ticket>, once")
    expires_in_s: int


@router.get("/access/sign-in", response_model=Envelope[SignIn])
async def sign_in(ctx: ContextDep) -> Response:
    """Return how one signs in; open to everybody."""
    body = SignIn(
        mode=ctx.access.mode,
        issuer=ctx.settings.issuer,
        client_id=ctx.settings.client_id,
        request_scopes=ctx.settings.oidc_request_scopes,
    )
    return success(body.model_dump())


@router.get("/access/principal", response_model=Envelope[PrincipalView])
async def principal(who: PrincipalDep) -> Response:
    """Return who makes this request and what he may do."""
    body = PrincipalView(
        kind=who.kind,
        subject=who.subject,
        name=who.name,
        scope=who.scope,
        expires_at=None if who.expires_ms is None else iso(who.expires_ms),
    )
    return success(body.model_dump())


@router.post("/realtime/ticket", response_model=Envelope[Ticket])
async def ticket(ctx: ContextDep, who: PrincipalDep) -> Response:
    """Return a ticket that opens one stream within 30 s."""
    text = await ctx.access.tickets.issue(who)
    return success({"ticket": text, "expires_in_s": tickets.LAST_S})
