"""What every response has in common: correlation id, headers, limits, error shapes, pages."""

from __future__ import annotations

import re
import shutil

import httpx
import pytest

from gateway.app import create_app
from gateway.settings import GatewaySettings
from tests.fakes.gateway import FakeBus, api_document

pytestmark = pytest.mark.anyio

EVERY_KIND = [
    ("GET", "/health", 200),
    ("GET", "/metrics", 200),
    ("GET", "/", 200),
    ("GET", "/docs", 200),
    ("GET", "/openapi.json", 200),
    ("GET", "/nowhere", 404),
    ("GET", "/api/nowhere", 404),
    ("GET", "/api/v1/nowhere", 404),
    ("GET", "/api/v1/predict", 405),
    ("POST", "/api/v1/predict", 400),
    ("GET", "/broken", 500),
    ("GET", "/api/broken", 500),
]


@pytest.fixture
def broken(gateway):
    """Routes that have a bug."""

    async def fail() -> None:
        raise ZeroDivisionError

    gateway.app.router.routes.insert(0, _route("/broken", fail))
    gateway.app.router.routes.insert(0, _route("/api/broken", fail))
    return gateway


def _route(path, endpoint):
    from fastapi.routing import APIRoute

    return APIRoute(path, endpoint)


@pytest.mark.parametrize(("method", "path", "status"), EVERY_KIND)
async def test_every_response_carries_the_callers_correlation_id(broken, method, path, status):
    response = await broken.client.request(method, path, headers={"X-Correlation-ID": "abc-1.2_3"})

    assert response.status_code == status
    assert response.headers["x-correlation-id"] == "abc-1.2_3"
    assert "default-src 'self'" in response.headers["content-security-policy"]
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("sent", ["", "a b", "x" * 65, "a\tb", "ü"])
async def test_a_correlation_id_that_could_forge_a_log_line_is_replaced(gateway, sent):
    response = await gateway.client.get("/health", headers={"X-Correlation-ID": sent.encode()})

    assert re.fullmatch(r"[0-9a-f-]{36}", response.headers["x-correlation-id"])


@pytest.mark.parametrize(
    ("path", "field"),
    [("/nowhere", "detail"), ("/api/v1/nowhere", "detail"), ("/api/nowhere", "error")],
)
async def test_errors_have_the_shape_of_their_family(gateway, path, field):
    body = (await gateway.client.get(path)).json()

    assert path in body[field]
    assert ("success" in body) == (field == "error")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("OPTIONS", "/backtest/jobs/1", "DELETE, GET, HEAD"),
        ("PUT", "/api/v1/hyperopt", "GET, HEAD, POST"),
        ("PATCH", "/refdata/refresh", "POST"),
        ("POST", "/refdata/symbol", "GET, HEAD"),
        ("DELETE", "/", "GET, HEAD"),
        ("POST", "/docs", "GET, HEAD"),
        ("POST", "/openapi.json", "GET, HEAD"),
    ],
)
async def test_a_wrong_method_is_told_every_right_one(gateway, method, path, allowed):
    response = await gateway.client.request(method, path)

    assert response.status_code == 405
    assert response.headers["allow"] == allowed


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/docs", "/health", "/metrics", "/openapi.json", "/nowhere", "/api/signals"),
        *("/backtest/jobs", "/api/bars/BTCUSDT", "/api/v1/models"),
    ],
)
async def test_head_answers_as_get_without_its_body(gateway, path):
    got, head = await gateway.client.get(path), await gateway.client.head(path)

    assert head.status_code == got.status_code
    assert head.content == b""
    assert head.headers["content-type"] == got.headers["content-type"]
    if path != "/metrics":  # it counts its own requests
        assert head.headers["content-length"] == got.headers["content-length"]


async def test_a_wrong_method_is_told_the_right_one(gateway):
    response = await gateway.client.get("/api/v1/predict")

    assert response.headers["allow"] == "POST"
    assert "expected POST" in response.json()["detail"]


async def test_a_bug_answers_500_in_the_familys_shape_and_tells_nothing_else(broken):
    plain = await broken.client.get("/broken", headers={"X-Correlation-ID": "id-7"})
    envelope = await broken.client.get("/api/broken")

    assert "id-7" in plain.json()["detail"]
    assert "ZeroDivision" not in plain.text
    assert envelope.json()["success"] is False


async def test_a_large_body_is_refused_before_it_is_read(gateway):
    response = await gateway.client.post("/api/v1/predict", content=b" " * 70_000)

    assert response.status_code == 413


async def test_a_large_body_without_a_length_is_refused_while_it_is_read(gateway):
    async def chunks():
        for _ in range(80):
            yield b" " * 1_000

    response = await gateway.client.post("/api/v1/predict", content=chunks())

    assert response.status_code == 413


async def test_a_page_of_another_origin_cannot_write(gateway):
    path = "/api/signals/signal-BTCUSDT-3/acknowledge"

    other = await gateway.client.post(path, headers={"Origin": "https://elsewhere.example"})
    same = await gateway.client.post(path, headers={"Origin": "http://127.0.0.1"})

    assert other.status_code == 403
    assert same.status_code == 200


async def test_a_name_that_resolves_to_loopback_is_no_key_to_a_local_gateway(gateway):
    response = await gateway.client.get("/api/signals", headers={"Host": "rebound.example:8080"})

    assert response.status_code == 400


async def test_a_gateway_told_to_listen_beyond_loopback_answers_to_any_name():
    app = create_app(GatewaySettings(host="0.0.0.0", insecure=True), FakeBus())
    transport = httpx.ASGITransport(app)

    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://gateway.example") as client,
    ):
        response = await client.get("/health")

    assert response.status_code == 200


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_documentation_loads_files_of_our_own_and_runs_nothing_inline(gateway, path):
    page = await gateway.client.get(path)
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)

    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "unsafe" not in page.headers["content-security-policy"]
    assert "//" not in page.text
    assert not re.search(r"<script>|<style>|style=| on[a-z]+=", page.text)
    assert len(loaded) >= 3
    for name in loaded:
        file = await gateway.client.get(name)
        assert file.status_code == 200
        assert file.headers["content-type"] != "text/html"
        assert b"cdn.redoc.ly/redoc/logo" not in file.content


def test_requests_are_documented_to_fail_with_400_and_never_422():
    operations = [
        operation for path in api_document()["paths"].values() for operation in path.values()
    ]

    assert not any("422" in operation["responses"] for operation in operations)


async def test_the_dashboard_is_served_at_the_root_once_it_is_built(tmp_path):
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<title>built</title>")
    (tmp_path / "assets" / "app.js").write_text("1")
    app = create_app(GatewaySettings(), FakeBus(), dashboard=tmp_path)

    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://127.0.0.1"
    ) as client:
        page = await client.get("/")
        script = await client.get("/assets/app.js")

    assert "built" in page.text
    assert page.headers["x-correlation-id"]
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["cache-control"] == "no-cache"
    assert script.status_code == 200
    assert "javascript" in script.headers["content-type"]
    assert "immutable" in script.headers["cache-control"]


async def test_a_build_made_while_serving_takes_nothing_away(tmp_path):
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<title>old</title>")
    (tmp_path / "assets" / "app-1.js").write_text("1")
    app = create_app(GatewaySettings(), FakeBus(), dashboard=tmp_path)
    shutil.rmtree(tmp_path)

    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://127.0.0.1"
    ) as client:
        page = await client.get("/")
        script = await client.get("/assets/app-1.js")

    assert (page.status_code, script.status_code) == (200, 200)
    assert "old" in page.text


async def test_without_a_build_the_root_says_how_to_make_one(tmp_path):
    app = create_app(GatewaySettings(), FakeBus(), dashboard=tmp_path)

    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://127.0.0.1"
    ) as client:
        page = await client.get("/")

    assert "npm run build" in page.text
