"""What the routes are given: one record, made by ``create_app``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request

from gateway.answers.cache import Cache
from gateway.errors import Unavailable, Unknown
from gateway.kafka.bus import Bus
from gateway.kafka.worker_client import Questions
from gateway.metrics import Metrics
from gateway.settings import Settings
from gateway.stream.fan_out import SignalStream
from gateway.views import clock
from gateway.views.series import Series
from gateway.views.views import SymbolView, Views
from schemas.symbols import canonical

STARTING = "starting: the views are being read from the topics"


@dataclass(frozen=True)
class Parts:
    """Everything a route may use."""

    settings: Settings
    bus: Bus
    views: Views
    cache: Cache
    questions: Questions
    stream: SignalStream
    metrics: Metrics
    wall_ms: Callable[[], int]

    def market_ms(self) -> int | None:
        """Return market time now."""
        return clock.market_ms(self.views, self.wall_ms())

    def require_ready(self) -> None:
        """Raise ``Unavailable`` until the views have been read."""
        if not self.bus.ready:
            raise Unavailable(STARTING)

    def stale(self, view: SymbolView, series: Series[Any]) -> bool:
        """Whether the newest item by bar close is older than two bars; False without one."""
        bar, now_ms = view.bars.newest(), self.market_ms()
        if bar is None or now_ms is None or not series.keys:
            return False
        return clock.age(series.keys[-1], bar.timeframe_ms, now_ms).stale

    def symbol(self, ticker: str) -> tuple[str, SymbolView]:
        """Return the canonical symbol and its view; raises ``Unknown`` or ``Unavailable``."""
        self.require_ready()
        known = self.views.known()
        try:
            symbol = canonical(ticker)
        except ValueError as error:
            raise Unknown(f"{error}; known: {', '.join(known) or 'none yet'}") from None
        if symbol not in known:
            raise Unknown(f"symbol {symbol} is unknown; known: {', '.join(known) or 'none yet'}")
        return symbol, self.views.of(symbol)


async def parts(request: Request) -> Parts:  # async: a plain function would cost a thread
    """Return the parts of the app that serves this request."""
    found = request.app.state.parts
    assert isinstance(found, Parts)  # noqa: S101 - create_app put it there
    return found


Given = Annotated[Parts, Depends(parts)]
