"""The keys of an issuer: fetched from its JWKS, cached, followed when they rotate.

A key id that is not known makes one fetch, at most one in ``REFETCH_S``: a stranger cannot make
the gateway ask the issuer more often. While the issuer is away the cached keys count for
``KEYS_LAST_S``; after that, and before the first fetch, nobody can be told from a stranger.
"""

from __future__ import annotations

import asyncio
import time
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

import jwt
import orjson
import structlog
from jwt.algorithms import RSAAlgorithm
from jwt.exceptions import PyJWTError

from gateway.access.principal import Denied
from gateway.loopback import is_loopback_host

FRESH_S = 600.0  # after it, the next token has the keys fetched again, and does not wait
REFETCH_S = 30.0
KEYS_LAST_S = 3_600.0
FETCH_S = 5.0
LARGEST_BYTES = 262_144
SMALLEST_RSA_BITS = 2_048
ALGORITHMS = frozenset({"RS256", "ES256", "EdDSA"})
DISCOVERY = "/.well-known/openid-configuration"

log = structlog.get_logger()

Fetch = Callable[[str], bytes]  # blocks; runs in a thread


class IssuerAway(Exception):
    """The issuer's document cannot be read; the message says why."""


class IssuerKeys:
    """The signing keys of one issuer by key id.

    Args:
        issuer: Exactly as tokens name it.
        url: Of the JWKS; empty: as the issuer's discovery document says.
    """

    def __init__(
        self,
        issuer: str,
        url: str = "",
        fetch: Fetch | None = None,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issuer = issuer
        self._url = url
        self.on_change: Callable[[], None] = lambda: None  # a key was taken away or replaced
        self._fetch = fetch or fetch_document
        self._now_s = now_s
        self._keys: dict[str, jwt.PyJWK] = {}
        self._read_s: float | None = None
        self._tried_s: float | None = None
        self._reading: asyncio.Task[None] | None = None
        self.fault = ""  # why the newest fetch failed
        self.page_origins: tuple[str, ...] = (origin(issuer),)  # where a page signs in

    async def key(self, key_id: str) -> jwt.PyJWK | None:
        """Return a key; None when the issuer has none of that id.

        Raises:
            Denied: 503 while the issuer's keys cannot be read.
        """
        age_s = self.age_s
        if age_s is None or age_s > KEYS_LAST_S:
            await self.refetch()
            age_s = self.age_s
            if age_s is None or age_s > KEYS_LAST_S:
                message = f"the keys of {self._issuer} cannot be read: {self.fault}"
                raise Denied(503, message, {"Retry-After": f"{REFETCH_S:.0f}"})
        elif key_id not in self._keys:
            await self.refetch()
        elif age_s > FRESH_S:
            self._begin()
        return self._keys.get(key_id)

    @property
    def age_s(self) -> float | None:
        """Seconds since the keys were read; None before the first time."""
        return None if self._read_s is None else self._now_s() - self._read_s

    async def refetch(self) -> None:
        """Fetch the keys again, unless that was tried a moment ago; callers share one fetch."""
        reading = self._begin()
        if reading is not None:
            await asyncio.shield(reading)

    def _begin(self) -> asyncio.Task[None] | None:
        if self._reading is not None and not self._reading.done():
            return self._reading
        now_s = self._now_s()
        if self._tried_s is not None and now_s - self._tried_s < REFETCH_S:
            return None
        self._tried_s = now_s
        self._reading = asyncio.create_task(self._read(), name="read the issuer's keys")
        return self._reading

    async def _read(self) -> None:
        try:
            keys = await asyncio.to_thread(self._read_keys)
        except IssuerAway as error:
            if not self.fault:
                log.warning(
                    "issuer.unreachable",
                    issuer=self._issuer,
                    reason=str(error),
                    remedy="let this machine reach the issuer; cached keys count for an hour",
                )
            self.fault = str(error)
            return
        self.fault = ""
        changed = any(_text(keys.get(name)) != _text(key) for name, key in self._keys.items())
        self._keys, self._read_s = keys, self._now_s()
        log.info("keys.read", issuer=self._issuer, keys=len(keys))
        if changed:
            self.on_change()

    def _read_keys(self) -> dict[str, jwt.PyJWK]:
        url = self._url
        if not url:
            about = self._document(self._issuer.rstrip("/") + DISCOVERY)
            if about.get("issuer") != self._issuer:
                raise IssuerAway(f"its discovery document names {about.get('issuer')!r}")
            url = str(about.get("jwks_uri", ""))
            ends = (about.get(f"{name}_endpoint") for name in ("token", "userinfo"))
            places = (origin(end) for end in ends if isinstance(end, str))
            self.page_origins = tuple(dict.fromkeys((origin(self._issuer), *places)))
        rows = self._document(url).get("keys")
        if not isinstance(rows, list):
            raise IssuerAway(f"{url} has no list of keys")
        return dict(key for row in rows if (key := usable_key(row)) is not None)

    def _document(self, url: str) -> dict[str, Any]:
        require_private(url)
        try:
            document = orjson.loads(self._fetch(url))
        except (OSError, ValueError, HTTPException) as error:
            raise IssuerAway(f"{url}: {error}") from None
        if not isinstance(document, dict):
            raise IssuerAway(f"{url} holds no JSON object")
        return document


def usable_key(row: object) -> tuple[str, jwt.PyJWK] | None:
    """Return a JWK by its id; None for one that no token may be signed with.

    Left out are symmetric, private and short keys, another use, and an ``alg`` that is not allowed.
    """
    if not isinstance(row, dict) or not isinstance(row.get("kid"), str):
        return None
    secret = row.get("kty") == "oct" or "d" in row
    if secret or row.get("use", "sig") != "sig" or row.get("alg") not in (None, *ALGORITHMS):
        return None
    try:
        key = jwt.PyJWK.from_dict(row)
    except (PyJWTError, ValueError, TypeError, KeyError, NotImplementedError):
        return None
    if key.algorithm_name not in ALGORITHMS:
        return None
    if isinstance(key.Algorithm, RSAAlgorithm) and key.key.key_size < SMALLEST_RSA_BITS:
        return None
    return row["kid"], key


def _text(key: jwt.PyJWK | None) -> object:
    return None if key is None else key._jwk_data  # noqa: SLF001 - PyJWT shows it by no other name


def origin(url: str) -> str:
    """Return scheme, host and port of a URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def require_private(url: str) -> None:
    """Raise ``IssuerAway`` for a URL on whose way somebody else could put his own keys."""
    parts = urlsplit(url)
    secure = parts.scheme == "https" and parts.hostname
    local = parts.scheme == "http" and is_loopback_host(parts.hostname or "")
    if not (secure or local):
        raise IssuerAway(f"{url!r} is not https, and not on loopback")


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: it could lead away from https."""

    def redirect_request(self, *_: object) -> None:
        """Return that no other request is made."""


def fetch_document(url: str) -> bytes:
    """Return what a URL holds; raises ``OSError`` or ``ValueError``. It blocks."""
    local = is_loopback_host(urlsplit(url).hostname or "")
    handlers = [urllib.request.ProxyHandler({})] if local else []
    opener = urllib.request.build_opener(_Stay(), *handlers)
    with opener.open(url, timeout=FETCH_S) as reply:
        content: bytes = reply.read(LARGEST_BYTES + 1)
    if len(content) > LARGEST_BYTES:
        raise ValueError(f"it has more than {LARGEST_BYTES} bytes")
    return content
