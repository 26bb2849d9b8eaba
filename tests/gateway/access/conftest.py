"""A gateway that wants to know who asks: with an issuer of its own, with keys, or with both."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.access.keys import NewKey, draw_key
from gateway.envelope import wall_ms
from gateway.settings import GatewaySettings
from schemas.access import AccessKey
from tests.fakes.gateway import RunningGateway, in_process_gateway
from tests.fakes.issuer import AUDIENCE, FakeIssuer


@pytest.fixture
def issuer() -> FakeIssuer:
    """An issuer that answers without a listener."""
    return FakeIssuer("https://issuer.example")


@pytest.fixture
def with_issuer(monkeypatch: pytest.MonkeyPatch, issuer: FakeIssuer) -> GatewaySettings:
    """Settings of a gateway that takes the issuer's tokens."""
    monkeypatch.setattr("gateway.access.jwks.fetch_document", issuer.fetch)
    return GatewaySettings(oidc_issuer=issuer.url, oidc_client_id=AUDIENCE)


@pytest.fixture
async def guarded(with_issuer: GatewaySettings) -> AsyncIterator[RunningGateway]:
    """A gateway that takes tokens and keys, at the time that it is."""
    async with in_process_gateway(with_issuer) as running:
        running.wall_ms = wall_ms()
        yield running


def stored(new: NewKey, **changes: Any) -> AccessKey:
    """Return the record of a key."""
    fields: dict[str, Any] = {
        "key_id": new.key_id,
        "name": "prometheus",
        "scope": "read",
        "secret_sha256": new.digest,
        "event_time_ms": wall_ms(),
        "created_by": "ada",
    }
    return AccessKey(**fields | changes)


@pytest.fixture
def new_key(guarded: RunningGateway) -> Any:
    """Makes a key of a scope that the gateway knows: ``new_key("read")``."""

    def make(scope: str = "read", **changes: Any) -> NewKey:
        new = draw_key()
        guarded.bus.feed(stored(new, scope=scope, **changes))
        return new

    return make
