"""The stream knows who listens: by sub-protocol, by ticket, and until it no longer counts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx
import orjson
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from gateway.access.keys import draw_key
from gateway.access.tickets import LAST_S, Tickets
from gateway.cache import MemoryCache
from gateway.settings import GatewaySettings
from gateway.stream.handshake import PATH
from tests.fakes.gateway import WALL_MS, RunningGateway, served_gateway
from tests.gateway.access.conftest import stored

pytestmark = pytest.mark.anyio


@pytest.fixture
async def streaming() -> AsyncIterator[RunningGateway]:
    """A gateway on a real server that wants keys."""
    async with served_gateway(GatewaySettings(api_keys=True)) as running:
        yield running


def opened(gateway: RunningGateway, *protocols: str, **options: Any) -> Any:
    address = gateway.url.replace("http", "ws") + PATH
    return connect(
        address, subprotocols=[Subprotocol(name) for name in protocols] or None, **options
    )


async def hello(socket: Any) -> Any:
    return orjson.loads(await asyncio.wait_for(socket.recv(), 30))


async def ticket(gateway: RunningGateway, text: str) -> str:
    answer = await gateway.client.post("/api/realtime/ticket", headers={"X-API-Key": text})
    body: dict[str, Any] = answer.json()["data"]
    assert body["expires_in_s"] == LAST_S
    return str(body["ticket"])


async def test_a_key_in_the_sub_protocol_opens_the_stream(streaming):
    key = draw_key()
    streaming.bus.feed(stored(key))

    async with opened(streaming, "regimeflow", f"bearer.{key.text}") as socket:
        assert socket.subprotocol == "regimeflow"
        assert (await hello(socket))["type"] == "hello"
        assert key.text not in str(socket.response.headers)


async def test_a_program_may_show_its_key_in_a_header(streaming):
    key = draw_key()
    streaming.bus.feed(stored(key))

    async with opened(streaming, additional_headers={"X-API-Key": key.text}) as socket:
        assert (await hello(socket))["type"] == "hello"


@pytest.mark.parametrize(
    "protocols",
    [(), ("regimeflow",), ("regimeflow", "bearer.x"), ("regimeflow", "ticket.x"), ("bearer.",)],
)
async def test_nobody_else_is_let_in(streaming, protocols: Sequence[str]):
    with pytest.raises(InvalidStatus) as refused:
        await opened(streaming, *protocols).__aenter__()

    response = refused.value.response
    assert response.status_code == 401
    assert orjson.loads(response.body or b"")["error"] == "Not authenticated"
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


async def test_a_credential_in_the_address_counts_for_nothing(streaming):
    key = draw_key()
    streaming.bus.feed(stored(key))

    for name in ("token", "access_token", "ticket", "api_key"):
        answer = await streaming.client.get(f"/api/signals?{name}={key.text}")
        assert answer.status_code == 401


async def test_a_ticket_opens_one_stream_once(streaming):
    key = draw_key()
    streaming.bus.feed(stored(key))
    text = await ticket(streaming, key.text)

    async with opened(streaming, "regimeflow", f"ticket.{text}") as socket:
        assert (await hello(socket))["type"] == "hello"

    with pytest.raises(InvalidStatus):
        await opened(streaming, "regimeflow", f"ticket.{text}").__aenter__()


async def test_a_ticket_is_worth_nothing_after_its_seconds():
    now = [WALL_MS]
    tickets = Tickets(MemoryCache(), lambda: now[0])
    from gateway.access.principal import EVERYBODY, Denied

    early, late = await tickets.issue(EVERYBODY), await tickets.issue(EVERYBODY)
    now[0] += LAST_S * 1000 - 1
    assert await tickets.redeem(early) == EVERYBODY
    now[0] += 1

    with pytest.raises(Denied):
        await tickets.redeem(late)


async def test_a_ticket_of_a_key_that_was_revoked_meanwhile_opens_nothing(streaming):
    key = draw_key()
    streaming.bus.feed(stored(key))
    text = await ticket(streaming, key.text)
    streaming.bus.feed(stored(key, revoked_ms=WALL_MS))

    with pytest.raises(InvalidStatus):
        await opened(streaming, "regimeflow", f"ticket.{text}").__aenter__()


async def test_a_revoked_key_closes_its_streams_and_no_others(streaming):
    key, other = draw_key(), draw_key()
    streaming.bus.feed(stored(key), stored(other))
    async with (
        opened(streaming, "regimeflow", f"bearer.{key.text}") as ending,
        opened(streaming, "regimeflow", f"bearer.{other.text}") as staying,
    ):
        await hello(ending)
        await hello(staying)

        streaming.bus.feed(stored(key, revoked_ms=WALL_MS))

        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(ending.recv(), 30)
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (
            4401,
            "the API key was revoked",
        )
        assert len(streaming.ctx.stream.clients) == 1
        await staying.ping()


async def test_a_stream_ends_when_what_opened_it_expires(streaming):
    key = draw_key()
    streaming.bus.feed(stored(key, expires_ms=WALL_MS + 200))  # the gateway's clock stands still

    async with opened(streaming, "regimeflow", f"bearer.{key.text}") as socket:
        await hello(socket)
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(socket.recv(), 30)

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4401


async def test_without_sign_in_a_stream_needs_nothing(served):
    async with opened(served) as socket:
        assert (await hello(socket))["type"] == "hello"
    async with httpx.AsyncClient(base_url=served.url) as client:
        assert (await client.post("/api/realtime/ticket")).status_code == 200
