"""One connection costs the others nothing: seconds, bytes and numbers have bounds."""

from __future__ import annotations

import asyncio
import json
import struct

import pytest

from gateway import protocols
from gateway.stream.client import StreamClient
from gateway.stream.handshake import PATH
from tests.fakes.gateway import RunningGateway

pytestmark = pytest.mark.anyio

WITHIN_S = 10.0
UPGRADE = (
    f"GET {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
)

CHUNKED = b"POST /api/v1/predict HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"


async def connection(gateway: RunningGateway) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = gateway.url.removeprefix("http://").split(":")
    return await asyncio.open_connection(host, int(port))


async def said_until_closed(gateway: RunningGateway, *parts: bytes) -> tuple[int, str]:
    """Send bytes and return the status and the body of what comes before the connection ends."""
    reader, writer = await connection(gateway)
    for part in parts:
        writer.write(part)
    answer = await asyncio.wait_for(reader.read(), WITHIN_S)
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body.decode()


@pytest.mark.parametrize(
    ("sent", "part"),
    [
        (b"", "header"),
        (b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Half", "header"),
        (b"POST /api/v1/predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n{", "body"),
        (CHUNKED + b"1\r\n{\r\n", "body"),
    ],
)
async def test_a_request_that_stops_half_way_is_ended_with_408(served, monkeypatch, sent, part):
    monkeypatch.setattr(protocols, "HEADER_S", 0.2)
    monkeypatch.setattr(protocols, "BODY_S", 0.2)

    reader, writer = await connection(served)
    writer.write(sent)
    answer = (await asyncio.wait_for(reader.read(), WITHIN_S)).decode()
    writer.close()

    assert answer.startswith("HTTP/1.1 408")
    assert f"the {part} of the request" in answer


async def test_bytes_that_drip_do_not_prolong_the_time(served, monkeypatch):
    monkeypatch.setattr(protocols, "HEADER_S", 0.3)
    reader, writer = await connection(served)
    writer.write(b"GET /health HTTP/1.1\r\n")

    async def drip() -> None:
        while True:
            writer.write(b"X-Slow: 1\r\n")
            await asyncio.sleep(0.02)

    dripping = asyncio.create_task(drip())
    answer = await asyncio.wait_for(reader.read(), WITHIN_S)
    dripping.cancel()
    writer.close()

    assert answer.startswith(b"HTTP/1.1 408")


async def test_a_request_on_a_kept_connection_is_answered_and_the_next_one_too(served, monkeypatch):
    monkeypatch.setattr(protocols, "HEADER_S", 0.3)
    reader, writer = await connection(served)
    for _ in range(3):
        writer.write(b"GET /api/v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), WITHIN_S)).decode()
        length = next(
            line for line in head.splitlines() if line.lower().startswith("content-length")
        )
        await reader.readexactly(int(length.split(":")[1]))
        assert head.startswith("HTTP/1.1 200")
        await asyncio.sleep(0.2)  # the time between requests is the keep-alive's
    writer.close()


async def test_a_header_without_end_is_431(served):
    line = b"X-Long: " + b"x" * 1_000 + b"\r\n"

    status, body = await said_until_closed(
        served, b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n", *[line] * 40
    )

    assert status == 431
    assert "32768 bytes" in json.loads(body)["detail"]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("X-Long: " + "x" * 9_000 + "\r\n\r\n", 431),
        ("X-Many: 1\r\n" * 200 + "\r\n", 431),
        ("Sec-WebSocket-Key: again\r\n\r\n", 400),
    ],
)
async def test_a_handshake_that_cannot_be_read_is_refused_at_once(served, header, expected):
    status, body = await said_until_closed(served, (UPGRADE + header).encode())

    assert status == expected
    if expected == 431:
        assert json.loads(body).keys() == {"success", "data", "error", "timestamp"}


async def test_more_connections_than_a_peer_may_have_get_503_and_the_others_go_on(
    served, monkeypatch
):
    monkeypatch.setattr(protocols, "PER_PEER", 3)
    health = await served.client.get("/health")
    others = [await connection(served) for _ in range(2)]
    async with asyncio.timeout(WITHIN_S):
        while protocols.connections_of("127.0.0.1") < 3:  # noqa: ASYNC110 - the server accepts
            await asyncio.sleep(0.01)

    status, body = await said_until_closed(served)

    assert health.status_code == 200
    assert status == 503
    assert "too many connections" in json.loads(body)["detail"]
    assert (await served.client.get("/health")).status_code == 200
    for _, writer in others:
        writer.close()


async def test_every_closed_connection_makes_room(served):
    for _ in range(3):
        for _, writer in [await connection(served) for _ in range(5)]:
            writer.close()
    served_stream = UPGRADE + "\r\n"
    reader, writer = await connection(served)
    writer.write(served_stream.encode())
    await reader.readuntil(b"\r\n\r\n")
    writer.close()
    await served.client.aclose()

    async with asyncio.timeout(WITHIN_S):
        while protocols.connections_of("127.0.0.1"):  # noqa: ASYNC110 - the server notices
            await asyncio.sleep(0.01)


async def test_a_reader_of_a_stream_that_stops_reading_is_cut_off(served, monkeypatch):
    monkeypatch.setattr(protocols, "WRITE_S", 0.2)
    reader, writer = await connection(served)
    writer.write((UPGRADE + "\r\n").encode())
    await reader.readuntil(b"\r\n\r\n")
    reader._transport.pause_reading()  # type: ignore[attr-defined]
    client = await only_client(served)
    async with asyncio.timeout(WITHIN_S):
        while client in served.ctx.stream.clients:
            client.resume(["x" * 100_000])
            await asyncio.sleep(0.01)
        while protocols.connections_of("127.0.0.1"):  # noqa: ASYNC110 - the server notices
            await asyncio.sleep(0.01)
    writer.close()


async def only_client(gateway: RunningGateway) -> StreamClient:
    async with asyncio.timeout(WITHIN_S):
        while not gateway.ctx.stream.clients:  # noqa: ASYNC110 - the server opens it
            await asyncio.sleep(0.01)
    return gateway.ctx.stream.clients[0]


def frame(opcode: int, payload: bytes, *, fin: bool = True) -> bytes:
    """Return a masked frame of a client."""
    head = struct.pack("!BB", opcode | (0x80 if fin else 0), 0x80 | len(payload))
    return head + bytes(4) + payload


async def test_a_message_of_endless_empty_fragments_is_closed_with_1008(served):
    reader, writer = await connection(served)
    writer.write((UPGRADE + "\r\n").encode())
    await reader.readuntil(b"\r\n\r\n")

    writer.write(frame(1, b"", fin=False) + frame(0, b"", fin=False) * 1_000)
    heard = await asyncio.wait_for(reader.read(), WITHIN_S)
    writer.close()

    assert struct.pack("!H", 1008) in heard
    assert b"fragments" in heard


async def test_a_client_that_asks_and_never_reads_is_closed_and_costs_the_others_nothing(served):
    reader, writer = await connection(served)
    writer.write((UPGRADE + "\r\n").encode())
    await reader.readuntil(b"\r\n\r\n")
    cursor = b'{"cursor": "e30="}'
    flood = frame(1, cursor) * 20_000

    writer.write(flood)
    began_s = asyncio.get_running_loop().time()
    response = await asyncio.wait_for(served.client.get("/health"), WITHIN_S)
    took_s = asyncio.get_running_loop().time() - began_s
    heard = b""
    while struct.pack("!H", 1008) not in heard:
        chunk = await asyncio.wait_for(reader.read(65_536), WITHIN_S)
        assert chunk, "ended without a reason"
        heard += chunk
    writer.close()

    assert response.status_code == 200
    assert took_s < 2.0
    assert served.ctx.stream.clients == []
