"""The feature vectors of a training's span, and the wait for the newest of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import structlog

from schemas.features import FeatureVector
from schemas.training import TrainingRequest
from streams.runtime.codec import Received

if TYPE_CHECKING:
    from workers.training.fit import OnProgress

log = structlog.get_logger()

# Without one new vector of the symbols that are waited for. A chain that restarts takes less.
QUIET_S = 120.0
TOLD_EVERY_S = 5.0

Take = Callable[[], Sequence[Received]]


def span_features(
    take: Take,
    request: TrainingRequest,
    progress: OnProgress,
    now_s: Callable[[], float] = time.monotonic,
    behind: Callable[[], bool] = lambda: False,
) -> Iterator[FeatureVector]:
    """Yield the vectors of a request's span until each symbol has reached its newest close.

    A symbol whose features stay away for ``QUIET_S`` is waited for no longer: what arrived of it is
    trained on, or it is left out, and progress and log say so.

    Args:
        take: Returns the next messages of the features topic, an empty list after a while.
        request: What is trained.
        progress: Told what is waited for.
        now_s: A clock.
        behind: Whether the topic's past is still being read; nothing is missed until then.
    """
    waiting = {symbol: request.closes.get(symbol, request.to_ms) for symbol in request.symbols}
    heard_s = told_s = now_s()
    while waiting:
        for message in take():
            vector = message.record
            if not isinstance(vector, FeatureVector) or not of_request(vector, request):
                continue
            if vector.symbol in waiting:
                heard_s = now_s()
                if vector.event_time_ms >= waiting[vector.symbol]:
                    del waiting[vector.symbol]
            if in_span(vector, request):
                yield vector
        if behind():
            heard_s = now_s()
        quiet_s = now_s() - heard_s
        if waiting and quiet_s > QUIET_S:
            _give_up(waiting, progress)
            return
        if waiting and now_s() - told_s > TOLD_EVERY_S:
            told_s = now_s()
            progress("dataset", 0.0, f"{_named(waiting)}, for {QUIET_S - quiet_s:.0f} s more")


def of_request(vector: FeatureVector, request: TrainingRequest) -> bool:
    """Return whether a vector is of a request's symbols and timeframe."""
    return vector.symbol in request.symbols and vector.timeframe_ms == request.timeframe_ms


def in_span(vector: FeatureVector, request: TrainingRequest) -> bool:
    """Return whether a vector is of a request's symbols, timeframe and span."""
    to_ms = min(request.to_ms, request.closes.get(vector.symbol, request.to_ms))
    return of_request(vector, request) and request.from_ms <= vector.event_time_ms <= to_ms


def _give_up(waiting: dict[str, int], progress: OnProgress) -> None:
    progress("dataset", 1.0, f"{_named(waiting)}: waited {QUIET_S:.0f} s, going on without")
    log.warning(
        "features.missing",
        symbols=waiting,
        waited_s=QUIET_S,
        remedy="none: the training uses what has arrived; see `regimeflow data ledger` for holes",
    )


def _named(waiting: dict[str, int]) -> str:
    symbols: dict[int, list[str]] = {}
    for symbol, close_ms in sorted(waiting.items()):
        symbols.setdefault(close_ms, []).append(symbol)
    return "waiting for the features of " + "; ".join(
        f"{', '.join(names)} at {np.datetime64(close_ms, 'ms').astype('datetime64[m]')}Z"
        for close_ms, names in symbols.items()
    )
