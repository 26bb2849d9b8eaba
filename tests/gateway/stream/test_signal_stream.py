"""The live stream, by a real client on a real server: fan-out, filters, resume, slow clients."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin

from gateway.app import quieten
from gateway.stream import client as stream_client
from gateway.stream import signal_stream
from gateway.stream.handshake import PATH
from gateway.stream.subscription import decode_cursor, encode_cursor
from schemas.timeframes import HOUR_MS, MINUTE_MS
from tests.build import bar, close_time, idea_event, regimes, signal, status, system_event
from tests.fakes.gateway import LAST, RunningGateway

pytestmark = pytest.mark.anyio


def address(gateway: RunningGateway, query: str = "") -> str:
    return gateway.url.replace("http", "ws") + PATH + query


async def read(socket: Any) -> Any:
    return orjson.loads(await asyncio.wait_for(socket.recv(), 30))


async def drain(socket: Any) -> None:
    while True:
        await asyncio.wait_for(socket.recv(), 30)


async def ids(socket: Any, count: int) -> list[str]:
    return [(await read(socket))["data"]["signal_id"] for _ in range(count)]


async def test_a_new_signal_reaches_every_client_once(served):
    async with connect(address(served)) as one, connect(address(served)) as two:
        assert (await read(one))["type"] == (await read(two))["type"] == "hello"

        served.bus.feed(signal(LAST + 1))

        for socket in (one, two):
            message = await read(socket)
            assert message["type"] == "signal"
            assert message["cursor"]
            assert message["data"] == orjson.loads(signal(LAST + 1).encode())


async def test_an_event_reaches_who_asked_for_events_and_nobody_else(served):
    query = "?kinds=event&ticker=BTCUSDT"
    async with connect(address(served, query)) as events, connect(address(served)) as signals:
        await read(events)
        await read(signals)

        served.bus.feed(system_event("feed_stale"))
        served.bus.feed(signal(LAST + 1))

        message = await read(events)
        assert (message["type"], message["data"]["kind"]) == ("event", "feed_stale")
        assert (await read(signals))["type"] == "signal"


async def test_ideas_are_sent_by_their_grade_to_who_asked_for_them(served):
    async with connect(address(served, "?kinds=idea&grade=A")) as socket:
        await read(socket)

        served.bus.feed(
            signal(LAST + 1), idea_event(LAST + 1, grade="C"), idea_event(LAST + 2, grade="A")
        )

        message = await read(socket)
    assert (message["type"], message["data"]["idea_id"]) == ("idea", f"idea-BTCUSDT-{LAST + 2}")


async def test_filters_pass_only_what_was_asked_for(served):
    query = "?ticker=BTC-USD&grade=A&grade=B"
    async with connect(address(served, query)) as socket:
        await read(socket)

        served.bus.feed(
            signal(LAST + 1, symbol="ETHUSDT", grade="A"),
            signal(LAST + 1, grade="C"),
            bar(LAST + 2),
            signal(LAST + 2, grade="B"),
        )

        assert await ids(socket, 1) == [f"signal-BTCUSDT-{LAST + 2}"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["1m", "end"]),
        ("?timeframe=1m", ["1m", "end"]),
        ("?timeframe=15m", ["15m"]),
        ("?timeframe=1h&timeframe=15m", ["15m", "1h"]),
    ],
)
async def test_a_stream_has_the_timeframes_asked_for_and_the_base_one_if_none(
    served, query, expected
):
    at = {"1m": MINUTE_MS, "15m": 15 * MINUTE_MS, "1h": HOUR_MS}
    sent = [signal(LAST + 1, signal_id=name, timeframe_ms=length) for name, length in at.items()]
    async with connect(address(served, query)) as socket:
        cursor = (await read(socket))["cursor"]
        served.bus.feed(*sent, signal(LAST + 2, signal_id="end"))
        live = await ids(socket, len(expected))
    missed_query = f"{query or '?'}&cursor={cursor}"
    async with connect(address(served, missed_query)) as socket:
        await read(socket)
        missed = await ids(socket, len(expected))

    assert live == missed == expected


async def test_what_has_no_timeframe_reaches_every_stream(served):
    async with connect(address(served, "?kinds=status,bar&timeframe=1h")) as socket:
        await read(socket)

        served.bus.feed(bar(LAST + 1), status())

        assert (await read(socket))["type"] == "status"


async def test_a_subscription_to_a_timeframe_that_does_not_run_is_refused_by_name(served):
    with pytest.raises(InvalidStatus) as denied:
        await connect(address(served, "?timeframe=7m"))
    async with connect(address(served)) as socket:
        await read(socket)
        await socket.send('{"timeframe": ["7m"]}')
        complaint = await read(socket)

    expected = "timeframe: '7m' does not run here; expected 1m, 15m, 1h"
    assert denied.value.response.status_code == 400
    assert orjson.loads(denied.value.response.body or b"")["error"] == expected
    assert complaint == {"type": "error", "error": expected}


async def test_a_stream_opened_before_a_recording_is_known_has_its_base(served):
    async with connect(address(served, "?kinds=bar")) as socket:
        await read(socket)
        close = close_time(LAST) // HOUR_MS * HOUR_MS
        hour = {"timeframe_ms": HOUR_MS, "event_time_ms": close, "open_time_ms": close - HOUR_MS}

        served.bus.feed(bar(**hour, origin="replay"))

        assert (await read(socket))["data"]["timeframe_ms"] == HOUR_MS


async def test_other_kinds_are_sent_when_asked_for(served):
    async with connect(address(served, "?kinds=bar,regime")) as socket:
        await read(socket)

        served.bus.feed(bar(LAST + 1), regimes(LAST + 1), signal(LAST + 1), bar(LAST + 2))

        kinds = [(await read(socket))["type"] for _ in range(3)]
    assert kinds == ["bar", "regime", "bar"]


async def test_a_cursor_resumes_after_the_last_signal_seen(served):
    async with connect(address(served)) as socket:
        await read(socket)
        served.bus.feed(signal(LAST + 1))
        cursor = (await read(socket))["cursor"]
    served.bus.feed(signal(LAST + 2), signal(LAST + 3, symbol="ETHUSDT"))

    async with connect(address(served, f"?cursor={cursor}")) as socket:
        assert (await read(socket))["cursor"] == cursor
        missed = await ids(socket, 2)
        served.bus.feed(signal(LAST + 4))
        live = await ids(socket, 1)

    assert missed == [f"signal-BTCUSDT-{LAST + 2}", f"signal-ETHUSDT-{LAST + 3}"]
    assert live == [f"signal-BTCUSDT-{LAST + 4}"]


async def test_what_was_missed_is_encoded_only_as_fast_as_the_client_reads(served, monkeypatch):
    encoded: list[str] = []
    sent, client_reads = asyncio.Event(), asyncio.Semaphore(1)
    encode_message = signal_stream.encode_message

    def record_encoding(*arguments):
        encoded.append(encode_message(*arguments))
        return encoded[-1]

    monkeypatch.setattr(signal_stream, "encode_message", record_encoding)

    async def send(_):
        await client_reads.acquire()
        sent.set()

    async def receive(first=[{"type": "websocket.connect"}]):  # noqa: B006 - once, then silence
        return first.pop() if first else await asyncio.Event().wait()

    scope = {"query_string": f"cursor={encode_cursor({})}".encode()}
    serve = served.ctx.stream.serve
    serving = asyncio.create_task(serve(scope, receive, never_refused, send))
    await sent.wait()
    await asyncio.sleep(0)

    assert len(encoded) <= 1
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)


async def never_refused(message):
    assert message["type"] == "websocket.accept"


async def test_a_first_message_can_resume_and_filter_as_the_query_does(served):
    async with connect(address(served)) as socket:
        cursor = (await read(socket))["cursor"]
        served.bus.feed(signal(LAST + 1), signal(LAST + 2, symbol="ETHUSDT"))
    async with connect(address(served)) as socket:
        await read(socket)

        await socket.send(orjson.dumps({"ticker": ["ETH-USD"], "cursor": cursor}).decode())

        assert await ids(socket, 1) == [f"signal-ETHUSDT-{LAST + 2}"]


async def test_a_cursor_older_than_what_is_held_says_so_first(served):
    query = f"?cursor={encode_cursor({})}"
    async with connect(address(served, query), max_queue=None) as socket:
        await read(socket)
        first = await read(socket)

    # The records of the fixture begin with a bar, so that signals before it may have existed.
    assert first["type"] == "gap"


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("?cursor=garbage", "cursor"),
        ("?cursor=e30x", "cursor"),
        ("?kinds=orders", "orders"),
        ("?grade=D", "grade"),
        ("?ticker=BTC+USD", "not a symbol"),
        ("?from=now", "from"),
        ("?timeframe=", "timeframe: '' does not run here"),
        ("?timeframe=1m&timeframe", "timeframe: '' does not run here"),
        ("?kinds=", "kinds: ''"),
        ("?grade=", "grade"),
        ("?ticker=", "not a symbol"),
        ("?cursor=", "cursor"),
    ],
)
async def test_a_wrong_query_is_denied_before_the_handshake_with_its_reason(served, query, named):
    with pytest.raises(InvalidStatus) as denied:
        await connect(address(served, query)).__aenter__()

    response = denied.value.response
    assert response.status_code == 400
    body = orjson.loads(response.body)
    assert body.keys() == {"success", "data", "error", "timestamp"}
    assert named in body["error"]
    assert response.headers["x-correlation-id"]


@pytest.mark.parametrize("text", ["{", '{"kinds": ["orders"]}', '{"cursor": "garbage"}', "5"])
async def test_a_wrong_message_gets_an_error_and_changes_nothing(served, text):
    async with connect(address(served)) as socket:
        await read(socket)

        await socket.send(text)
        answer = await read(socket)
        served.bus.feed(signal(LAST + 1))

        assert answer["type"] == "error"
        assert await ids(socket, 1) == [f"signal-BTCUSDT-{LAST + 1}"]


async def test_the_accepted_handshake_carries_the_correlation_id(served):
    async with connect(address(served), additional_headers={"X-Correlation-ID": "ws-1"}) as socket:
        assert socket.response is not None
        assert socket.response.headers["x-correlation-id"] == "ws-1"


async def test_a_page_of_another_origin_is_denied(served):
    with pytest.raises(InvalidStatus) as denied:
        await connect(address(served), origin=Origin("https://elsewhere.example")).__aenter__()

    assert denied.value.response.status_code == 403


async def test_a_page_of_our_own_is_accepted(served):
    async with connect(address(served), origin=Origin(served.url)) as socket:
        assert (await read(socket))["type"] == "hello"


async def test_other_stream_paths_do_not_exist(served):
    with pytest.raises(InvalidStatus) as denied:
        await connect(served.url.replace("http", "ws") + "/api/realtime/bars").__aenter__()

    assert denied.value.response.status_code == 404


@pytest.fixture
def server_log():
    """The messages that the server logs under the set-up of ``gateway.app.run``."""
    quieten()
    messages: list[str] = []

    class MessageCollector(logging.Handler):
        def emit(self, record):
            messages.append(record.getMessage())

    collector = MessageCollector()
    logging.getLogger("uvicorn.error").addHandler(collector)
    yield messages
    logging.getLogger("uvicorn.error").removeHandler(collector)


async def test_a_stream_that_comes_too_early_is_closed_with_the_reason(served, server_log):
    served.bus.ready = False

    async with connect(address(served)) as socket:
        with pytest.raises(ConnectionClosed) as closed:
            await read(socket)

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1013
    assert "starting" in closed.value.rcvd.reason
    assert socket.response is not None
    assert socket.response.headers["x-correlation-id"]
    assert server_log == []


async def test_one_stream_too_many_is_closed_with_the_reason(served, monkeypatch):
    monkeypatch.setattr(signal_stream, "CLIENTS", 1)
    async with connect(address(served)) as first, connect(address(served)) as second:
        await read(first)
        with pytest.raises(ConnectionClosed) as closed:
            await read(second)

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1013
    assert "1 streams are open" in closed.value.rcvd.reason


async def test_a_denied_stream_is_no_error_of_ours(served, server_log):
    with pytest.raises(InvalidStatus):
        await connect(address(served, "?kinds=orders")).__aenter__()
    await served.client.get("/health")

    assert server_log == []


async def test_heartbeats_keep_an_idle_stream_alive(served, monkeypatch):
    monkeypatch.setattr(signal_stream, "HEARTBEAT_S", 0.01)
    beats = asyncio.create_task(served.ctx.stream.heartbeats())
    async with connect(address(served)) as socket:
        await read(socket)

        message = await read(socket)

    beats.cancel()
    assert message["type"] == "heartbeat"
    assert message["clock_ms"] == close_time(LAST)


async def test_a_client_that_does_not_read_is_dropped_with_a_reason_and_slows_no_one(served):
    # The kernel and the server buffer some megabytes before a client is slow.
    heavy = [signal(LAST + 1, risk_notes=("x" * 60_000,), signal_id=f"s{n}") for n in range(500)]
    async with (
        connect(address(served), max_queue=1, max_size=None) as slow,
        connect(address(served), max_size=None) as quick,
    ):
        await read(quick)
        received = 0
        for large in heavy:
            served.bus.feed(large)
            message = await read(quick)
            assert message["data"]["signal_id"] == large.signal_id
            received += 1

        assert received == 500
        assert len(served.ctx.stream.clients) == 1
        with pytest.raises(ConnectionClosed) as closed:
            await drain(slow)

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1013
    assert "too slow" in closed.value.rcvd.reason
    assert "regimeflow_websocket_dropped_total 1.0" in (await served.client.get("/metrics")).text


async def test_a_client_that_never_reads_again_is_left_to_itself(served, monkeypatch):
    monkeypatch.setattr(stream_client, "GOODBYE_S", 0.05)
    heavy = signal(LAST + 1, risk_notes=("x" * 60_000,))
    reader, writer = await asyncio.open_connection(*served.url.removeprefix("http://").split(":"))
    writer.write(
        f"GET {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    await reader.readuntil(b"\r\n\r\n")
    while not served.ctx.stream.clients:  # noqa: ASYNC110 - the server adds it on its own time
        await asyncio.sleep(0)
    [client] = served.ctx.stream.clients

    while served.ctx.stream.clients:
        served.bus.feed(heavy)
        await asyncio.sleep(0)

    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.wait_for(asyncio.shield(client._task), 30)
    assert client._task.done()
    writer.close()


async def test_stopping_the_gateway_ends_every_stream(served):
    async with connect(address(served)) as socket:
        await read(socket)

        assert len(served.ctx.stream.clients) == 1
    async with asyncio.timeout(5):
        while served.ctx.stream.clients:  # noqa: ASYNC110 - the close frame travels
            await asyncio.sleep(0)


@given(st.dictionaries(st.integers(0, 200), st.integers(0, 2**53), max_size=12))
def test_a_cursor_survives_its_encoding(cursor):
    assert decode_cursor(encode_cursor(cursor)) == cursor


@given(st.text(max_size=50))
def test_text_we_never_gave_out_is_refused_or_harmless(text):
    try:
        cursor = decode_cursor(text)
    except ValueError as error:
        assert "cursor" in str(error)  # noqa: PT017 - either outcome is right
    else:
        assert all(offset >= 0 for offset in cursor.values())
