"""GET /api/access/sign-in, principal and keys; POST /api/realtime/ticket: who may come in."""

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
from schemas.access import AccessKey

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


class KeyView(BaseModel):
    """An API key, without its secret."""

    key_id: str
    name: str = Field(description="Whose it is, for people")
    scope: ScopeName
    state: Literal["counts", "expired", "revoked"]
    created_at: str = Field(description="ISO 8601, UTC")
    created_by: str
    expires_at: str | None = Field(description="Null: never")
    revoked_at: str | None = Field(description="Null: it is not")
    revoked_by: str


class KeyList(BaseModel):
    """Every API key, newest first."""

    required: bool = Field(description="Whether anybody has to show a key, or a token")
    keys: list[KeyView]


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


@router.get("/access/keys", response_model=Envelope[KeyList])
async def keys(ctx: ContextDep) -> Response:
    """Return the API keys; `regimeflow keys` makes and revokes them."""
    ctx.require_ready()
    now_ms = ctx.wall_ms()
    newest = sorted(ctx.views.access_keys.values(), key=lambda key: -key.event_time_ms)
    body = KeyList(required=ctx.access.required, keys=[_key_view(key, now_ms) for key in newest])
    return success(body.model_dump())


def _key_view(key: AccessKey, now_ms: int) -> KeyView:
    expired = key.expires_ms is not None and key.expires_ms <= now_ms
    return KeyView(
        key_id=key.key_id,
        name=key.name,
        scope=key.scope,
        state="revoked" if key.revoked_ms is not None else "expired" if expired else "counts",
        created_at=iso(key.event_time_ms),
        created_by=key.created_by,
        expires_at=None if key.expires_ms is None else iso(key.expires_ms),
        revoked_at=None if key.revoked_ms is None else iso(key.revoked_ms),
        revoked_by=key.revoked_by,
    )


@router.post("/realtime/ticket", response_model=Envelope[Ticket])
async def ticket(ctx: ContextDep, who: PrincipalDep) -> Response:
    """Return a ticket that opens one stream within 30 s."""
    text = await ctx.access.tickets.issue(who)
    return success({"ticket": text, "expires_in_s": tickets.LAST_S})
