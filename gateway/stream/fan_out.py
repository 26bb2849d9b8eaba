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

A wrong request is denied with HTTP 400, 403 or 404. One that comes too early, is one too many, or
reads too slowly is closed with 1013 and the reason: connect again later, with the cursor.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable, Iterator
from functools import partial
from itertools import chain
from types import coroutine
from typing import Any, cast
from urllib.parse import urlsplit

import orjson
from starlette.types import Message, Receive, Scope, Send

from gateway.stream.subscription import (
    KINDS,
    Cursor,
    Filter,
    Subscription,
    decode_cursor,
    encode_cursor,
    from_query,
    reason_of,
)
from gateway.views.views import Arrival, HeldSignal, Views
from schemas.signals import Signal

PATH = "/api/realtime/signals"
QUEUE = 256  # messages a client may be behind
CLIENTS = 2_000
HEARTBEAT_S = 5.0
GOODBYE_S = 10.0  # how long a client that does not read may hold its close frame
TRY_LATER = 1013  # close code, from the registry of RFC 6455


class Client:
    """One connection: its bounded queue and its sender."""

    # A broadcast touches every client: slots keep them small.
    __slots__ = (
        *("filter", "_begun", "_closing", "_given_up", "_idle", "_missed"),
        *("_queue", "_send", "_task", "_wake"),
    )

    def __init__(self, send: Send, chosen: Filter) -> None:
        self.filter = chosen
        self._send = cast("Callable[[Message], Coroutine[Any, Any, None]]", send)
        self._missed: deque[Iterator[str]] = deque()  # written out only as they are sent
        self._queue: deque[Message] = deque()
        self._begun: Awaitable[None] | None = None
        self._idle = False  # the sender waits for work, and everything before has been sent
        self._wake = asyncio.Event()
        self._closing: tuple[int, str] | None = None
        self._given_up = False
        self._task = asyncio.current_task()

    def resume(self, texts: Iterable[str]) -> None:
        """Send what was missed before anything newer, at the client's own pace."""
        self._missed.append(iter(texts))
        self._rouse()

    def offer(self, message: Message) -> bool:
        """Send a message now if the client can take it, else queue it; False when it is full.

        Waking a task for each client and message would halve the rate of a broadcast, so the
        send is run on the spot; only what has to wait is left to the sender's task.
        """
        if not self._idle:
            if len(self._queue) >= QUEUE:
                return False
            self._queue.append(message)
            return True
        sending = self._send(message)
        try:
            waits_for = sending.send(None)
        except (StopIteration, OSError):  # sent; or gone, which the listener is told
            return True
        self._begun = _finish(sending, waits_for)
        self._rouse()
        return True

    def _rouse(self) -> None:
        self._idle = False
        self._wake.set()

    def drop(self, code: int, reason: str) -> None:
        """Close with a reason; a client that reads nothing is left after ``GOODBYE_S``."""
        self._closing = (code, reason)
        self._missed.clear()
        self._queue.clear()
        self._rouse()
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
            if self._begun is not None:
                begun, self._begun = self._begun, None
                await begun
            while self._missed or self._queue:
                if not self._missed:
                    await self._send(self._queue.popleft())
                elif (text := next(self._missed[0], None)) is not None:
                    await self._send(_text(text))
                else:
                    self._missed.popleft()
            if self._closing is not None:
                break
            self._wake.clear()
            self._idle = True
            await self._wake.wait()
        code, reason = self._closing
        await self._send({"type": "websocket.close", "code": code, "reason": reason})


class SignalStream:
    """All open connections; one arrival becomes one encoded message."""

    def __init__(
        self, views: Views, beat: Callable[[], dict[str, Any]], dropped: Callable[[], None]
    ) -> None:
        self._audiences: dict[Filter, set[Client]] = {}
        self._views = views
        self._beat = beat
        self._dropped = dropped
        self._cursor: Cursor = {}

    @property
    def clients(self) -> list[Client]:
        """Every open connection."""
        return [client for audience in self._audiences.values() for client in audience]

    def take(self, arrival: Arrival, live: bool) -> None:  # noqa: FBT001 - the bus's own word
        """Move the cursor past an arrived signal; send a live arrival to whoever wants it."""
        record = arrival.record
        if type(record) is Signal:
            self._cursor[arrival.partition] = arrival.offset + 1
        kind = KINDS.get(type(record))
        if kind is None or not live or not self._audiences:
            return
        cursor = encode_cursor(self._cursor) if kind == "signal" else None
        symbol = getattr(record, "symbol", None)
        grade = record.grade if type(record) is Signal else None
        audiences = [a for f, a in self._audiences.items() if f.passes(kind, symbol, grade)]
        if audiences:
            self._broadcast(_text(_message(kind, arrival.raw, cursor)), audiences)

    def _broadcast(self, message: Message, audiences: Iterable[set[Client]]) -> None:
        slow = [
            client for audience in audiences for client in audience if not client.offer(message)
        ]
        for client in slow:
            self._leave(client)
            self._dropped()
            client.drop(TRY_LATER, f"too slow: {QUEUE} messages behind; resume with your cursor")

    async def heartbeats(self) -> None:
        """Send heartbeats for ever."""
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            message = _text(orjson.dumps({"type": "heartbeat", **self._beat()}).decode())
            self._broadcast(message, list(self._audiences.values()))

    async def serve(self, scope: Scope, receive: Receive, accept: Send, send: Send) -> None:
        """Run one connection on ``PATH``; ``accept`` sends the handshake, ``send`` the rest."""
        await receive()  # websocket.connect
        try:
            wants = from_query(scope["query_string"])
            client = Client(send, Filter.of(wants))
            cursor = decode_cursor(wants.cursor) if wants.cursor else None
        except ValueError as error:
            await refuse(accept, 400, reason_of(error))
            return
        if len(self.clients) >= CLIENTS:
            await send_away(accept, send, f"{CLIENTS} streams are open already; try again later")
            return
        await accept({"type": "websocket.accept"})
        hello = {
            "type": "hello",
            "cursor": encode_cursor(self._cursor if cursor is None else cursor),
            "kinds": sorted(client.filter.kinds),
            "heartbeat_s": HEARTBEAT_S,
            **self._beat(),
        }
        client.resume([orjson.dumps(hello).decode()])
        client.resume(self._missed(client, cursor))
        self._join(client)
        try:
            await client.converse(partial(self._listen, client, receive))
        finally:
            self._leave(client)

    def _join(self, client: Client) -> None:
        self._audiences.setdefault(client.filter, set()).add(client)

    def _leave(self, client: Client) -> None:
        audience = self._audiences.get(client.filter, set())
        audience.discard(client)
        if not audience:
            self._audiences.pop(client.filter, None)

    async def _listen(self, client: Client, receive: Receive) -> None:
        while (message := await receive())["type"] != "websocket.disconnect":
            try:
                wants = Subscription.model_validate_json(message.get("text") or "")
                cursor = decode_cursor(wants.cursor) if wants.cursor else None
                chosen = Filter.of(wants)
            except ValueError as error:
                told = orjson.dumps({"type": "error", "error": reason_of(error)}).decode()
                client.resume([told])
                continue
            listening = client in self._audiences.get(client.filter, ())
            self._leave(client)
            client.filter = chosen
            if listening:  # a client that was dropped is only waiting for its close frame
                self._join(client)
                client.resume(self._missed(client, cursor))

    def _missed(self, client: Client, cursor: Cursor | None) -> Iterator[str]:
        """Return the signals held now after a cursor, in order of arrival."""
        if cursor is None:
            return iter(())
        held = tuple(self._views.signals.values())
        missed = _after(cursor, held, client.filter)
        if any(cursor.get(p, 0) < offset for p, offset in self._views.horizon.items()):
            gap = {"type": "gap", "reason": "older signals are not held; read them from the log"}
            return chain((orjson.dumps(gap).decode(),), missed)
        return missed


def _after(cursor: Cursor, held: Iterable[HeldSignal], chosen: Filter) -> Iterator[str]:
    position = dict(cursor)
    for signal in held:
        if signal.offset < cursor.get(signal.partition, 0):
            continue
        position[signal.partition] = signal.offset + 1
        if chosen.passes("signal", signal.symbol, signal.grade):
            yield _message("signal", signal.raw, encode_cursor(position))


@coroutine
def _finish(sending: Coroutine[Any, Any, None], waits_for: Any) -> Generator[Any, Any, None]:
    """Go on with a send that has begun and waits for a future."""
    try:
        yield waits_for
        yield from sending
    finally:
        sending.close()


def _text(text: str) -> Message:
    return {"type": "websocket.send", "text": text}


def _message(kind: str, encoded: bytes, cursor: str | None) -> str:
    body: dict[str, Any] = {"type": kind}
    if cursor is not None:
        body["cursor"] = cursor
    body["data"] = orjson.Fragment(encoded)
    return orjson.dumps(body).decode()


def same_origin(headers: list[tuple[bytes, bytes]]) -> bool:
    """Whether a browser's page may connect: no Origin (no browser), or the host it asked."""
    found = dict(headers)
    origin = found.get(b"origin")
    if origin is None:
        return True
    return urlsplit(origin.decode("latin-1")).netloc == found.get(b"host", b"").decode("latin-1")


async def send_away(accept: Send, send: Send, reason: str) -> None:
    """Accept and close at once: why not now is something that a browser's page shall read."""
    await accept({"type": "websocket.accept"})
    await send({"type": "websocket.close", "code": TRY_LATER, "reason": reason})


async def refuse(send: Send, status: int, reason: str) -> None:
    """Deny a wrong request before it is accepted, with a readable body."""
    body = orjson.dumps({"success": False, "data": None, "error": reason})
    headers = [(b"content-type", b"application/json")]
    await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": body})
