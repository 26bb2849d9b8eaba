"""Who asks, what he may do, and why a request is denied."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from schemas.access import AccessKey

ScopeName = Literal["read", "operate", "admin"]
SCOPES: tuple[ScopeName, ...] = get_args(ScopeName)  # each includes those before it


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks.

    Attributes:
        kind: How he proved it; ``open``: nobody has to prove anything here.
        subject: The token's subject or the key's id.
        name: For people.
        scope: The highest that he has; None: he is known and may do nothing.
        expires_ms: Wall clock; None: never.
    """

    kind: Literal["token", "key", "open"]
    subject: str
    name: str
    scope: ScopeName | None
    expires_ms: int | None = None

    @classmethod
    def of_key(cls, key: AccessKey) -> Principal:
        """Return who has an API key."""
        return cls("key", key.key_id, key.name, key.scope, key.expires_ms)

    def may(self, needed: ScopeName) -> bool:
        """Whether his scope includes the one that is needed."""
        return self.scope is not None and SCOPES.index(self.scope) >= SCOPES.index(needed)

    def signature(self, said: str) -> str:
        """Return by whom an act is: who has signed in; where nobody has to, who he says he is."""
        return said if self.kind == "open" else self.name

    def expired(self, now_ms: int) -> bool:
        """Whether what he proved no longer counts."""
        return self.expires_ms is not None and self.expires_ms <= now_ms


EVERYBODY = Principal("open", "everybody", "everybody on this machine", "admin")


class Denied(Exception):
    """A request that is not served: its status, its message and its headers."""

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers or {}


def unauthenticated(why: str = "") -> Denied:
    """Return the refusal of a caller whom nothing proves; ``why`` goes to the challenge.

    The message is the documented one, whatever was wrong with the credential.
    """
    challenge = 'Bearer realm="regimeflow"'
    if why:
        challenge += f', error="invalid_token", error_description="{why}"'
    return Denied(401, "Not authenticated", {"WWW-Authenticate": challenge})


def forbidden(principal: Principal, needed: ScopeName) -> Denied:
    """Return the refusal of a caller whose scope is too low; it names the one that is missing."""
    has = principal.scope or "none"
    message = f"this needs the scope {needed}; {principal.name} has {has}"
    challenge = f'Bearer realm="regimeflow", error="insufficient_scope", scope="{needed}"'
    return Denied(403, message, {"WWW-Authenticate": challenge})


def highest(names: Iterable[str]) -> ScopeName | None:
    """Return the highest scope among some names; None when no name is a scope."""
    named = set(names)
    return next((scope for scope in reversed(SCOPES) if scope in named), None)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request shows: at most one counts.

    Attributes:
        bearer: A token, or a key in its place.
        key: From ``X-API-Key``.
        ticket: Of a stream.
    """

    bearer: str = ""
    key: str = ""
    ticket: str = ""
