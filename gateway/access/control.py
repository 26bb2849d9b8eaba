"""The way in: from the headers of a request to who asks, or to the refusal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Literal

from gateway.access.keys import PREFIX, check_key
from gateway.access.limits import RateLimits
from gateway.access.principal import (
    EVERYBODY,
    Credentials,
    Denied,
    Principal,
    forbidden,
    unauthenticated,
)
from gateway.access.scopes import needed_scope
from gateway.access.tickets import Tickets
from gateway.cache import Cache
from gateway.settings import GatewaySettings
from schemas.access import AccessKey

if TYPE_CHECKING:
    from gateway.access.jwks import IssuerKeys
    from gateway.access.tokens import TokenVerifier

Mode = Literal["off", "keys", "tokens and keys"]

PROTOCOL = "regimeflow"  # what a stream speaks; its credential is offered beside it
BEARER, TICKET = "bearer.", "ticket."
STREAM_SCOPE: Literal["read"] = "read"


class AccessControl:
    """Decides who may do what.

    Args:
        settings: Which ways in there are.
        keys: The API keys as they are now, by id.
        cache: Where tickets wait.
        wall_ms: The wall clock.
        ready: Whether the topics, and so the keys, have been read.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        keys: Mapping[str, AccessKey],
        cache: Cache,
        wall_ms: Callable[[], int],
        ready: Callable[[], bool],
    ) -> None:
        redis_url = settings.redis_url.get_secret_value() if settings.redis_url else None
        self.required = settings.auth_required
        self.limits = RateLimits(settings.requests_limit, redis_url)
        self.tickets = Tickets(cache, wall_ms)
        self.open_paths: set[str] = set()
        self.issuer: IssuerKeys | None = None
        self._keys = keys
        self._wall_ms = wall_ms
        self._ready = ready
        self._tokens: TokenVerifier | None = None
        if settings.issuer is not None:
            # The cryptography of tokens takes 9 MB, which a gateway without an issuer can spare.
            from gateway.access.jwks import IssuerKeys
            from gateway.access.tokens import TokenRules, TokenVerifier

            self.issuer = IssuerKeys(settings.issuer, settings.jwks_url)
            rules = TokenRules(
                settings.issuer,
                settings.audience,
                settings.oidc_scope_claims,
                settings.oidc_scope_prefix,
                cognito=settings.cognito_user_pool_id is not None,
            )
            self._tokens = TokenVerifier(rules, self.issuer, wall_ms)

    @property
    def mode(self) -> Mode:
        """Which credentials count."""
        if not self.required:
            return "off"
        return "keys" if self._tokens is None else "tokens and keys"

    @property
    def page_origins(self) -> tuple[str, ...]:
        """Other origins that the page asks: where people sign in."""
        return self.issuer.page_origins if self.issuer is not None else ()

    def worries(self) -> Iterable[str]:
        """Yield what an operator should mend."""
        if self.issuer is not None and self.issuer.fault:
            yield f"the issuer's keys cannot be read: {self.issuer.fault}"
        if self.mode == "keys" and self._ready() and not self._usable_keys():
            yield "no API key counts: make one with `regimeflow keys create NAME --scope read`"
        if self.limits.state == "degraded":
            yield "Redis is away; each replica counts requests for itself"

    async def warm(self) -> None:
        """Read the issuer's keys before the first token comes, and where its pages lie."""
        if self.issuer is not None:
            await self.issuer.refetch()

    def _usable_keys(self) -> int:
        now_ms = self._wall_ms()
        return sum(
            key.revoked_ms is None and (key.expires_ms is None or key.expires_ms > now_ms)
            for key in self._keys.values()
        )

    async def admit(self, method: str, path: str, shown: Credentials, address: str) -> Principal:
        """Return who may make this request.

        On an open path it is whoever he proves to be, or everybody.

        Raises:
            Denied: 401 nobody is proved, 403 his scope is too low, 429 he asks too often, 503 it
                cannot be told now.
        """
        try:
            principal = await self.identify(shown)
        except Denied as denied:
            await self.limits.count(address)
            if path in self.open_paths:
                return NOBODY
            raise denied from None
        known = principal.kind != "open"
        await self.limits.count(f"{principal.kind}:{principal.subject}" if known else address)
        needed = needed_scope(method, path)
        if path not in self.open_paths and not principal.may(needed):
            raise forbidden(principal, needed)
        return principal

    async def identify(self, shown: Credentials) -> Principal:
        """Return who shows these credentials; raises ``Denied``."""
        if not self.required:
            return EVERYBODY
        if shown.ticket:
            principal = await self.tickets.redeem(shown.ticket)
            self._require_standing(principal)
            return principal
        key = shown.key or (shown.bearer if shown.bearer.startswith(PREFIX) else "")
        if key:
            if not self._ready():
                message = "the API keys are being read from their topic; try again in a moment"
                raise Denied(503, message, {"Retry-After": "2"})
            return check_key(key, self._keys, self._wall_ms())
        if shown.bearer and self._tokens is not None:
            return await self._tokens.check(shown.bearer)
        raise unauthenticated("API keys alone count here" if shown.bearer else "")

    def _require_standing(self, principal: Principal) -> None:
        """Raise ``Denied`` where a key was revoked, or a token expired, after its ticket."""
        key = self._keys.get(principal.subject) if principal.kind == "key" else None
        revoked = key is not None and key.revoked_ms is not None
        if revoked or principal.expired(self._wall_ms()):
            raise unauthenticated("what the ticket was issued for no longer counts")


NOBODY = Principal("open", "nobody", "nobody", None)


def request_credentials(headers: Mapping[bytes, str]) -> Credentials:
    """Return what the headers of a request show; text that is none shows nothing."""
    kind, _, bearer = headers.get(b"authorization", "").strip().partition(" ")
    return Credentials(
        bearer=bearer.strip() if kind.lower() == "bearer" else "",
        key=headers.get(b"x-api-key", "").strip(),
    )


def stream_credentials(headers: Mapping[bytes, str], protocols: Iterable[str]) -> Credentials:
    """Return what the handshake of a stream shows: a sub-protocol, or the headers of a program.

    A browser's page can set no header of a handshake, and what stands in an address is logged.
    """
    for protocol in protocols:
        if protocol.startswith(BEARER):
            return Credentials(bearer=protocol.removeprefix(BEARER))
        if protocol.startswith(TICKET):
            return Credentials(ticket=protocol.removeprefix(TICKET))
    return request_credentials(headers)
