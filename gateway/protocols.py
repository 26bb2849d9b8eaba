"""What one connection may take: seconds, bytes and a share of all; uvicorn itself has no bounds.

    before the header     HEADER_S seconds and HEADER_BYTES, else 408 or 431
    before the body       BODY_S seconds, else 408
    while it does not read WRITE_S seconds, then it is cut off
    connections           PER_PEER from one address, CONNECTIONS in all, else 503

Between two requests of a connection uvicorn's own keep-alive counts, and its pings on a stream.
"""

from __future__ import annotations

import asyncio
import resource
from collections import Counter
from typing import Any, Literal

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

from gateway.envelope import encode, failure

HEADER_S = 10.0
BODY_S = 20.0
WRITE_S = 20.0
LINGER_S = 1.0  # between an answer that ends a connection and its end
HEADER_BYTES = 32_768
HANDSHAKE_LINE = 8_000  # what the library for WebSockets reads
HANDSHAKE_LINES = 100
FRAGMENTS = 64  # of one message
CONNECTIONS = 4_000
PER_PEER = 3_000  # behind a proxy, and on loopback, everybody is one peer
SPARE_FILES = 256  # for everything that is no connection

_peers: Counter[str] = Counter()


def raise_file_limit() -> None:
    """Let this process open as many files as its connections may need, where the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS + SPARE_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, limit), hard))


def _in_all() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return CONNECTIONS if soft == resource.RLIM_INFINITY else min(CONNECTIONS, soft - SPARE_FILES)


def _response(status: str, body: bytes) -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body


class WriteLimit:
    """Cuts a connection off that has not read for ``WRITE_S`` seconds."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """The peer has stopped reading."""
        if self._timer is None:
            # Closing would wait until the peer has read what is buffered, which it never does.
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(WRITE_S, self._transport.abort)

    def end(self) -> None:
        """The peer reads again, or is gone."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class _TimedWrites(asyncio.Protocol):
    """A protocol whose peer has a limited time to read what is written."""

    _writes: WriteLimit

    def pause_writing(self) -> None:
        """Give a peer that does not read a limited time."""
        self._writes.begin()
        super().pause_writing()

    def resume_writing(self) -> None:
        """Go on with a peer that reads again."""
        self._writes.end()
        super().resume_writing()


class BoundedHttp(_TimedWrites, HttpToolsProtocol):
    """HTTP of one connection, with bounds."""

    transport: asyncio.Transport
    _peer = ""
    _part: Literal["header", "body"] | None = "header"  # of a request, that is being read
    _timed: Literal["header", "body"] | None = None  # the part that the timer is for
    _timer: asyncio.TimerHandle | None = None
    _received = 0  # bytes of a header that is not complete
    _ended = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, unless there are too many connections."""
        super().connection_made(transport)
        self._writes = WriteLimit(transport)
        self._peer = self.client[0] if self.client else ""
        _peers[self._peer] += 1
        if _peers[self._peer] > PER_PEER or len(self.connections) > _in_all():
            self._refuse("503 Service Unavailable", "too many connections are open; close some")
            return
        self._limit("header")

    def connection_lost(self, exc: Exception | None) -> None:
        """Give back what the connection took."""
        self._limit(None)
        if self._timer is not None:
            self._timer.cancel()
        self._writes.end()
        forget(self._peer)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes; a request that came whole sets no timer."""
        if self.transport.is_closing() or self._ended:
            return
        if self._part is None and (self.cycle is None or self.cycle.response_complete):
            self._part = "header"  # of the next request, if these bytes begin one
        self._received += len(data) if self._part == "header" else 0
        super().data_received(data)
        if self._part != "header":
            self._received = 0
        elif self._received > HEADER_BYTES:
            text = f"the header has more than {HEADER_BYTES} bytes"
            self._refuse("431 Request Header Fields Too Large", text)
            return
        self._limit(self._part)

    def on_headers_complete(self) -> None:
        """Wait for the body from here."""
        self._part = "body"
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Wait for nothing: the request is whole."""
        self._part = None
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection to a stream; a header that its library would not read gets 431."""
        self._part = None
        self._limit(None)
        lines = [self.url, *(name + value for name, value in self.headers)]
        if len(lines) > HANDSHAKE_LINES or max(map(len, lines)) > HANDSHAKE_LINE:
            text = (
                f"a handshake has at most {HANDSHAKE_LINES} lines of {HANDSHAKE_LINE} bytes, "
                f"got {len(lines)} and {max(map(len, lines))}"
            )
            self._end_with("431 Request Header Fields Too Large", failure(text))
            return
        super().handle_websocket_upgrade()

    def _limit(self, part: Literal["header", "body"] | None) -> None:
        """Set the timer of a part when it begins; no later byte moves it."""
        if part == self._timed:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._timed = part
        if part is not None:
            seconds = HEADER_S if part == "header" else BODY_S
            text = f"the {part} of the request was not complete within {seconds:.0f} s"
            self._timer = self.loop.call_later(seconds, self._refuse, "408 Request Timeout", text)

    def _refuse(self, status: str, text: str) -> None:
        self._end_with(status, encode({"detail": text}))

    def _end_with(self, status: str, body: bytes) -> None:
        """Answer and end; bytes that still come are dropped, or the answer would be lost."""
        if self.transport.is_closing() or self._ended:
            return
        self._ended = True
        self._limit(None)
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.cycle is None or not self.cycle.response_started or self.cycle.response_complete:
            self.transport.write(_response(status, body))
        self.transport.write_eof()
        self.flow.resume_reading()
        self._timer = self.loop.call_later(LINGER_S, self.transport.abort)


class BoundedWebSocket(_TimedWrites, WebSocketsSansIOProtocol):
    """A stream of one connection, with bounds; what its messages may cost stands in ``stream``."""

    def connection_made(self, transport: Any) -> None:
        """Take the connection over from HTTP, which counted it."""
        super().connection_made(transport)
        self._writes = WriteLimit(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give back what the connection took."""
        self._writes.end()
        forget(self.client[0] if self.client else "")
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes; a handshake that cannot be read is refused instead of waited for."""
        if self.transport.is_closing():
            return
        super().data_received(data)
        if not self.handshake_initiated and not self.transport.is_closing():
            cause = self.conn.handshake_exc or "it is not complete"
            self.transport.write(_response("400 Bad Request", failure(f"handshake: {cause}")))
            self.transport.close()

    def handle_cont(self, event: Frame) -> None:
        """Take a fragment; empty ones would pass the limit on bytes."""
        if len(self.frames) >= FRAGMENTS:
            self.conn.fail(1008, f"more than {FRAGMENTS} fragments of one message")
            self.handle_parser_exception()
            return
        super().handle_cont(event)

    def handle_ping(self) -> None:
        """Answer a ping, unless its sender does not read."""
        if self.writable.is_set():
            super().handle_ping()
        else:
            self.conn.data_to_send()


def forget(peer: str) -> None:
    """Count one connection of a peer less."""
    _peers[peer] -= 1
    if _peers[peer] <= 0:
        del _peers[peer]


def connections_of(peer: str) -> int:
    """Return how many connections of a peer are open."""
    return _peers[peer]
