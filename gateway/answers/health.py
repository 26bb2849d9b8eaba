"""The state of everything, as the views and the bus know it, with every reason for worry."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import orjson

from gateway.context import Parts
from gateway.envelope import iso
from gateway.views import clock
from gateway.views.views import Views
from schemas.clock import ClockTick

STOPPED_AFTER_MS = 30_000  # no process takes longer over its end


def health(given: Parts) -> dict[str, Any]:
    """Return the body of the health routes."""
    views = given.views
    now_ms = given.market_ms()
    symbols = list(_symbols(given, now_ms))
    reasons = list(_reasons(given, symbols))
    tick = views.clock.record if views.clock else None
    newest = [view.bars.newest() for view in views.symbols.values()]
    return {
        "status": "starting" if not given.bus.ready else "degraded" if reasons else "healthy",
        "model_loaded": bool(views.loaded()),
        "gpu_available": any(
            (status.device or "").startswith("cuda") for status in views.statuses.values()
        ),
        "timestamp": iso(given.wall_ms()),
        "clock_ms": now_ms,
        "speed": tick.speed if isinstance(tick, ClockTick) else None,
        "degraded": reasons,
        "broker_connected": given.bus.connected,
        "replay": any(bar.recorded for bar in newest if bar is not None),
        "views_lag_records": sum(given.bus.lag.values()),
        "processes": {name: _view(given, name) for name in sorted(views.statuses)},
        "symbols": symbols,
        "canary": views.canary.model_dump() if views.canary else None,
        "windows": [window.model_dump() for window in views.windows.values()],
        "dead_letters": {
            topic: {"count": held.count, "newest": held.newest.model_dump()}
            for topic, held in views.dead_letters.items()
        },
        "unreadable": {
            topic: {"count": held.count, "newest": asdict(held.newest)}
            for topic, held in views.unreadable.items()
        },
        "cache": given.cache.state,
        "websocket_clients": len(given.stream.clients),
    }


def _view(given: Parts, name: str) -> dict[str, Any]:
    status = given.views.statuses[name]
    ended = given.wall_ms() - status.event_time_ms > STOPPED_AFTER_MS
    return {
        "state": "stopped" if status.state == "stopping" and ended else status.state,
        "detail": status.detail,
        "done": status.done,
        "device": status.device,
        "lag_records": given.bus.process_lag.get(name),
    }


def _symbols(given: Parts, now_ms: int | None) -> Iterator[dict[str, Any]]:
    for symbol in given.views.known():
        view = given.views.of(symbol)
        bar = view.bars.newest()
        if bar is None or now_ms is None:
            continue
        age = clock.age(bar.event_time_ms, bar.timeframe_ms, now_ms)
        yield {
            "symbol": symbol,
            "timeframe_ms": bar.timeframe_ms,
            "bars": len(view.bars),
            "signals": len(view.signals),
            "last_bar_ms": bar.event_time_ms,
            "age_bars": round(age.bars, 3),
            "stale": age.stale,
            "last_price": orjson.loads(bar.raw)["close"],
        }


def _reasons(given: Parts, symbols: list[dict[str, Any]]) -> Iterator[str]:
    """Yield every reason why the system is not at its best."""
    views = given.views
    if not given.bus.connected:
        yield "the message broker does not answer; what is shown is the last state read"
    for name, status in sorted(views.statuses.items()):
        if status.state in {"degraded", "failed"}:
            yield f"{name} is {status.state}: {status.detail or 'no detail given'}"
    yield from _model_reasons(views)
    for row in symbols:
        if row["stale"]:
            yield f"{row['symbol']} is {row['age_bars']:.1f} bars old"
    for topic, held in views.dead_letters.items():
        if held.newest.kind == "bug":
            yield f"a step failed on {topic}: {held.newest.cause}"
    for topic, bad in views.unreadable.items():
        newest = f"{bad.newest.partition}@{bad.newest.offset}: {bad.newest.cause}"
        yield f"records of {topic} that are in no view: {bad.count}, the newest at {newest}"
    if given.cache.state == "degraded":
        yield "Redis is away; the cache is in memory"


def _model_reasons(views: Views) -> Iterator[str]:
    if not views.serving:
        yield "no model serves yet: the first one is being trained"
    for change in views.serving.values():
        if not change.model.qualified:
            failed = ", ".join(gate for gate, passed in change.model.gates.items() if not passed)
            yield f"model {change.model.model_version} is unqualified: {failed}"
