"""The application context: everything a route may use, built once by ``create_app``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Query, Request
from pydantic import BaseModel

from gateway.access.control import AccessControl
from gateway.access.principal import Principal
from gateway.cache import Cache
from gateway.errors import Refused, Unavailable, Unknown
from gateway.kafka.answer_log import AnswerLog
from gateway.kafka.bus import Bus
from gateway.kafka.worker_client import WorkerClient
from gateway.memo import Memo
from gateway.metrics import GatewayMetrics
from gateway.settings import GatewaySettings
from gateway.stream.signal_stream import SignalStream
from gateway.views import clock
from gateway.views.read_model import ReadModel
from gateway.views.series_view import SeriesView
from gateway.views.sorted_window import SortedWindow
from gateway.views.timeframes import running_length
from schemas.symbols import canonical

STARTING = "starting: the views are being read from the topics"


@dataclass(frozen=True)
class AppContext:
    """What the routes, the middleware and the answers share."""

    settings: GatewaySettings
    bus: Bus
    views: ReadModel
    cache: Cache
    access: AccessControl
    worker_client: WorkerClient
    answers: AnswerLog
    stream: SignalStream
    metrics: GatewayMetrics
    memo: Memo
    wall_ms: Callable[[], int]

    def market_ms(self) -> int | None:
        """Return market time now."""
        return clock.market_ms(self.views, self.wall_ms())

    def require_ready(self) -> None:
        """Raise ``Unavailable`` until the views have been read."""
        if not self.bus.ready:
            raise Unavailable(STARTING)

    def stale(self, view: SeriesView, window: SortedWindow[Any]) -> bool:
        """Whether the newest item of a window is older than two bars; False without one."""
        now_ms = self.market_ms()
        if now_ms is None or not window.keys:
            return False
        return clock.age(window.keys[-1], view.timeframe_ms, now_ms).stale

    def series(self, ticker: str, timeframe: str | None = None) -> SeriesView:
        """Return the view of a market at a timeframe; at the base one if none is named.

        Raises ``Unknown``, ``Refused`` or ``Unavailable``.
        """
        symbol = self.symbol(ticker)
        return self.views.series(symbol, self.timeframe_ms(timeframe))

    def timeframe_ms(self, timeframe: str | None) -> int:
        """Return the length of a timeframe's bars; raises ``Refused`` for one that does not run."""
        if timeframe is None:
            return self.views.base_ms
        try:
            return running_length(timeframe, self.views.timeframes)
        except ValueError as error:
            raise Refused(str(error)) from None

    def symbol(self, ticker: str) -> str:
        """Return the canonical symbol of a market; raises ``Unknown`` or ``Unavailable``."""
        self.require_ready()
        known = self.views.known_symbols()
        try:
            symbol = canonical(ticker)
        except ValueError as error:
            raise Unknown(f"{error}; known: {', '.join(known) or 'none yet'}") from None
        if symbol not in known:
            raise Unknown(f"symbol {symbol} is unknown; known: {', '.join(known) or 'none yet'}")
        return symbol


async def app_context(request: Request) -> AppContext:  # async: a plain function costs a thread
    """Return the context of the app that serves this request."""
    ctx = request.app.state.ctx
    assert isinstance(ctx, AppContext)  # noqa: S101 - create_app put it there
    return ctx


async def refuse_unknown_query(request: Request) -> None:
    """Raise ``Refused`` for query fields that the route does not take, naming those it does."""
    if not request.scope["query_string"]:
        return
    known: list[str] = []
    for field in request.scope["route"].dependant.query_params:
        kind = field.field_info.annotation
        is_model = isinstance(kind, type) and issubclass(kind, BaseModel)
        known += kind.model_fields if is_model else (field.alias,)
    if unknown := [name for name in request.query_params if name not in known]:
        expected = f"expected {', '.join(known)}" if known else "none is expected"
        raise Refused(f"{', '.join(unknown)}: unknown query field; {expected}")


async def signed_in(request: Request) -> Principal:  # async: a plain function costs a thread
    """Return who makes this request; of an open path it may be nobody."""
    principal: Principal = request.state.principal
    return principal


TimeframeQuery = Annotated[
    str | None, Query(max_length=40, description="One that runs, such as 15m; the base if left")
]
ContextDep = Annotated[AppContext, Depends(app_context)]
KnownQuery = Depends(refuse_unknown_query)
PrincipalDep = Annotated[Principal, Depends(signed_in)]
