"""The application context: everything a route may use, built once by ``create_app``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request

from gateway.cache import Cache
from gateway.errors import Unavailable, Unknown
from gateway.kafka.answer_log import AnswerLog
from gateway.kafka.bus import Bus
from gateway.kafka.worker_client import WorkerClient
from gateway.metrics import GatewayMetrics
from gateway.settings import GatewaySettings
from gateway.stream.signal_stream import SignalStream
from gateway.views import clock
from gateway.views.read_model import ReadModel
from gateway.views.sorted_window import SortedWindow
from gateway.views.symbol_view import SymbolView
from schemas.symbols import canonical

STARTING = "starting: the views are being read from the topics"


@dataclass(frozen=True)
class AppContext:
    """What the routes, the middleware and the answers share."""

    settings: GatewaySettings
    bus: Bus
    views: ReadModel
    cache: Cache
    worker_client: WorkerClient
    answers: AnswerLog
    stream: SignalStream
    metrics: GatewayMetrics
    wall_ms: Callable[[], int]

    def market_ms(self) -> int | None:
        """Return market time now."""
        return clock.market_ms(self.views, self.wall_ms())

    def require_ready(self) -> None:
        """Raise ``Unavailable`` until the views have been read."""
        if not self.bus.ready:
            raise Unavailable(STARTING)

    def stale(self, view: SymbolView, window: SortedWindow[Any]) -> bool:
        """Whether the newest item of a window is older than two bars; False without one."""
        bar, now_ms = view.bars.newest(), self.market_ms()
        if bar is None or now_ms is None or not window.keys:
            return False
        return clock.age(window.keys[-1], bar.timeframe_ms, now_ms).stale

    def symbol(self, ticker: str) -> tuple[str, SymbolView]:
        """Return the canonical symbol and its view; raises ``Unknown`` or ``Unavailable``."""
        self.require_ready()
        known = self.views.known_symbols()
        try:
            symbol = canonical(ticker)
        except ValueError as error:
            raise Unknown(f"{error}; known: {', '.join(known) or 'none yet'}") from None
        if symbol not in known:
            raise Unknown(f"symbol {symbol} is unknown; known: {', '.join(known) or 'none yet'}")
        return symbol, self.views.symbol(symbol)


async def app_context(request: Request) -> AppContext:  # async: a plain function costs a thread
    """Return the context of the app that serves this request."""
    ctx = request.app.state.ctx
    assert isinstance(ctx, AppContext)  # noqa: S101 - create_app put it there
    return ctx


ContextDep = Annotated[AppContext, Depends(app_context)]
