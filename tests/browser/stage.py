"""A real gateway on a free port over a hand-fed bus, for a browser to look at.

``python -m tests.browser.stage [live|several|training|starting|empty|degraded|research|operated]
[--port N]`` keeps one running for people; the live one goes on at 60 market seconds a second, and
the research page has its worker in the last.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future
from typing import Any, Self

import uvicorn

from gateway.app import create_app
from gateway.context import AppContext
from gateway.envelope import wall_ms
from gateway.settings import GatewaySettings
from gateway.views.arrival import Arrival
from schemas.dead_letter import DeadLetter
from schemas.record import Record
from schemas.signals import SignalAcknowledged
from tests.browser import operated, research, scenes
from tests.browser.research import Bench
from tests.fakes.command_processor import CommandProcessor
from tests.fakes.gateway import FakeBus

WAIT_S = 20.0


class Stage:
    """A gateway in a thread; everything it was ever fed is read again when it starts anew."""

    def __init__(
        self,
        records: Iterable[Record] = (),
        *,
        ready: bool = True,
        port: int = 0,
        bench: Bench | None = None,
        processor: CommandProcessor | None = None,
        **settings: Any,
    ) -> None:
        self.port = port
        self.ready = ready
        self._bench = bench
        self._processor = processor
        self._settings = settings
        self._log = list(records)
        self._letters = itertools.count()

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def url(self) -> str:
        """Address of the page."""
        return f"http://127.0.0.1:{self.port}/"

    @property
    def ctx(self) -> AppContext:
        """Return the gateway's context, to look at."""
        ctx = self._app.state.ctx
        assert isinstance(ctx, AppContext)
        return ctx

    def open(self) -> None:
        """Start serving what has been fed so far, on the port used before."""
        self.bus = FakeBus()
        self.bus.ready = self.ready
        self.bus.answers = self._answers
        self._app = create_app(GatewaySettings(**self._settings), self.bus)
        self._up: Future[asyncio.AbstractEventLoop] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        self._loop = self._up.result(WAIT_S)
        self._on_loop(lambda: self._fold(self._log))
        if self._bench is not None:
            self._bench.serve(self)

    def _answers(self, record: Record) -> tuple[Record, ...]:
        if self._bench is not None:
            self._log.append(record)
            self._bench.take(record)
        if self._processor is not None and (made := self._processor.decide(record)):
            self._log.extend(made)
            return tuple(made)
        return (record,) if isinstance(record, SignalAcknowledged) else ()

    def close(self) -> None:
        """Stop serving; every connection ends."""
        self._server.should_exit = True
        self._thread.join(WAIT_S)
        assert not self._thread.is_alive()

    def feed(self, *records: Record) -> None:
        """Let records arrive, now; returns when the gateway has folded them."""
        self._log.extend(records)
        self._on_loop(lambda: self._fold(records))

    def remember(self, *records: Record) -> None:
        """Let records reach the topics while nobody serves."""
        self._log.extend(records)

    def set_ready(self, *, ready: bool) -> None:
        """Say whether the gateway has read its topics."""
        self.ready = ready
        self._on_loop(lambda: setattr(self.bus, "ready", ready))

    def set_connected(self, *, connected: bool) -> None:
        """Say whether the broker answers."""
        self._on_loop(lambda: setattr(self.bus, "connected", connected))

    def cut(self) -> None:
        """End every stream, as a proxy or a restart would."""

        def drop() -> None:
            for client in self.ctx.stream.clients:
                client.drop(1012, "cut by the test")

        self._on_loop(drop)

    def _fold(self, records: Iterable[Record]) -> None:
        for record in records:
            if isinstance(record, DeadLetter):
                place = f"{record.topic}.dlq", 0, next(self._letters)
                self.bus.stored[place] = record
                self.bus.inbox(Arrival(record, record.encode(), *place, wall_ms()))
            else:
                self.bus.feed(record, appended_ms=wall_ms())

    def _on_loop(self, act: Any) -> None:
        done: Future[None] = Future()

        def run() -> None:
            try:
                act()
            except Exception as error:  # noqa: BLE001 - raised again where it was asked for
                done.set_exception(error)
            else:
                done.set_result(None)

        self._loop.call_soon_threadsafe(run)
        done.result(WAIT_S)

    async def _serve(self) -> None:
        config = uvicorn.Config(
            self._app,
            port=self.port,
            ws="websockets-sansio",
            http="httptools",
            ws_per_message_deflate=False,
            log_level="error",
            access_log=False,
            timeout_graceful_shutdown=1,
        )
        self._server = Listening(config, self._listens)
        await self._server.serve()

    def _listens(self, port: int) -> None:
        self.port = port
        self._up.set_result(asyncio.get_running_loop())


class Listening(uvicorn.Server):
    """Says on which port it listens; leaves signals to the main thread."""

    def __init__(self, config: uvicorn.Config, told: Any) -> None:
        super().__init__(config)
        self._told = told

    async def startup(self, sockets: Any = None) -> None:
        """Start, then tell."""
        await super().startup(sockets)
        self._told(self.servers[0].sockets[0].getsockname()[1])

    def install_signal_handlers(self) -> None:
        """Leave them alone."""


def _still(scene: str) -> list[Record]:
    if scene in {"starting", "empty"}:
        return []
    if scene == "several":
        return scenes.several(scenes.live(120))
    if scene == "training":
        return scenes.learning()
    if scene == "research":
        return [*research.records(research.markets()), *scenes.running(0)]
    return [*scenes.live(120), *scenes.trouble()]


def main() -> None:
    """Keep a scene on until interrupted; the live one goes on at 60 x."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scene", nargs="?", default="live")
    parser.add_argument("--port", type=int, default=8090)
    chosen = parser.parse_args()
    coming = scenes.players(2_400)
    records = scenes.live(420, coming) if chosen.scene == "live" else _still(chosen.scene)
    bench = Bench(research.markets(), pace_s=0.05) if chosen.scene == "research" else None
    processor = CommandProcessor() if chosen.scene == "operated" else None
    if processor is not None:
        records = [*records, *operated.records(processor)]
    ready = chosen.scene != "starting"
    with Stage(records, ready=ready, port=chosen.port, bench=bench, processor=processor) as stage:
        print(stage.url, flush=True)  # noqa: T201 - a tool for people
        if chosen.scene != "live":
            threading.Event().wait()
        for minute in range(420, 2_400):
            stage.feed(scenes.tick(minute, 60.0), *scenes.closes(coming), scenes.canary(minute))
            time.sleep(1.0)


if __name__ == "__main__":
    main()
