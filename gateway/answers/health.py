"""Health of the system, as the views and the bus know it, with every reason to worry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import orjson

from gateway.answers.model_state import model_state
from gateway.context import AppContext
from gateway.envelope import iso
from gateway.views import clock
from gateway.views.read_model import ReadModel
from schemas.status import process_name
from schemas.timeframes import HOUR_MS, timeframe_name
from schemas.topics import MONITOR_WINDOWS, PREDICTION_ANSWERS
from schemas.training import TrainingProgress

STOPPED_AFTER_MS = 30_000  # no process takes longer to stop
# A process says its state again every 5 s while its main loop goes round, but not while it starts.
SILENT_AFTER_MS = 20_000
STARTED_WITHIN_MS = 240_000
# After it, what was passed over or lost is counted and no longer a worry.
WORRY_MS = HOUR_MS
RATES_OLD_AFTER_MS = 60_000  # the monitor publishes every 10 s


def health(ctx: AppContext) -> dict[str, Any]:
    """Return the body of the health routes."""
    views = ctx.views
    now_ms = ctx.market_ms()
    symbols = list(_symbols(ctx, now_ms))
    reasons = list(_reasons(ctx, symbols))
    return {
        "status": "starting" if not ctx.bus.ready else "degraded" if reasons else "healthy",
        "model_loaded": bool(views.loaded_models()),
        "gpu_available": any(
            (status.device or "").startswith("cuda") for status in views.statuses.values()
        ),
        "timestamp": iso(ctx.wall_ms()),
        "clock_ms": now_ms,
        "speed": views.clock.tick.speed if views.clock else None,
        "degraded": reasons,
        "broker_connected": ctx.bus.connected,
        "replay": views.recorded,
        "views_lag_records": sum(ctx.bus.lag.values()),
        "processes": {name: _process(ctx, name) for name in sorted(views.statuses)},
        "timeframes": [_timeframe(views, length) for length in views.timeframes],
        "symbols": symbols,
        "canary": views.canary.model_dump() if views.canary else None,
        "windows": [window.model_dump() for window in views.windows.values()],
        "dead_letters": {
            topic: {"count": letters.count, "newest": letters.newest.model_dump()}
            for topic, letters in views.dead_letters.counts().items()
        },
        "unreadable": {
            topic: {"count": unreadable.count, "newest": asdict(unreadable.newest)}
            for topic, unreadable in views.unreadable.items()
        },
        "answers": {"waiting": ctx.answers.waiting, "lost": ctx.answers.lost},
        "cache": ctx.cache.state,
        "websocket_clients": len(ctx.stream.clients),
    }


def symbol_states(ctx: AppContext) -> dict[str, str]:
    """Return by market whether it is live, stale, waiting for complete features, or ended."""
    return {row["symbol"]: _symbol_state(row) for row in _symbols(ctx, ctx.market_ms())}


def _symbol_state(row: Mapping[str, Any]) -> str:
    if row["ended"]:
        return "ended"
    if row["stale"]:
        return "stale"
    return "live" if row["features_complete_at_ms"] is None else "waiting"


def process_states(ctx: AppContext) -> dict[str, str]:
    """Return by process the state that the health shows."""
    return {name: _process(ctx, name)["state"] for name in ctx.views.statuses}


def _process(ctx: AppContext, name: str) -> dict[str, Any]:
    status = ctx.views.statuses[name]
    silent_ms = ctx.wall_ms() - ctx.views.status_ms[name]
    stopped = status.state == "stopping" and silent_ms > STOPPED_AFTER_MS
    silent = _silence(ctx, name)
    return {
        "state": "stopped" if stopped else "silent" if silent else status.state,
        "detail": f"it was {status.state} and {silent}" if silent else status.detail,
        "said_at": iso(ctx.views.status_ms[name]),
        "done": status.done,
        "device": status.device,
        "lag_records": ctx.bus.process_lag.get(process_name(name)),
    }


def _silence(ctx: AppContext, name: str) -> str:
    """Return since when a process says nothing, in words; empty while it speaks or has stopped."""
    state = ctx.views.statuses[name].state
    limit_ms = STARTED_WITHIN_MS if state in {"starting", "restoring"} else SILENT_AFTER_MS
    silent_ms = ctx.wall_ms() - ctx.views.status_ms[name]
    # Without a broker nothing is heard of anybody.
    if state == "stopping" or silent_ms <= limit_ms or not ctx.bus.connected:
        return ""
    since = iso(ctx.views.status_ms[name])
    return f"has said nothing for {silent_ms // 1000} s, since {since}: it hangs or has ended"


def _timeframe(views: ReadModel, length: int) -> dict[str, Any]:
    series = [views.series(symbol, length) for symbol in views.known_symbols()]
    return {
        "timeframe": timeframe_name(length),
        "timeframe_ms": length,
        "bars": sum(len(view.bars) for view in series),
        "signals": sum(len(view.signals) for view in series),
        "model": model_state(views, length).model_dump(),
    }


def _symbols(ctx: AppContext, now_ms: int | None) -> Iterator[dict[str, Any]]:
    for symbol in ctx.views.known_symbols():
        view = ctx.views.series(symbol, ctx.views.base_ms)
        bar = view.bars.newest()
        if bar is None or now_ms is None:
            continue
        age = clock.age(bar.event_time_ms, bar.timeframe_ms, now_ms)
        ended = ctx.views.ended(view)
        features = None if ended else view.features.newest()
        yield {
            "symbol": symbol,
            "timeframe_ms": bar.timeframe_ms,
            "bars": len(view.bars),
            "signals": len(view.signals),
            "last_bar_ms": bar.event_time_ms,
            "age_bars": round(age.bars, 3),
            "stale": age.stale and not ended,
            "ended": ended,
            "features_complete_at_ms": features.complete_at_ms if features else None,
            "last_price": orjson.loads(bar.raw)["close"],
        }


def _reasons(ctx: AppContext, symbols: list[dict[str, Any]]) -> Iterator[str]:
    """Yield every reason why the system is not at its best."""
    views = ctx.views
    if not ctx.bus.connected:
        yield "the message broker does not answer; what is shown is the last state read"
    for name, status in sorted(views.statuses.items()):
        if silence := _silence(ctx, name):
            yield f"{name} {silence}; a run starts it again, else look at its log"
        elif status.state in {"degraded", "failed"}:
            yield f"{name} is {status.state}: {status.detail or 'no detail given'}"
    yield from _model_reasons(views)
    yield from _symbol_reasons(symbols)
    yield from _monitor_reasons(ctx, symbols)
    for topic, letters in views.dead_letters.counts().items():
        if letters.newest.kind == "bug":
            yield f"a step failed on {topic}: {letters.newest.cause}"
    yield from _unreadable_reasons(views, ctx.wall_ms())
    answers = ctx.answers
    if answers.lost and ctx.wall_ms() - answers.lost_ms <= WORRY_MS:
        yield (
            f"answers of /predict that are not on {PREDICTION_ANSWERS.name}: {answers.lost}, the "
            f"last at {iso(answers.lost_ms)}; requests are answered all the same"
        )
    if ctx.cache.state == "degraded":
        yield "Redis is away; the cache is in memory"


def _unreadable_reasons(views: ReadModel, wall_ms: int) -> Iterator[str]:
    for topic, bad in views.unreadable.items():
        if wall_ms - bad.newest.appended_ms <= WORRY_MS:
            newest = f"{bad.newest.partition}@{bad.newest.offset}: {bad.newest.cause}"
            yield f"records of {topic} that are in no view: {bad.count}, the newest at {newest}"


def _model_reasons(views: ReadModel) -> Iterator[str]:
    if not views.serving_at(views.base_ms):
        yield f"no model serves yet: {_first_training(views.training_at(views.base_ms))}"
    for change in views.serving.values():
        if not change.model.qualified:
            failed = ", ".join(gate for gate, passed in change.model.gates.items() if not passed)
            yield f"model {change.model.model_version} is unqualified: {failed}"
        for symbol, reason in change.model.left_out.items():
            yield (
                f"model {change.model.model_version} was trained without {symbol}: {reason}; the "
                f"next training looks at it again"
            )


def _first_training(step: TrainingProgress | None) -> str:
    if step is None:
        return "the first one is trained when the history is complete"
    if step.stage == "failed":
        return f"the training of the first one failed: {step.note}"
    return "the first one is being trained"


def _monitor_reasons(ctx: AppContext, symbols: list[dict[str, Any]]) -> Iterator[str]:
    measured_ms = ctx.views.last_append_ms.get(MONITOR_WINDOWS.name)
    going_on = any(not row["ended"] for row in symbols)
    if measured_ms is None or not going_on or not ctx.bus.connected:
        return
    if ctx.wall_ms() - measured_ms > RATES_OLD_AFTER_MS:
        yield f"rates and canary are old: the monitor has said nothing since {iso(measured_ms)}"


def _symbol_reasons(symbols: list[dict[str, Any]]) -> Iterator[str]:
    for row in symbols:
        if row["stale"]:
            yield f"{row['symbol']} is {row['age_bars']:.1f} bars old"
        if row["features_complete_at_ms"] is not None:
            yield (
                f"{row['symbol']} has no signals: its features are complete again at "
                f"{iso(row['features_complete_at_ms'])}, if no bar goes missing"
            )
