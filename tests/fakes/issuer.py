"""An OIDC issuer on loopback: discovery, JWKS, and the authorisation code flow with PKCE.

It signs with keys that it generates, and makes any token that a test asks for, right or wrong.
"""

from __future__ import annotations

import asyncio
import base64
import functools
import hashlib
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlencode

import jwt
import uvicorn
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.fakes.gateway import NotifyingServer

AUDIENCE = "regimeflow-dashboard"
KINDS: dict[str, Any] = {"RS256": RSAAlgorithm, "ES256": ECAlgorithm, "EdDSA": OKPAlgorithm}


def new_key(algorithm: str, bits: int = 2_048) -> Any:
    """Return a private key for an algorithm."""
    if algorithm == "RS256":
        return rsa.generate_private_key(65_537, bits)
    return (
        ec.generate_private_key(ec.SECP256R1())
        if algorithm == "ES256"
        else ed25519.Ed25519PrivateKey.generate()
    )


def public_jwk(key: Any, key_id: str, algorithm: str, **fields: Any) -> dict[str, Any]:
    """Return the public half of a key as the JWKS shows it; a field of None is left out."""
    shown = KINDS[algorithm].to_jwk(key.public_key(), as_dict=True)
    row = {**shown, "kid": key_id, "alg": algorithm, "use": "sig", **fields}
    return {name: value for name, value in row.items() if value is not None}


@functools.cache
def first_key() -> Any:
    """Return the key that every issuer begins with: making one takes a tenth of a second."""
    return new_key("RS256")


class FakeIssuer:
    """Keys, tokens and pages of one issuer; ``url`` is set once it listens."""

    def __init__(self, url: str = "http://127.0.0.1:1") -> None:
        self.url = url
        self.down = False
        self.asked: list[str] = []
        self.lifetime_s = 300
        self.scope = "read operate"
        self.keys: dict[str, tuple[Any, str]] = {}
        self.rows: list[dict[str, Any]] = []
        self._codes: dict[str, dict[str, str]] = {}
        self.keys["first"] = first_key(), "RS256"
        self.rows.append(public_jwk(first_key(), "first", "RS256"))

    def put_key(self, key_id: str, algorithm: str = "RS256", **fields: Any) -> None:
        """Make a key and show it; one of the same id is replaced."""
        key = new_key(algorithm)
        self.rows = [row for row in self.rows if row["kid"] != key_id]
        self.rows.append(public_jwk(key, key_id, algorithm, **fields))
        self.keys[key_id] = key, algorithm

    def hide_key(self, key_id: str) -> None:
        """Take a key from the JWKS; tokens can still be signed with it."""
        self.rows = [row for row in self.rows if row["kid"] != key_id]

    def claims(self, **fields: Any) -> dict[str, Any]:
        """Return the claims of a token that is right now; a field of None is left out."""
        now = int(time.time())
        right = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "user-1",
            "iat": now,
            "exp": now + self.lifetime_s,
            "scope": self.scope,
            "preferred_username": "ada",
        }
        return {name: v for name, v in {**right, **fields}.items() if v is not None}

    def token(self, key_id: str = "first", header: dict[str, Any] | None = None, **c: Any) -> str:
        """Return a token that is right but for what is named."""
        key, algorithm = self.keys[key_id]
        return jwt.encode(self.claims(**c), key, algorithm, {"kid": key_id, **(header or {})})

    def fetch(self, url: str) -> bytes:
        """Answer as the listening issuer does, without a listener."""
        self.asked.append(url)
        if self.down:
            raise OSError("connection refused")
        if url.endswith("/openid-configuration"):
            return json.dumps(self.discovery()).encode()
        return json.dumps({"keys": self.rows}).encode()

    def discovery(self) -> dict[str, Any]:
        """Return the discovery document."""
        return {
            "issuer": self.url,
            "jwks_uri": f"{self.url}/jwks",
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "end_session_endpoint": f"{self.url}/end",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def app(self) -> Starlette:
        """Return the pages of the issuer."""
        routes = [
            Route("/.well-known/openid-configuration", self._discovery),
            Route("/jwks", self._jwks),
            Route("/authorize", self._authorize),
            Route("/token", self._token, methods=["POST"]),
            Route("/end", self._end),
        ]
        cors = Middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["*"])
        return Starlette(routes=routes, middleware=[cors])

    async def _discovery(self, request: Request) -> Response:
        self.asked.append(request.url.path)
        return JSONResponse(self.discovery(), 503 if self.down else 200)

    async def _jwks(self, request: Request) -> Response:
        self.asked.append(request.url.path)
        return JSONResponse({"keys": self.rows}, 503 if self.down else 200)

    async def _authorize(self, request: Request) -> Response:
        """Sign the person in at once and send him back with a code."""
        query = dict(request.query_params)
        code = f"code-{len(self._codes)}"
        self._codes[code] = query
        back = urlencode({"code": code, "state": query["state"]})
        return RedirectResponse(f"{query['redirect_uri']}?{back}")

    async def _token(self, request: Request) -> Response:
        form = {k: v[0] for k, v in parse_qs((await request.body()).decode()).items()}
        if form["grant_type"] == "refresh_token":
            return JSONResponse(self._tokens({}))
        asked = self._codes.pop(form["code"], None)
        proof = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(proof).rstrip(b"=").decode()
        if asked is None or asked["code_challenge"] != challenge:
            return JSONResponse({"error": "invalid_grant"}, 400)
        return JSONResponse(self._tokens(asked))

    def _tokens(self, asked: dict[str, str]) -> dict[str, Any]:
        return {
            "access_token": self.token(),
            "id_token": self.token(nonce=asked.get("nonce")),
            "refresh_token": "again",
            "token_type": "Bearer",
            "expires_in": self.lifetime_s,
            "scope": self.scope,
        }

    async def _end(self, request: Request) -> Response:
        return RedirectResponse(request.query_params["post_logout_redirect_uri"])


@asynccontextmanager
async def listening_issuer() -> AsyncIterator[FakeIssuer]:
    """An issuer on a free port of loopback."""
    issuer = FakeIssuer()
    config = uvicorn.Config(issuer.app(), port=0, log_config=None, access_log=False, lifespan="off")
    server = NotifyingServer(config)
    serving = asyncio.create_task(server.serve())
    await server.up.wait()
    issuer.url = server.url
    yield issuer
    server.should_exit = True
    await serving
