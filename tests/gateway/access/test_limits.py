"""Limits and headers: who asks too often waits, and browsers are told what a page may do."""

from __future__ import annotations

import pytest

from gateway.access.limits import RateLimits
from gateway.access.principal import Denied
from gateway.settings import GatewaySettings
from tests.fakes.gateway import in_process_gateway
from tests.gateway.test_cache import redis as redis  # noqa: PLC0414 - a fixture

pytestmark = pytest.mark.anyio

DESK = "https://desk.example"


async def test_beyond_the_limit_is_429_with_when_to_ask_again():
    async with in_process_gateway(GatewaySettings(rate_limit="3/minute")) as running:
        answers = [await running.client.get("/api/signals") for _ in range(4)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    refused = answers[-1]
    assert refused.json()["error"].startswith("more than 3 per 1 minute: ask again in ")
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.headers["x-ratelimit-limit"] == "3"
    assert refused.headers["x-ratelimit-remaining"] == "0"


async def test_each_principal_has_a_limit_of_its_own(with_issuer, issuer):
    limited = with_issuer.model_copy(update={"rate_limit": "2/minute"})
    async with in_process_gateway(limited) as running:
        from gateway.envelope import wall_ms

        running.wall_ms = wall_ms()

        async def ask(**claims: object) -> int:
            headers = {"Authorization": f"Bearer {issuer.token(**claims)}"}
            return (await running.client.get("/api/v1/models", headers=headers)).status_code

        # Another token of the same person does not begin anew.
        assert [await ask(jti=str(n)) for n in range(3)] == [200, 200, 429]
        assert await ask(sub="user-2") == 200
        strangers = [(await running.client.get("/api/signals")).status_code for _ in range(3)]
        assert strangers == [401, 401, 429]


async def test_replicas_count_together_in_redis_and_each_for_itself_without(redis):
    one, two = RateLimits("2/minute", redis.url), RateLimits("2/minute", redis.url)
    await one.count("ada")
    await two.count("ada")
    with pytest.raises(Denied):
        await one.count("ada")
    states: list[str] = [one.state]

    redis.stop()

    await one.count("ada")
    states.append(one.state)
    assert states == ["redis", "degraded"]
    await one.count("ada")
    with pytest.raises(Denied):
        await one.count("ada")
    await one.close()
    await two.close()


async def test_without_a_limit_nothing_is_counted():
    limits = RateLimits(None, None)

    for _ in range(10):
        await limits.count("ada")

    assert limits.state == "off"


@pytest.mark.parametrize(
    "wrong",
    [
        {"rate_limit": "many"},
        {"rate_limit": "0/minute"},
        {"rate_limit": "5/second;9/minute"},
        {"cors_origins": "*"},
        {"cors_origins": "https://*.example"},
        {"cors_origins": "https://desk.example/page"},
        {"cors_origins": "desk.example"},
        {"oidc_issuer": "http://issuer.example", "oidc_client_id": "x"},
        {"oidc_issuer": "https://issuer.example"},
        {"cognito_user_pool_id": "us-east-1_abc"},
        {"cognito_user_pool_id": "eu-west-1_abc", "cognito_client_id": "x"},
        {
            "cognito_user_pool_id": "us-east-1_abc",
            "cognito_client_id": "x",
            "oidc_issuer": "https://issuer.example",
        },
        {"host": "0.0.0.0"},
    ],
)
def test_settings_that_cannot_be_meant_are_refused_at_the_start(wrong):
    with pytest.raises(ValueError, match=r"expected|need|two issuers|nobody has to sign in"):
        GatewaySettings(**wrong)


def test_the_documented_names_set_the_user_pool(monkeypatch):
    monkeypatch.setenv("STRATEGY_SERVICE_COGNITO_USER_POOL_ID", "eu-west-1_AbC123")
    monkeypatch.setenv("STRATEGY_SERVICE_COGNITO_CLIENT_ID", "4client")
    monkeypatch.setenv("STRATEGY_SERVICE_COGNITO_REGION", "eu-west-1")

    settings = GatewaySettings(host="0.0.0.0")

    assert settings.issuer == "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC123"
    assert settings.audience == settings.client_id == "4client"
    assert settings.auth_required


async def test_a_page_of_an_allowed_origin_may_ask_and_read():
    async with in_process_gateway(GatewaySettings(cors_origins=DESK, api_keys=True)) as running:
        asks = {"Origin": DESK, "Access-Control-Request-Method": "POST"}
        preflight = await running.client.options("/api/v1/predict", headers=asks)
        refused = await running.client.post("/api/v1/predict", headers={"Origin": DESK})
        stranger = await running.client.options(
            "/api/v1/predict", headers=asks | {"Origin": "https://desk.example.evil"}
        )
        null = await running.client.get("/health", headers={"Origin": "null"})

    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == DESK
    assert "Authorization" in preflight.headers["access-control-allow-headers"]
    assert preflight.headers["x-correlation-id"]
    assert "access-control-allow-credentials" not in preflight.headers
    assert refused.status_code == 401  # readable by the page, and not "another origin"
    assert refused.headers["access-control-allow-origin"] == DESK
    assert "Origin" in refused.headers["vary"]
    assert stranger.status_code == 401
    assert "access-control-allow-origin" not in stranger.headers
    assert "access-control-allow-origin" not in null.headers


async def test_https_alone_promises_to_stay_https(gateway):
    plain = await gateway.client.get("/health")
    secure = await gateway.client.get("https://127.0.0.1/health")

    assert "strict-transport-security" not in plain.headers
    assert secure.headers["strict-transport-security"] == "max-age=31536000"
    for answer in (plain, secure):
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "camera=()" in answer.headers["permissions-policy"]


async def test_the_page_may_ask_where_people_sign_in(guarded, issuer):
    await guarded.client.get(
        "/api/v1/models", headers={"Authorization": f"Bearer {issuer.token()}"}
    )

    policy = (await guarded.client.get("/")).headers["content-security-policy"]

    assert f"connect-src 'self' {issuer.url}" in policy
