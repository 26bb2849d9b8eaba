"""WebSocket ``/api/realtime/signals``: each arrival is encoded once and sent to many clients.

Messages are JSON objects with a ``type``:

    {"type": "hello", "cursor", "kinds", "heartbeat_s"}        after connecting
    {"type": "signal", "cursor", "data": Signal}               a new signal
    {"type": "bar" | "regime" | "explanation" | "acknowledged" | "score" | "status", "data"}
    {"type": "event", "data": SystemEvent}                     what people wait for
    {"type": "heartbeat", "clock_ms", "broker_connected"}      at least every 5 s
    {"type": "gap", "reason"}                                  signals after the cursor were missed
    {"type": "error", "error"}                                 a message that was not understood

Query: ``ticker``, ``timeframe`` and ``grade`` (each may be repeated; the timeframe is the base one
if none is named), ``kinds`` (by comma; default ``signal``), ``cursor`` (of the last message seen:
signals after it are sent first). The same five fields may be sent later as one JSON object. Only
signals are resumed; other kinds are read by REST.

A wrong request is denied with HTTP 400, 403 or 404. A client that comes too early, is one too many,
or reads too slowly is closed with 1013 and the reason. It connects again later, with its cursor.
One that sends more messages than it may is closed with 1008, one whose token or key no longer
counts with 4401.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from typing import Any

import orjson
import structlog
from starlette.types import Message, Receive, Scope, Send

from gateway.access.principal import EVERYBODY, Principal
from gateway.envelope import wall_ms
from gateway.stream.client import QUEUE, StreamClient, text_frame
from gateway.stream.handshake import POLICY, SIGNED_OUT, TRY_LATER, close_at_once, refuse
from gateway.stream.subscription import (
    KINDS,
    Cursor,
    MessageSubject,
    StreamFilter,
    Subscription,
    decode_cursor,
    encode_cursor,
    explain_error,
    parse_query,
)
from gateway.views.arrival import Arrival
from gateway.views.compact import CompactSignal
from gateway.views.read_model import ReadModel
from schemas.ideas import IdeaEvent
from schemas.signals import Signal

log = structlog.get_logger()

CLIENTS = 2_000
HEARTBEAT_S = 5.0
LONGEST_TIMER_S = 86_400.0  # an event loop takes no timer of years; it is closed a day on


class SignalStream:
    """All open connections; one arrival becomes one encoded message."""

    def __init__(
        self,
        views: ReadModel,
        heartbeat: Callable[[], dict[str, Any]],
        count_dropped: Callable[[], None],
        wall_ms: Callable[[], int] = wall_ms,
    ) -> None:
        self._wall_ms = wall_ms
        self._audiences: dict[StreamFilter, set[StreamClient]] = {}
        self._views = views
        self._heartbeat = heartbeat
        self._count_dropped = count_dropped
        self._cursor: Cursor = {}

    @property
    def clients(self) -> list[StreamClient]:
        """Every open connection."""
        return [client for audience in self._audiences.values() for client in audience]

    def publish(self, arrival: Arrival, *, live: bool) -> None:
        """Move the cursor past a signal; send a live arrival to the clients that asked for it."""
        record = arrival.record
        if type(record) is Signal:
            self._cursor[arrival.partition] = arrival.offset + 1
        kind = KINDS.get(type(record))
        if kind is None or not live or not self._audiences:
            return
        cursor = encode_cursor(self._cursor) if kind == "signal" else None
        subject = MessageSubject(
            kind,
            getattr(record, "symbol", None),
            record.grade if isinstance(record, Signal | IdeaEvent) else None,
            getattr(record, "timeframe_ms", None),
        )
        base_ms = self._views.base_ms
        audiences = [
            audience
            for wanted, audience in self._audiences.items()
            if wanted.passes(subject, base_ms)
        ]
        if audiences:
            self._broadcast(text_frame(encode_message(kind, arrival.raw, cursor)), audiences)

    def _broadcast(self, message: Message, audiences: Iterable[set[StreamClient]]) -> None:
        slow = [
            client for audience in audiences for client in audience if not client.offer(message)
        ]
        for client in slow:
            self._leave(client)
            self._count_dropped()
            log.warning(
                "client.dropped",
                behind=QUEUE,
                clients=len(self.clients),
                remedy="none: it may come back with its cursor; if many are, they read too slowly",
            )
            client.drop(TRY_LATER, f"too slow: {QUEUE} messages behind; resume with your cursor")

    async def heartbeats(self) -> None:
        """Send heartbeats for ever."""
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            message = text_frame(orjson.dumps({"type": "heartbeat", **self._heartbeat()}).decode())
            self._broadcast(message, list(self._audiences.values()))

    async def serve(self, scope: Scope, receive: Receive, accept: Send, send: Send) -> None:
        """Run one connection on ``PATH``; ``accept`` sends the handshake, ``send`` the rest."""
        await receive()  # websocket.connect
        try:
            subscription = parse_query(scope["query_string"])
            wanted = StreamFilter.from_subscription(subscription, self._views.timeframes)
            principal = scope.get("state", {}).get("principal", EVERYBODY)
            client = StreamClient(send, wanted, principal)
            cursor = decode_cursor(subscription.cursor) if subscription.cursor is not None else None
        except ValueError as error:
            await refuse(accept, 400, explain_error(error))
            return
        if len(self.clients) >= CLIENTS:
            await close_at_once(
                accept, send, f"{CLIENTS} streams are open already; try again later"
            )
            return
        await accept({"type": "websocket.accept"})
        hello = {
            "type": "hello",
            "cursor": encode_cursor(self._cursor if cursor is None else cursor),
            "kinds": sorted(client.filter.kinds),
            "heartbeat_s": HEARTBEAT_S,
            **self._heartbeat(),
        }
        client.resume([orjson.dumps(hello).decode()])
        client.resume(self._missed(client, cursor))
        self._join(client)
        alarm = self._sign_out_later(client)
        try:
            await client.converse(partial(self._listen, client, receive))
        finally:
            self._leave(client)
            if alarm is not None:
                alarm.cancel()

    def _sign_out_later(self, client: StreamClient) -> asyncio.TimerHandle | None:
        """Close a connection when what its client showed expires."""
        expires_ms = client.principal.expires_ms
        if expires_ms is None:
            return None
        left_s = min(max(0, expires_ms - self._wall_ms()) / 1000, LONGEST_TIMER_S)
        loop = asyncio.get_running_loop()
        return loop.call_later(left_s, self._sign_out, client, "what it showed has expired")

    def sign_out(self, principal: Principal, reason: str) -> None:
        """Close every connection of somebody whose key no longer counts."""
        who = principal.kind, principal.subject
        for client in self.clients:
            if (client.principal.kind, client.principal.subject) == who:
                self._sign_out(client, reason)

    def _sign_out(self, client: StreamClient, reason: str) -> None:
        self._leave(client)
        client.drop(SIGNED_OUT, reason)

    def _join(self, client: StreamClient) -> None:
        self._audiences.setdefault(client.filter, set()).add(client)

    def _leave(self, client: StreamClient) -> None:
        audience = self._audiences.get(client.filter, set())
        audience.discard(client)
        if not audience:
            self._audiences.pop(client.filter, None)

    async def _listen(self, client: StreamClient, receive: Receive) -> None:
        while (message := await receive())["type"] != "websocket.disconnect":
            if (fault := client.fault()) is not None:
                self._leave(client)
                client.drop(POLICY, fault)
                return
            try:
                subscription = Subscription.model_validate_json(message.get("text") or "")
                cursor = (
                    decode_cursor(subscription.cursor) if subscription.cursor is not None else None
                )
                wanted = StreamFilter.from_subscription(subscription, self._views.timeframes)
            except ValueError as error:
                complaint = {"type": "error", "error": explain_error(error)}
                client.resume([orjson.dumps(complaint).decode()])
                continue
            listening = client in self._audiences.get(client.filter, ())
            self._leave(client)
            client.filter = wanted
            if listening:  # else it was dropped, and waits for its close frame
                self._join(client)
                client.resume(self._missed(client, cursor))

    def _missed(self, client: StreamClient, cursor: Cursor | None) -> Iterator[str]:
        """Return the messages of the signals after a cursor, in order of arrival."""
        if cursor is None:
            return iter(())
        signals = tuple(self._views.signals.values())
        missed = self._after(cursor, signals, client.filter)
        if any(cursor.get(p, 0) < offset for p, offset in self._views.horizon.items()):
            gap = {"type": "gap", "reason": "older signals are not held; read them from the log"}
            return chain((orjson.dumps(gap).decode(),), missed)
        return missed

    def _after(
        self, cursor: Cursor, signals: Iterable[CompactSignal], wanted: StreamFilter
    ) -> Iterator[str]:
        position = dict(cursor)
        for signal in signals:
            if signal.offset < cursor.get(signal.partition, 0):
                continue
            position[signal.partition] = signal.offset + 1
            subject = MessageSubject("signal", signal.symbol, signal.grade, signal.timeframe_ms)
            if wanted.passes(subject, self._views.base_ms):
                yield encode_message("signal", signal.raw, encode_cursor(position))


def encode_message(kind: str, encoded: bytes, cursor: str | None) -> str:
    """Return one message around an encoded record."""
    body: dict[str, Any] = {"type": kind}
    if cursor is not None:
        body["cursor"] = cursor
    body["data"] = orjson.Fragment(encoded)
    return orjson.dumps(body).decode()
