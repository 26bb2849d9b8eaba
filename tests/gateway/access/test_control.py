"""Who may do what on every route, and what a stranger may see."""

from __future__ import annotations

import re
from typing import Any

import pytest
from starlette.routing import Route

from gateway.access.keys import CHECKSUM_LENGTH, KEY, check_key, checksum, draw_key
from gateway.access.principal import Denied
from gateway.access.scopes import OPEN, needed_scope
from gateway.app import create_app
from gateway.envelope import wall_ms
from gateway.settings import GatewaySettings
from tests.fakes.gateway import FakeBus, RunningGateway, api_document, in_process_gateway
from tests.gateway.access.conftest import stored

pytestmark = pytest.mark.anyio

FILES = re.compile(
    r"/|/docs(/.*)?|/redoc|/assets/.*|/[\w.-]+\.(svg|png|ico|txt|webmanifest|sha256)"
)


def all_routes(app: Any) -> list[tuple[str, str]]:
    """Return every method and path that the app answers, files and documents too."""
    documented = [
        (method.upper(), path)
        for path, operations in api_document()["paths"].items()
        for method in operations
    ]
    plain = [
        (method, route.path)
        for route in app.routes
        if isinstance(route, Route)
        for method in route.methods or ()
    ]
    return sorted({*documented, *plain})


# Built files have a hash in their name, and another test may build them anew meanwhile.
ROUTES = [
    (method, path)
    for method, path in all_routes(create_app(GatewaySettings(), FakeBus()))
    if not path.startswith("/assets/")
]


def test_the_list_of_routes_is_the_whole_one():
    assert len(ROUTES) > 40
    assert ("POST", "/api/v1/predict") in ROUTES
    assert ("GET", "/openapi.json") in ROUTES


@pytest.mark.parametrize(("method", "path"), ROUTES, ids=str)
async def test_every_route_wants_to_know_who_asks_but_the_open_ones(guarded, method, path):
    answer = await guarded.client.request(method, re.sub(r"\{.*?\}", "x", path))

    if path in OPEN or FILES.fullmatch(path):
        assert answer.status_code in {200, 503}
        return
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="regimeflow"'
    if method == "HEAD":
        return
    enveloped = path.startswith("/api/") and not path.startswith("/api/v1/")
    shape = {"success": False, "data": None, "error": "Not authenticated"}
    body = answer.json()
    body.pop("timestamp", None)
    assert body == (shape if enveloped else {"detail": "Not authenticated"})


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nowhere"),
        ("GET", "/api/v1/../health"),
        ("GET", "/health/"),
        ("POST", "/nowhere"),
        ("TRACE", "/api/signals"),
        ("PUT", "/health"),
        ("OPTIONS", "/api/signals"),
    ],
)
async def test_what_is_no_route_is_not_open_either(guarded, method, path):
    answer = await guarded.client.request(method, path)

    assert answer.status_code in {401, 405}
    assert answer.status_code == 401 or path == "/health"


WRITES = [
    ("POST", "/api/v1/predict", "operate"),
    ("POST", "/api/signals/x/acknowledge", "operate"),
    ("POST", "/backtest/optimize", "operate"),
    ("POST", "/backtest/optimize/stream", "operate"),
    ("POST", "/backtest/performance", "operate"),
    ("POST", "/backtest/walk-forward", "operate"),
    ("DELETE", "/backtest/jobs/x", "operate"),
    ("POST", "/api/v1/hyperopt", "operate"),
    ("POST", "/api/v1/hyperopt/x/cancel", "operate"),
    ("POST", "/api/v1/hyperopt/x/resume", "operate"),
    ("POST", "/refdata/refresh", "admin"),
    ("POST", "/api/realtime/ticket", "read"),
]


ADMIN_READS = {"/api/system/config", "/api/system/audit", "/api/access/keys"}
OPERATE_READS = {f"/api/portfolio/{name}" for name in ("balance", "positions", "exposure")}


def test_every_route_that_writes_needs_more_than_read_but_for_a_ticket():
    known = {(method, path): scope for method, path, scope in WRITES}

    for method, path in ROUTES:
        concrete = re.sub(r"\{.*?\}", "x", path)
        if method in {"GET", "HEAD", "OPTIONS"}:
            expected = "operate" if concrete in OPERATE_READS else "read"
            expected = "admin" if concrete in ADMIN_READS else expected
            assert needed_scope(method, concrete) == expected
        else:
            expected = known.get((method, concrete), needed_scope(method, concrete))
            assert needed_scope(method, concrete) == expected
            assert expected != "read" or concrete == "/api/realtime/ticket"


@pytest.mark.parametrize("rule", WRITES, ids=str)
@pytest.mark.parametrize("scope", ["read", "operate", "admin"])
async def test_each_scope_includes_those_before_it(guarded, new_key, rule, scope):
    method, path, needed = rule
    headers = {"X-API-Key": new_key(scope).text}

    answer = await guarded.client.request(method, path, headers=headers, json={"odd": 1})

    order = ("read", "operate", "admin")
    if order.index(scope) >= order.index(needed):
        assert answer.status_code not in {401, 403}
    else:
        assert answer.status_code == 403
        body = answer.json()
        message = body.get("detail") or body["error"]
        assert message == f"this needs the scope {needed}; prometheus has {scope}"
        assert f'scope="{needed}"' in answer.headers["www-authenticate"]


async def test_a_token_without_a_scope_of_ours_may_do_nothing(guarded, issuer):
    token = issuer.token(scope="openid email")

    answer = await guarded.client.get(
        "/api/v1/models", headers={"Authorization": f"Bearer {token}"}
    )

    assert answer.status_code == 403
    assert answer.json()["detail"] == "this needs the scope read; ada has none"


async def test_health_is_short_for_a_stranger_and_whole_for_a_reader(guarded, new_key):
    short = (await guarded.client.get("/health")).json()
    whole = (await guarded.client.get("/health", headers={"X-API-Key": new_key().text})).json()

    assert short.keys() == {"status", "model_loaded", "gpu_available", "timestamp", "access"}
    assert short["access"] == {"mode": "tokens and keys", "limits": "memory"}
    assert {*short, "processes", "symbols"} <= whole.keys()


async def test_how_one_signs_in_is_told_to_everybody(guarded, issuer):
    told = (await guarded.get("/api/access/sign-in"))["data"]

    assert told["issuer"] == issuer.url
    assert told["client_id"] == "regimeflow-dashboard"
    assert told["mode"] == "tokens and keys"


async def test_on_loopback_nobody_has_to_sign_in(gateway):
    who = (await gateway.get("/api/access/principal"))["data"]
    told = (await gateway.get("/api/access/sign-in"))["data"]

    assert (who["kind"], who["scope"]) == ("open", "admin")
    assert told["mode"] == "off"
    assert (await gateway.client.get("/health")).json()["access"]["limits"] == "off"


@pytest.mark.parametrize("header", ["Authorization", "X-API-Key"])
async def test_a_key_counts_in_either_header(guarded, new_key, header):
    text = new_key("operate").text
    value = f"Bearer {text}" if header == "Authorization" else text

    answer = await guarded.client.get("/api/access/principal", headers={header: value})

    assert answer.json()["data"]["kind"] == "key"


async def test_a_key_that_is_unknown_revoked_or_expired_counts_no_more(guarded, new_key):
    async def status(text: str) -> tuple[int, str]:
        answer = await guarded.client.get("/api/v1/models", headers={"X-API-Key": text})
        return answer.status_code, answer.headers.get("www-authenticate", "")

    good = new_key()
    assert (await status(good.text))[0] == 200

    guarded.bus.feed(stored(good, revoked_ms=wall_ms(), revoked_by="ada"))
    expired = new_key(expires_ms=guarded.wall_ms - 1)

    assert await status(good.text) == (401, _challenge("the API key is revoked"))
    assert await status(expired.text) == (401, _challenge("the API key has expired"))
    assert await status(draw_key().text) == (401, _challenge("the API key is unknown"))


def _challenge(why: str) -> str:
    return f'Bearer realm="regimeflow", error="invalid_token", error_description="{why}"'


async def test_another_secret_under_a_known_id_is_refused():
    good, other = draw_key(), draw_key()
    body = "rfk_" + good.key_id + other.text[14:-CHECKSUM_LENGTH]
    forged = body + checksum(body)

    with pytest.raises(Denied):
        check_key(forged, {good.key_id: stored(good)}, wall_ms())


def test_a_key_has_a_prefix_256_random_bits_and_a_checksum():
    keys = {draw_key().text for _ in range(200)}

    assert len(keys) == 200
    for text in keys:
        assert KEY.fullmatch(text)
        assert checksum(text[:-CHECKSUM_LENGTH]) == text[-CHECKSUM_LENGTH:]
    text = keys.pop()
    swapped = text[:5] + text[6] + text[5] + text[7:]
    if swapped != text:
        with pytest.raises(Denied, match="Not authenticated"):
            check_key(swapped, {}, 0)


async def test_until_the_keys_are_read_it_says_that_it_cannot_tell(guarded, new_key):
    text = new_key().text
    guarded.bus.ready = False

    answer = await guarded.client.get("/api/v1/models", headers={"X-API-Key": text})

    assert answer.status_code == 503
    assert "keys are being read" in answer.json()["detail"]
    assert answer.headers["retry-after"]


async def test_a_gateway_that_wants_keys_and_has_none_says_how_to_make_one():
    async with in_process_gateway(GatewaySettings(host="0.0.0.0", api_keys=True)) as running:
        assert (await running.client.get("/api/signals")).status_code == 401
        assert any("regimeflow keys create" in worry for worry in running.ctx.access.worries())

        key = draw_key()
        running.bus.feed(stored(key))
        answer = await running.client.get("/api/signals", headers={"X-API-Key": key.text})

        assert answer.status_code == 200
        assert not list(running.ctx.access.worries())


async def test_a_token_counts_for_nothing_where_only_keys_do(issuer):
    async with in_process_gateway(GatewaySettings(api_keys=True)) as running:
        answer = await running.client.get(
            "/api/signals", headers={"Authorization": f"Bearer {issuer.token()}"}
        )

    assert answer.status_code == 401


async def test_metrics_are_read_by_a_bearer_key_and_an_empty_one_counts_only_where_none_is_needed(
    guarded, new_key, gateway
):
    key, empty = {"Authorization": f"Bearer {new_key('read').text}"}, {"Authorization": "Bearer "}

    statuses = [
        (await running.client.get("/metrics", headers=headers)).status_code
        for running, headers in ((guarded, key), (guarded, empty), (gateway, empty))
    ]

    assert statuses == [200, 401, 200]


async def test_no_answer_and_no_record_shows_a_key(guarded: RunningGateway, new_key, capsys):
    text = new_key("admin").text
    headers = {"X-API-Key": text}

    for path in ("/health", "/api/access/principal", "/metrics", "/api/v1/models", "/nowhere"):
        answer = await guarded.client.get(path, headers=headers)
        assert text not in answer.text
        assert text not in str(answer.headers)

    assert not any(text in str(row) for row in guarded.bus.published)
    written = capsys.readouterr()
    assert text not in written.out + written.err


async def test_the_document_says_what_each_operation_needs(guarded):
    paths = (await guarded.get("/openapi.json"))["paths"]

    assert paths["/api/v1/predict"]["post"]["x-required-scope"] == "operate"
    assert paths["/refdata/refresh"]["post"]["x-required-scope"] == "admin"
    assert paths["/api/signals"]["get"]["security"] == [{"bearer": []}, {"key": []}]
    assert paths["/health"]["get"]["security"] == []


def test_where_nobody_signs_in_the_document_asks_for_nothing():
    assert "securitySchemes" not in api_document()["components"]


async def test_keys_are_listed_for_administrators_without_their_secret(guarded, new_key):
    admin = new_key("admin")
    gone = new_key("read", revoked_ms=guarded.wall_ms, revoked_by="ada")
    spent = new_key("operate", expires_ms=guarded.wall_ms - 1)
    path = "/api/access/keys"

    answer = await guarded.client.get(path, headers={"X-API-Key": admin.text})
    denied = await guarded.client.get(path, headers={"X-API-Key": new_key("operate").text})

    states = {key["key_id"]: key["state"] for key in answer.json()["data"]["keys"]}
    assert states == {admin.key_id: "counts", gone.key_id: "revoked", spent.key_id: "expired"}
    assert not any(each.digest in answer.text for each in (admin, gone, spent))
    assert denied.status_code == 403
