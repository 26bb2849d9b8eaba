"""WebSocket ``/api/realtime/signals``: what arrives is encoded once and fanned out.

Messages are JSON objects with a ``type``:

    {"type": "hello", "cursor", "kinds", "heartbeat_s"}        after connecting
    {"type": "signal", "cursor", "data": Signal}               a new signal
    {"type": "bar" | "regime" | "explanation" | "acknowledged" | "score" | "status", "data"}
    {"type": "heartbeat", "clock_ms", "status"}                at least every 5 s
    {"type": "gap", "reason"}                                  a cursor older than what is held
    {"type": "error", "error"}                                 a message that was not understood

Query: ``ticker`` and ``grade`` (each may be repeated), ``kinds`` (by comma; default ``signal``),
``cursor`` (of the last message seen: signals after it are sent first). The same four fields may
be sent later as one JSON object. Only signals are resumed; other kinds are read by REST.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.types import Receive, Scope, Send

from gateway.errors import describe
from gateway.views import Arrival, Views
from schemas.explanations import Explanation
from schemas.market import Bar
from schemas.record import Record
from schemas.regimes import RegimeProbabilities
from schemas.signals import Grade, ScoredSignal, Signal, SignalAcknowledged
from schemas.status import WorkerStatus
from schemas.symbols import canonical

PATH = "/api/realtime/signals"
QUEUE = 256  # messages a client may be behind
CLIENTS = 2_000
HEARTBEAT_S = 5.0
GOODBYE_S = 10.0  # how long a client that does not read may hold its close frame
KINDS: dict[type[Record], str] = {
    Signal: "signal",
    Bar: "bar",
    RegimeProbabilities: "regime",
    Explanation: "explanation",
    SignalAcknowledged: "acknowledged",
    ScoredSignal: "score",
    WorkerStatus: "status",
}
TRY_LATER = 1013  # close code, from the registry of RFC 6455

Cursor = dict[int, int]  # partition of the signals topic to the next offset


class Subscription(BaseModel):
    """What a client wants to see; also the shape of its messages."""

    model_config = ConfigDict(strict=True, extra="forbid")

    ticker: list[str] = Field(default=[], max_length=100, description="Empty: all")
    grade: list[Grade] = Field(default=[], description="Of signals; empty: all")
    kinds: list[str] = Field(default=["signal"], max_length=len(KINDS))
    cursor: str | None = Field(default=None, max_length=2_000)


def encode_cursor(cursor: Cursor) -> str:
    """Return the opaque form of a position on the signals topic."""
    return base64.urlsafe_b64encode(orjson.dumps({str(p): o for p, o in cursor.items()})).decode()


def decode_cursor(text: str) -> Cursor:
    """Return the position; raises ``ValueError`` for what we never gave out."""
    try:
        parsed = orjson.loads(base64.urlsafe_b64decode(text.encode()))
        cursor = {int(partition): offset for partition, offset in parsed.items()}
    except (binascii.Error, ValueError, AttributeError):
        raise ValueError("cursor: not one that this gateway gave out") from None
    if not all(isinstance(offset, int) and offset >= 0 for offset in cursor.values()):
        raise ValueError("cursor: not one that this gateway gave out")
    return cursor


class Client:
    """One connection: its filters, its bounded queue, its sender."""

    def __init__(self, send: Send, wants: Subscription) -> None:
        self.kinds: frozenset[str] = frozenset()
        self.symbols: frozenset[str] = frozenset()
        self.grades: frozenset[str] = frozenset()
        self.subscribe(wants)
        self._send = send
        self._missed: deque[str] = deque()
        self._queue: deque[str] = deque()
        self._wake = asyncio.Event()
        self._closing: tuple[int, str] | None = None
        self._given_up = False
        self._task = asyncio.current_task()

    def subscribe(self, wants: Subscription) -> None:
        """Replace the filters; raises ``ValueError`` naming the wrong field."""
        unknown = set(wants.kinds) - set(KINDS.values())
        if unknown:
            expected = ", ".join(KINDS.values())
            raise ValueError(f"kinds: {', '.join(sorted(unknown))} unknown; expected {expected}")
        self.symbols = frozenset(canonical(ticker) for ticker in wants.ticker)
        self.kinds = frozenset(wants.kinds)
        self.grades = frozenset(wants.grade)

    def wants(self, kind: str, symbol: str | None, grade: str | None) -> bool:
        """Whether a message passes the filters."""
        return (
            kind in self.kinds
            and (not self.symbols or symbol is None or symbol in self.symbols)
            and (not self.grades or grade is None or grade in self.grades)
        )

    def resume(self, texts: Iterable[str]) -> None:
        """Send what was missed before anything newer, at the client's own pace."""
        self._missed.extend(texts)
        self._wake.set()

    def offer(self, text: str) -> bool:
        """Queue a message; False when the client is too far behind."""
        if len(self._queue) >= QUEUE:
            return False
        self._queue.append(text)
        self._wake.set()
        return True

    def drop(self, code: int, reason: str) -> None:
        """Close with a reason; a client that reads nothing is left after ``GOODBYE_S``."""
        self._closing = (code, reason)
        self._missed.clear()
        self._queue.clear()
        self._wake.set()
        asyncio.get_running_loop().call_later(GOODBYE_S, self._give_up)

    def _give_up(self) -> None:
        if self._task is not None and not self._task.done():
            self._given_up = True
            self._task.cancel()

    async def converse(self, receive: Callable[[], Awaitable[None]]) -> None:
        """Send and receive until one side ends the connection."""
        sender = asyncio.create_task(self._deliver())
        try:
            await receive()
        except asyncio.CancelledError:
            if not self._given_up:
                raise
        finally:
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)

    async def _deliver(self) -> None:
        while True:
            while self._missed or self._queue:
                text = (self._missed or self._queue).popleft()
                await self._send({"type": "websocket.send", "text": text})
            if self._closing is not None:
                break
            self._wake.clear()
            await self._wake.wait()
        code, reason = self._closing
        await self._send({"type": "websocket.close", "code": code, "reason": reason})


class SignalStream:
    """All open connections; one arrival becomes one encoded message."""

    def __init__(
        self, views: Views, beat: Callable[[], dict[str, Any]], dropped: Callable[[], None]
    ) -> None:
        self.clients: set[Client] = set()
        self._views = views
        self._beat = beat
        self._dropped = dropped
        self._cursor: Cursor = {}

    def take(self, arrival: Arrival, live: bool) -> None:  # noqa: FBT001 - the bus's own word
        """Move the cursor past an arrived signal; send a live arrival to whoever wants it."""
        record = arrival.record
        if type(record) is Signal:
            self._cursor[arrival.partition] = arrival.offset + 1
        kind = KINDS.get(type(record))
        if kind is None or not live or not self.clients:
            return
        cursor = encode_cursor(self._cursor) if kind == "signal" else None
        text = _message(kind, arrival.raw, cursor)
        symbol = getattr(record, "symbol", None)
        grade = record.grade if type(record) is Signal else None
        slow = [
            client
            for client in self.clients
            if client.wants(kind, symbol, grade) and not client.offer(text)
        ]
        for client in slow:
            self.clients.discard(client)
            self._dropped()
            client.drop(TRY_LATER, f"too slow: {QUEUE} messages behind; resume with your cursor")

    async def heartbeats(self) -> None:
        """Send heartbeats for ever."""
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            text = orjson.dumps({"type": "heartbeat", **self._beat()}).decode()
            for client in self.clients:
                client.offer(text)

    async def serve(self, scope: Scope, receive: Receive, accept: Send, send: Send) -> None:
        """Run one connection on ``PATH``; ``accept`` sends the handshake, ``send`` the rest."""
        await receive()  # websocket.connect
        try:
            wants = _from_query(scope["query_string"])
            client = Client(send, wants)
            cursor = decode_cursor(wants.cursor) if wants.cursor else None
        except ValueError as error:
            await refuse(accept, 400, _reason(error))
            return
        if len(self.clients) >= CLIENTS:
            await refuse(accept, 503, f"{CLIENTS} streams are open already; try again later")
            return
        await accept({"type": "websocket.accept"})
        hello = {
            "type": "hello",
            "cursor": encode_cursor(self._cursor if cursor is None else cursor),
            "kinds": sorted(client.kinds),
            "heartbeat_s": HEARTBEAT_S,
            **self._beat(),
        }
        client.resume([orjson.dumps(hello).decode(), *self._missed(client, cursor)])
        self.clients.add(client)
        try:
            await client.converse(partial(self._listen, client, receive))
        finally:
            self.clients.discard(client)

    async def _listen(self, client: Client, receive: Receive) -> None:
        while (message := await receive())["type"] != "websocket.disconnect":
            try:
                wants = Subscription.model_validate_json(message.get("text") or "")
                cursor = decode_cursor(wants.cursor) if wants.cursor else None
                client.subscribe(wants)
            except ValueError as error:
                client.offer(orjson.dumps({"type": "error", "error": _reason(error)}).decode())
            else:
                client.resume(self._missed(client, cursor))

    def _missed(self, client: Client, cursor: Cursor | None) -> Iterator[str]:
        """Yield the held signals after a cursor, in order of arrival."""
        if cursor is None:
            return
        if any(cursor.get(p, 0) < offset for p, offset in self._views.horizon.items()):
            gap = {"type": "gap", "reason": "older signals are not held; read them from the log"}
            yield orjson.dumps(gap).decode()
        position = dict(cursor)
        for signal in self._views.signals.values():
            if signal.offset < cursor.get(signal.partition, 0):
                continue
            position[signal.partition] = signal.offset + 1
            if client.wants("signal", signal.symbol, signal.grade):
                yield _message("signal", signal.raw, encode_cursor(position))


def _message(kind: str, encoded: bytes, cursor: str | None) -> str:
    body: dict[str, Any] = {"type": kind}
    if cursor is not None:
        body["cursor"] = cursor
    body["data"] = orjson.Fragment(encoded)
    return orjson.dumps(body).decode()


def _from_query(query: bytes) -> Subscription:
    fields = parse_qs(query.decode("latin-1"), keep_blank_values=False)
    unknown = fields.keys() - Subscription.model_fields.keys()
    if unknown:
        raise ValueError(f"{', '.join(sorted(unknown))}: unknown query field")
    wanted: dict[str, Any] = {k: v for k, v in fields.items() if k in {"ticker", "grade"}}
    if "kinds" in fields:
        wanted["kinds"] = [kind for part in fields["kinds"] for kind in part.split(",")]
    if "cursor" in fields:
        wanted["cursor"] = fields["cursor"][-1]
    return Subscription.model_validate(wanted)


def _reason(error: ValueError) -> str:
    return describe(error.errors()) if isinstance(error, ValidationError) else str(error)


def same_origin(headers: list[tuple[bytes, bytes]]) -> bool:
    """Whether a browser's page may connect: no Origin (no browser), or the host it asked."""
    found = dict(headers)
    origin = found.get(b"origin")
    if origin is None:
        return True
    return urlsplit(origin.decode("latin-1")).netloc == found.get(b"host", b"").decode("latin-1")


async def refuse(send: Send, status: int, reason: str) -> None:
    """Deny a WebSocket before it is accepted, with a readable body."""
    body = orjson.dumps({"success": False, "data": None, "error": reason})
    headers = [(b"content-type", b"application/json")]
    await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": body})
