"""One streaming client: a bounded queue, and the task that sends from it."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable, Iterator
from types import coroutine
from typing import Any, cast

from starlette.types import Message, Send

from gateway.access.principal import Principal
from gateway.stream.subscription import StreamFilter

QUEUE = 256  # messages a client may be behind; all clients share their texts
REPLIES = 8  # answers to a client's own messages that it has not read
BURST = 32  # messages a client may send at once
MESSAGES_A_SECOND = 4.0  # and from then on
BREATH = 32  # messages sent in a row before others have their turn
GOODBYE_S = 10.0  # how long a client that does not read may hold its close frame


class StreamClient:
    """One connection."""

    # A broadcast touches every client: slots keep them small.
    __slots__ = (
        *("filter", "principal", "_allowance", "_closing", "_given_up", "_idle", "_missed"),
        *("_queue", "_send", "_spoke_s", "_task", "_unfinished", "_wake"),
    )

    def __init__(self, send: Send, filter_: StreamFilter, principal: Principal) -> None:
        self.filter = filter_
        self.principal = principal
        self._send = cast("Callable[[Message], Coroutine[Any, Any, None]]", send)
        self._missed: deque[Iterator[str]] = deque()  # encoded only as they are sent
        self._queue: deque[Message] = deque()
        self._unfinished: Awaitable[None] | None = None  # a send that waits for the socket
        self._idle = False  # everything before has been sent, and the sender waits for work
        self._wake = asyncio.Event()
        self._closing: tuple[int, str] | None = None
        self._given_up = False
        self._task = asyncio.current_task()
        self._allowance, self._spoke_s = float(BURST), time.monotonic()

    def fault(self) -> str | None:
        """Return why a client that has sent a message is to be closed; None when it is not.

        A bucket of ``BURST`` messages fills with ``MESSAGES_A_SECOND``.
        """
        now_s = time.monotonic()
        regained = (now_s - self._spoke_s) * MESSAGES_A_SECOND
        self._allowance, self._spoke_s = min(BURST, self._allowance + regained) - 1, now_s
        if self._allowance < 0:
            return f"more than {BURST} messages at once, or {MESSAGES_A_SECOND:g} a second"
        if len(self._missed) >= REPLIES:
            return f"{REPLIES} answers are not read: read them, then send the next message"
        return None

    def resume(self, texts: Iterable[str]) -> None:
        """Send what was missed before anything newer, as fast as the client reads."""
        self._missed.append(iter(texts))
        self._wake_sender()

    def offer(self, message: Message) -> bool:
        """Send a message now if the client can take it, else queue it; False when it is full.

        Waking a task for each client and message would halve the rate of a broadcast. So the send
        runs here, and only a send that has to wait is left to the sender's task.
        """
        if not self._idle:
            if len(self._queue) >= QUEUE:
                return False
            self._queue.append(message)
            return True
        sending = self._send(message)
        try:
            waits_for = sending.send(None)
        except (StopIteration, OSError):  # sent; or gone, which the listener learns
            return True
        self._unfinished = _finish(sending, waits_for)
        self._wake_sender()
        return True

    def _wake_sender(self) -> None:
        self._idle = False
        self._wake.set()

    def drop(self, code: int, reason: str) -> None:
        """Close with a reason; a client that reads nothing is abandoned after ``GOODBYE_S``."""
        self._closing = (code, reason)
        self._missed.clear()
        self._queue.clear()
        self._wake_sender()
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
            if self._closing is not None:
                await asyncio.wait({sender})  # its last message is the close
        except asyncio.CancelledError:
            if not self._given_up:
                raise
        finally:
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)

    async def _deliver(self) -> None:
        sent = 0
        while True:
            if self._unfinished is not None:
                unfinished, self._unfinished = self._unfinished, None
                await unfinished
            while self._missed or self._queue:
                sent += 1
                if sent % BREATH == 0:  # a send to a client that reads never waits
                    await asyncio.sleep(0)
                if not self._missed:
                    await self._send(self._queue.popleft())
                elif (text := next(self._missed[0], None)) is not None:
                    await self._send(text_frame(text))
                else:
                    self._missed.popleft()
            if self._closing is not None:
                break
            self._wake.clear()
            self._idle = True
            await self._wake.wait()
        code, reason = self._closing
        await self._send({"type": "websocket.close", "code": code, "reason": reason})


@coroutine
def _finish(sending: Coroutine[Any, Any, None], waits_for: Any) -> Generator[Any, Any, None]:
    """Go on with a send that has begun and waits for a future."""
    try:
        yield waits_for
        yield from sending
    finally:
        sending.close()


def text_frame(text: str) -> Message:
    """Return the ASGI message that sends a text."""
    return {"type": "websocket.send", "text": text}
