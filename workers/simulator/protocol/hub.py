"""Subscriptions of the open sockets; delivery never waits for a client."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from workers.simulator.protocol.frames import Stream, parse_stream

QUEUE_FRAMES = 50_000  # a client that is this far behind is dropped
TOO_SLOW, GOING_AWAY = 1008, 1001


class Socket(Protocol):
    """The part of a WebSocket that the hub uses."""

    async def send_str(self, text: str) -> None:
        """Send one text frame."""

    async def close(self, *, code: int) -> Any:
        """Close with a WebSocket code."""


class Connection:
    """One client: its streams and its queue of frames."""

    def __init__(
        self, socket: Socket, abort: Callable[[], None], *, delivers: bool, combined: bool
    ) -> None:
        self.socket = socket
        self.abort = abort  # cuts the line without a closing handshake
        self.delivers = delivers  # the venue's bare /ws acknowledges and stays silent
        self.combined = combined  # wrap events in {"stream", "data"}
        self.streams: set[str] = set()
        self.queue: asyncio.Queue[str | None] = asyncio.Queue(QUEUE_FRAMES)

    def put(self, text: str) -> bool:
        """Queue one frame; False when the client is too far behind."""
        try:
            self.queue.put_nowait(text)
        except asyncio.QueueFull:
            return False
        return True

    async def write(self) -> None:
        """Write queued frames until a None comes."""
        while (text := await self.queue.get()) is not None:
            await self.socket.send_str(text)


class Hub:
    """All open connections and the streams that they subscribe to."""

    def __init__(self, symbols: tuple[str, ...]) -> None:
        self._symbols = symbols
        self.connections: set[Connection] = set()
        self._subscribers: dict[str, set[Connection]] = {}
        self._streams: dict[str, Stream] = {}
        self._closing: dict[Connection, asyncio.Future[Any]] = {}

    def subscribed(self) -> list[Stream]:
        """Return the streams with a subscriber, in order of first subscription."""
        return list(self._streams.values())

    def subscribe(self, connection: Connection, names: list[str]) -> None:
        """Add streams; unknown names are accepted too, as on the venue."""
        for name in names:
            connection.streams.add(name)
            stream = parse_stream(name, self._symbols)
            if stream is not None and connection.delivers:
                self._streams[name] = stream
                self._subscribers.setdefault(name, set()).add(connection)

    def unsubscribe(self, connection: Connection, names: list[str]) -> None:
        """Remove streams; names never subscribed are ignored."""
        for name in names:
            connection.streams.discard(name)
            subscribers = self._subscribers.get(name, set())
            subscribers.discard(connection)
            if not subscribers:
                self._subscribers.pop(name, None)
                self._streams.pop(name, None)

    def drop(self, connection: Connection) -> None:
        """Forget a connection that has ended."""
        self.unsubscribe(connection, list(connection.streams))
        self.connections.discard(connection)
        self._closing.pop(connection, None)

    def publish(self, stream: str, text: str) -> None:
        """Queue a text for a stream's subscribers; one that is too far behind is closed."""
        for connection in self._subscribers.get(stream, ()):
            wrapped = f'{{"stream":"{stream}","data":{text}}}' if connection.combined else text
            if not connection.put(wrapped):
                self.close(connection, TOO_SLOW)

    def close(self, connection: Connection, code: int) -> None:
        """Begin to close a socket, without waiting for the client's answer."""
        if connection in self._closing:
            return
        task = asyncio.ensure_future(connection.socket.close(code=code))
        self._closing[connection] = task

    async def close_all(self) -> None:
        """Close every socket and wait until that is done."""
        for connection in list(self.connections):
            self.close(connection, GOING_AWAY)
        await asyncio.gather(*self._closing.values(), return_exceptions=True)
