"""Tokens: what counts, and everything that must not."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.access.jwks import REFETCH_S, IssuerAway, IssuerKeys, fetch_document, require_private
from gateway.access.principal import Denied
from gateway.access.tokens import LARGEST_TOKEN, TokenRules, TokenVerifier
from gateway.envelope import wall_ms
from tests.fakes.gateway import in_process_gateway
from tests.fakes.issuer import AUDIENCE, FakeIssuer, listening_issuer, new_key

pytestmark = pytest.mark.anyio


def encoded(part: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def unsigned(issuer):
    return f"{encoded({'alg': 'none', 'kid': 'first'})}.{encoded(issuer.claims())}."


def unsigned_with_text(issuer):
    return unsigned(issuer) + "c2lnbmF0dXJl"


def signed_with_the_public_key(issuer):
    """HS256 with the public key as its secret, signed by hand: the library refuses to."""
    public = issuer.keys["first"][0].public_key()
    secret = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    head = f"{encoded({'alg': 'HS256', 'kid': 'first', 'typ': 'JWT'})}.{encoded(issuer.claims())}"
    mac = hmac.new(secret, head.encode(), hashlib.sha256).digest()
    return f"{head}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def with_another_algorithm(issuer):
    """The JWK of an RSA key says RS256; the token says ES256."""
    issuer.put_key("curve", "ES256")
    return issuer.token("curve", {"kid": "first"})


def signed_by_a_stranger(issuer):
    return jwt.encode(issuer.claims(), new_key("RS256"), "RS256", {"kid": "first"})


def changed(issuer):
    head, _, signature = issuer.token().split(".")
    return f"{head}.{encoded(issuer.claims(sub='somebody else'))}.{signature}"


NOW = int(time.time())
WRONG = {
    "expired": lambda i: i.token(exp=int(time.time()) - 90),
    "not yet valid": lambda i: i.token(nbf=int(time.time()) + 90),
    "made in the future": lambda i: i.token(iat=int(time.time()) + 90),
    "never expires": lambda i: i.token(exp=None),
    "a time that is no time": lambda i: i.token(exp="tomorrow"),
    "a time beyond all years": lambda i: i.token(exp=1e300),
    "wrong audience": lambda i: i.token(aud="another-app"),
    "wrong audiences": lambda i: i.token(aud=["another-app", "a-third"]),
    "no audience": lambda i: i.token(aud=None),
    "wrong issuer": lambda i: i.token(iss="https://evil.example"),
    "issuer with a slash": lambda i: i.token(iss=i.url + "/"),
    "no issuer": lambda i: i.token(iss=None),
    "a refresh token": lambda i: i.token(token_use="refresh"),  # noqa: S106 - a kind
    "names nobody": lambda i: i.token(sub=None),
    "alg none": unsigned,
    "alg none with text": unsigned_with_text,
    "HMAC with the public key": signed_with_the_public_key,
    "another algorithm": with_another_algorithm,
    "signed by a stranger": signed_by_a_stranger,
    "changed": changed,
    "unknown kid": lambda i: i.token(header={"kid": "unknown"}),
    "kid that is no text": lambda i: i.token(header={"kid": "../first"}),
    "unknown crit": lambda i: i.token(header={"crit": ["exp2"], "exp2": 1}),
    "empty crit": lambda i: i.token(header={"crit": []}),
    "another type": lambda i: i.token(header={"typ": "secevent+jwt"}),
    "oversized": lambda i: i.token(padding="x" * LARGEST_TOKEN),
    "garbage": lambda _: "garbage",
    "two parts": lambda i: i.token().rpartition(".")[0],
    "four parts": lambda i: i.token() + ".x",
    "a header that nests": lambda _: (
        base64.urlsafe_b64encode(b"[" * 4000).rstrip(b"=").decode() + ".e30.e30"
    ),
    "ümlaut": lambda i: i.token() + "ü",
}


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("path", ["/api/v1/models", "/backtest/jobs", "/api/signals"])
async def test_no_wrong_token_is_accepted(guarded, issuer, case, path):
    token = WRONG[case](issuer).encode()

    answer = await guarded.client.get(path, headers={"Authorization": b"Bearer " + token})

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith('Bearer realm="regimeflow"')
    body = answer.json()
    if path.startswith("/api/") and "v1" not in path:
        assert body["error"] == "Not authenticated"
        assert (body["success"], body["data"]) == (False, None)
    else:
        assert body == {"detail": "Not authenticated"}
    assert token.decode(errors="replace") not in answer.text


@given(st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=255), max_size=60))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_text_is_a_token(guarded, text):
    answer = await guarded.client.get(
        "/api/v1/models", headers={"Authorization": b"Bearer " + text.encode("latin-1")}
    )

    assert answer.status_code == 401


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
async def test_a_token_of_each_allowed_algorithm_counts(with_issuer, issuer, algorithm):
    issuer.put_key("other", algorithm)

    async with in_process_gateway(with_issuer) as guarded:
        guarded.wall_ms = wall_ms()
        answer = await guarded.client.get(
            "/api/access/principal", headers={"Authorization": f"Bearer {issuer.token('other')}"}
        )

    assert answer.status_code == 200
    who = answer.json()["data"]
    assert (who["kind"], who["name"], who["scope"]) == ("token", "ada", "operate")


@pytest.mark.parametrize("fields", [{"exp": NOW - 30}, {"nbf": NOW + 30}, {"iat": NOW + 30}])
async def test_clocks_may_differ_by_a_minute(guarded, issuer, fields):
    near = {name: at_s - NOW + int(time.time()) for name, at_s in fields.items()}

    answer = await guarded.client.get(
        "/api/v1/models", headers={"Authorization": f"Bearer {issuer.token(**near)}"}
    )

    assert answer.status_code == 200


@pytest.mark.parametrize(
    "fields",
    [
        {"token_use": "access", "aud": None, "client_id": AUDIENCE},
        {"token_use": "id", "client_id": None},
        {"aud": ["another", AUDIENCE]},
    ],
)
async def test_access_and_id_tokens_of_cognito_name_their_client_in_their_own_way(issuer, fields):
    assert await verifier(issuer).check(issuer.token(**fields))


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"token_use": "refresh"},
        {"token_use": "access", "aud": None, "client_id": "another"},
        {"token_use": "id", "aud": None, "client_id": AUDIENCE},
    ],
)
async def test_cognito_says_what_a_token_is_for(issuer, fields):
    with pytest.raises(Denied) as denied:
        await verifier(issuer, cognito=True).check(issuer.token(**fields))

    assert denied.value.status == 401


@pytest.mark.parametrize(
    ("rules", "fields", "scope"),
    [
        ({}, {"scope": "openid admin"}, "admin"),
        ({}, {"scope": None, "scp": ["read"]}, "read"),
        ({}, {"scope": "administrator readme"}, None),
        ({}, {"scope": {"admin": True}}, None),
        ({}, {"scope": None, "cognito:groups": ["admin"]}, None),
        ({"scope_claims": ("cognito:groups",)}, {"cognito:groups": ["operate", 7]}, "operate"),
        ({"scope_prefix": "regimeflow/"}, {"scope": "admin regimeflow/read"}, "read"),
        ({"scope_prefix": "regimeflow/"}, {"scope": "other/admin"}, None),
    ],
)
async def test_scopes_come_from_the_claims_that_are_set(issuer, rules, fields, scope):
    principal = await verifier(issuer, **rules).check(issuer.token(**fields))

    assert principal.scope == scope


def verifier(issuer: FakeIssuer, keys: IssuerKeys | None = None, **rules) -> TokenVerifier:
    keys = keys or IssuerKeys(issuer.url, fetch=issuer.fetch)
    return TokenVerifier(TokenRules(issuer.url, AUDIENCE, **rules), keys, wall_ms)


class MovedClock:
    """Seconds that a test moves."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


async def test_a_new_key_is_fetched_once_and_strangers_cannot_make_it_be_fetched_often(issuer):
    clock = MovedClock()
    check = verifier(issuer, IssuerKeys(issuer.url, fetch=issuer.fetch, now_s=clock)).check
    assert await check(issuer.token())
    issuer.put_key("second")
    clock.now_s += REFETCH_S
    issuer.asked.clear()

    assert await check(issuer.token("second"))
    for number in range(50):
        with pytest.raises(Denied):
            await check(issuer.token(header={"kid": f"unknown-{number}"}))

    assert len(issuer.asked) == 2  # discovery and keys


async def test_a_key_that_was_replaced_or_taken_away_counts_no_more(issuer):
    clock = MovedClock()
    tokens = verifier(issuer, IssuerKeys(issuer.url, fetch=issuer.fetch, now_s=clock))
    issuer.put_key("second")
    old, other = issuer.token(), issuer.token("second")
    assert await tokens.check(old)
    assert await tokens.check(other)

    issuer.put_key("first")
    issuer.hide_key("second")
    clock.now_s += REFETCH_S
    assert await tokens.check(issuer.token())

    for token in (old, other):
        with pytest.raises(Denied):
            await tokens.check(token)


async def test_while_the_issuer_is_away_cached_keys_count_for_an_hour_and_then_it_says_so(issuer):
    clock = MovedClock()
    check = verifier(issuer, IssuerKeys(issuer.url, fetch=issuer.fetch, now_s=clock)).check
    assert await check(issuer.token())
    issuer.down = True

    clock.now_s += 3_500
    assert await check(issuer.token(jti="another"))
    clock.now_s += 200
    with pytest.raises(Denied, match=r"cannot be read: .*refused") as denied:
        await check(issuer.token(jti="a third"))

    assert denied.value.status == 503
    issuer.down = False
    clock.now_s += REFETCH_S
    assert await check(issuer.token(jti="a fourth"))


async def test_an_issuer_that_never_answered_is_503_and_shows_in_the_health(with_issuer, issuer):
    issuer.down = True

    async with in_process_gateway(with_issuer) as guarded:
        guarded.wall_ms = wall_ms()
        answer = await guarded.client.get(
            "/api/v1/models", headers={"Authorization": f"Bearer {issuer.token()}"}
        )
        worries = list(guarded.ctx.access.worries())

    assert answer.status_code == 503
    assert "issuer.example" in answer.json()["detail"]
    assert answer.headers["retry-after"]
    assert any("issuer's keys" in worry for worry in worries)


@pytest.mark.parametrize(
    "row",
    [
        {"alg": "RS512"},
        {"alg": "HS256"},
        {"alg": "none"},
        {"use": "enc"},
        {"kty": "oct", "k": "c2VjcmV0", "alg": None},
        {"kty": "EC"},
        {"kid": None},
        {"n": "AQAB"},
    ],
)
async def test_a_jwk_that_may_sign_nothing_here_is_left_out(issuer, row):
    issuer.put_key("odd")
    issuer.rows[-1] = {k: v for k, v in {**issuer.rows[-1], **row}.items() if v is not None}

    with pytest.raises(Denied) as denied:
        await verifier(issuer).check(issuer.token("odd"))

    assert denied.value.status == 401


@pytest.mark.parametrize(
    "url",
    ["http://issuer.example/jwks", "ftp://127.0.0.1/jwks", "file:///etc/passwd", "", "https://"],
)
def test_keys_come_by_https_or_from_loopback(url):
    with pytest.raises(IssuerAway, match="not https"):
        require_private(url)


async def test_discovery_that_names_another_issuer_is_no_discovery(issuer):
    document = issuer.discovery() | {"issuer": "https://evil.example"}
    keys = IssuerKeys(issuer.url, fetch=lambda _: json.dumps(document).encode())

    with pytest.raises(Denied, match=r"evil\.example") as denied:
        await keys.key("first")

    assert denied.value.status == 503


async def test_a_listening_issuer_is_asked_without_stopping_the_event_loop():
    async with listening_issuer() as issuer:
        keys = IssuerKeys(issuer.url)

        assert await verifier(issuer, keys).check(issuer.token())

        with pytest.raises(OSError, match="404"):
            await asyncio.to_thread(fetch_document, f"{issuer.url}/nowhere")
