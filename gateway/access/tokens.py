"""Tokens of an issuer: a JWT becomes who asks, or a refusal that says what is wrong with it.

Checked in this order: size and shape, algorithm, key, signature, times, issuer, audience, scopes.
RFC 7519 and RFC 8725; the claims of Amazon Cognito where it is the issuer: an access token names
its client by ``client_id`` and has no ``aud``, an id token has ``aud``, and ``token_use`` tells
which it is.
"""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from jwt.exceptions import InvalidSignatureError, PyJWTError

from gateway.access.jwks import ALGORITHMS, IssuerKeys
from gateway.access.principal import Principal, highest, unauthenticated

LEEWAY_S = 60.0  # that clocks may differ
LARGEST_TOKEN = 8_192
VERIFIED = 4_096  # tokens remembered until they expire
TOKEN = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
TYPES = frozenset({"jwt", "at+jwt"})
LATEST_S = 253_402_300_799  # the last second of the year 9999
NAMES = ("preferred_username", "username", "cognito:username", "email")
# Everything but the signature is checked here, against the gateway's own clock.
SIGNATURE_ALONE: Any = {"verify_signature": True} | dict.fromkeys(
    (f"verify_{claim}" for claim in ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")), False
)


@dataclass(frozen=True)
class TokenRules:
    """What a token must say.

    Attributes:
        issuer: Exactly ``iss``.
        audience: In ``aud``; of an access token of Cognito its ``client_id``.
        scope_claims: Where scopes stand: text with spaces, or a list.
        scope_prefix: Before the names of ours, such as ``regimeflow/``.
        cognito: ``token_use`` must say access or id.
    """

    issuer: str
    audience: str
    scope_claims: tuple[str, ...] = ("scope", "scp")
    scope_prefix: str = ""
    cognito: bool = False


class TokenVerifier:
    """Checks tokens; one that was verified is remembered by its SHA-256 until it expires."""

    def __init__(self, rules: TokenRules, keys: IssuerKeys, wall_ms: Callable[[], int]) -> None:
        self._rules = rules
        self._keys = keys
        self._wall_ms = wall_ms
        self._verified: OrderedDict[bytes, Principal] = OrderedDict()
        keys.on_change = self._verified.clear

    async def check(self, token: str) -> Principal:
        """Return who has a token.

        Raises:
            Denied: 401 for a token that does not count; 503 while the issuer cannot be asked.
        """
        name = hashlib.sha256(token.encode()).digest()
        known = self._verified.get(name)
        if known is not None and not known.expired(self._wall_ms()):
            return known
        principal = await self._verify(token)
        self._verified[name] = principal
        if len(self._verified) > VERIFIED:
            self._verified.popitem(last=False)
        return principal

    async def _verify(self, token: str) -> Principal:
        key_id, algorithm = _header(token)
        key = await self._key(key_id, algorithm)
        try:
            claims = _signed_claims(token, key)
        except InvalidSignatureError:
            # The issuer may have put another key under the same id.
            await self._keys.refetch()
            try:
                claims = _signed_claims(token, await self._key(key_id, algorithm))
            except PyJWTError:
                raise unauthenticated("the signature is wrong") from None
        except (PyJWTError, ValueError, RecursionError):
            raise unauthenticated("the token cannot be read") from None
        expires_s = _check_times(claims, self._wall_ms() / 1000)
        _check_audience(claims, self._rules)
        return _principal(claims, self._rules, expires_s)

    async def _key(self, key_id: str, algorithm: str) -> jwt.PyJWK:
        key = await self._keys.key(key_id)
        if key is None:
            raise unauthenticated("the issuer has no such key")
        if key.algorithm_name != algorithm:
            raise unauthenticated("the key is for another algorithm")
        return key


def _header(token: str) -> tuple[str, str]:
    """Return key id and algorithm of a token; nothing else of it is believed yet."""
    if len(token) > LARGEST_TOKEN or not TOKEN.fullmatch(token):
        raise unauthenticated("it is no token")
    try:
        header = jwt.get_unverified_header(token)
    except (PyJWTError, ValueError, RecursionError):
        raise unauthenticated("it is no token") from None
    algorithm, key_id, kind = (header.get(name) for name in ("alg", "kid", "typ"))
    if algorithm not in ALGORITHMS:
        raise unauthenticated("the algorithm is not allowed")
    if "crit" in header:
        raise unauthenticated("it has extensions that are not understood")
    if kind is not None and str(kind).lower() not in TYPES:
        raise unauthenticated("it is of another type")
    if not isinstance(key_id, str):
        raise unauthenticated("it names no key")
    return key_id, str(algorithm)


def _signed_claims(token: str, key: jwt.PyJWK) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(
        token, key, algorithms=[key.algorithm_name], options=SIGNATURE_ALONE
    )
    return claims


def _check_times(claims: Mapping[str, Any], now_s: float) -> float:
    """Return when a token expires, epoch seconds."""
    times = {name: claims[name] for name in ("exp", "nbf", "iat") if name in claims}
    for at_s in times.values():
        number = isinstance(at_s, int | float) and not isinstance(at_s, bool)
        if not number or not 0 <= at_s <= LATEST_S:
            raise unauthenticated("a time is no time")
    if "exp" not in times:
        raise unauthenticated("it never expires")
    if times["exp"] <= now_s - LEEWAY_S:
        raise unauthenticated("it has expired")
    if any(times.get(name, 0) > now_s + LEEWAY_S for name in ("nbf", "iat")):
        raise unauthenticated("it does not count yet")
    return float(times["exp"])


def _check_audience(claims: Mapping[str, Any], rules: TokenRules) -> None:
    if claims.get("iss") != rules.issuer:
        raise unauthenticated("it is of another issuer")
    use = claims.get("token_use")
    if use not in (("access", "id") if rules.cognito else ("access", "id", None)):
        raise unauthenticated("it is neither an access nor an id token")
    audience = claims.get("aud")
    if audience is None and use == "access":
        audience = claims.get("client_id")
    if rules.audience not in (audience if isinstance(audience, list) else [audience]):
        raise unauthenticated("it is for another audience")


def _principal(claims: Mapping[str, Any], rules: TokenRules, expires_s: float) -> Principal:
    subject = claims.get("sub")
    if not isinstance(subject, str) or not subject:
        raise unauthenticated("it names nobody")
    names = (claims[name] for name in NAMES if isinstance(claims.get(name), str))
    scope = highest(_scopes(claims, rules))
    # Also the seconds that clocks may differ: until then it is a token that counts.
    expires_ms = round((expires_s + LEEWAY_S) * 1000)
    return Principal("token", subject, next(names, subject)[:100], scope, expires_ms)


def _scopes(claims: Mapping[str, Any], rules: TokenRules) -> Iterator[str]:
    for claim in rules.scope_claims:
        value = claims.get(claim)
        names = value.split() if isinstance(value, str) else value
        for name in names if isinstance(names, list) else ():
            if isinstance(name, str) and name.startswith(rules.scope_prefix):
                yield name.removeprefix(rules.scope_prefix)
