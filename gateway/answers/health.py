"""Health of the system, as the views and the bus know it, with every reason to worry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from gateway.answers.model_state import ModelState, model_state
from gateway.context import AppContext
from gateway.envelope import iso, stamp_text
from gateway.views import clock
from gateway.views.read_model import ReadModel
from schemas.drift import DriftReport
from schemas.status import process_name
from schemas.timeframes import HOUR_MS, timeframe_name
from schemas.topics import MONITOR_WINDOWS, PREDICTION_ANSWERS

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
    timeframes = [_timeframe(ctx, length, now_ms) for length in views.timeframes]
    reasons = list(_reasons(ctx, timeframes))
    return {
        "status": "starting" if not ctx.bus.ready else "degraded" if reasons else "healthy",
        "model_loaded": bool(views.models.loaded()),
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
        "timeframes": [each.row() for each in timeframes],
        "symbols": timeframes[0].symbols,
        "pending": list(_pending_reasons(timeframes)),
        "drift": _drift(views),
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
        "access": {"mode": ctx.access.mode, "limits": ctx.access.limits.state},
        "cache": ctx.cache.state,
        "websocket_clients": len(ctx.stream.clients),
    }


SHORT = ("status", "model_loaded", "gpu_available", "timestamp", "access")


def short_health(ctx: AppContext) -> dict[str, Any]:
    """Return what a caller may know who has not signed in: the documented four, and how to."""
    body = health(ctx)
    return {name: body[name] for name in SHORT}


@dataclass(frozen=True)
class TimeframeState:
    """One timeframe: its model, and how fresh each market is."""

    timeframe: str
    timeframe_ms: int
    base: bool
    model: ModelState
    symbols: list[dict[str, Any]]

    def row(self) -> dict[str, Any]:
        """Return the timeframe as the answer shows it."""
        sums = {name: sum(row[name] for row in self.symbols) for name in ("bars", "signals")}
        return asdict(self) | sums | {"model": self.model.model_dump()}

    @property
    def pending(self) -> bool:
        """Whether it is a higher timeframe on the way to its first model, which is no fault."""
        return not self.base and self.model.state not in {"serving", "failed"}


def _timeframe(ctx: AppContext, timeframe_ms: int, now_ms: int | None) -> TimeframeState:
    return TimeframeState(
        timeframe=timeframe_name(timeframe_ms),
        timeframe_ms=timeframe_ms,
        base=timeframe_ms == ctx.views.base_ms,
        model=model_state(ctx.views, timeframe_ms),
        symbols=list(_symbols(ctx, timeframe_ms, now_ms)),
    )


def symbol_states(ctx: AppContext) -> dict[tuple[str, str], str]:
    """Return by market and timeframe what it is.

    Live, stale, waiting for complete features, ended, or pending with its timeframe's first model.
    """
    now_ms = ctx.market_ms()
    timeframes = [_timeframe(ctx, length, now_ms) for length in ctx.views.timeframes]
    return {
        (row["symbol"], each.timeframe): _symbol_state(row, pending=each.pending)
        for each in timeframes
        for row in each.symbols
    }


def _symbol_state(row: Mapping[str, Any], *, pending: bool) -> str:
    if row["ended"]:
        return "ended"
    if pending:
        return "pending"
    if row["stale"]:
        return "stale"
    return "live" if row["features_complete_at_ms"] is None else "waiting"


def process_states(ctx: AppContext) -> dict[tuple[str], str]:
    """Return by process the state that the health shows."""
    return {(name,): _process(ctx, name)["state"] for name in ctx.views.statuses}


def _process(ctx: AppContext, name: str) -> dict[str, Any]:
    status = ctx.views.statuses[name]
    silent_ms = ctx.wall_ms() - ctx.views.status_ms[name]
    stopped = status.state == "stopping" and silent_ms > STOPPED_AFTER_MS
    silent = _is_silent(ctx, name)
    since = stamp_text(ctx.views.status_ms[name])
    return {
        "state": "stopped" if stopped else "silent" if silent else status.state,
        "detail": (
            f"it was {status.state} and says nothing since {since}: it hangs or has ended"
            if silent
            else status.detail
        ),
        "said_at": iso(ctx.views.status_ms[name]),
        "done": status.done,
        "device": status.device,
        "lag_records": ctx.bus.process_lag.get(process_name(name)),
    }


def _is_silent(ctx: AppContext, name: str) -> bool:
    """Whether a process that has not stopped says nothing for too long.

    One that has said nothing since the gateway began may be starting, as after a crash of all.
    """
    state, said_ms = ctx.views.statuses[name].state, ctx.views.status_ms[name]
    starts = state in {"starting", "restoring"} or said_ms < ctx.bus.began_ms
    limit_ms = STARTED_WITHIN_MS if starts else SILENT_AFTER_MS
    silent_ms = ctx.wall_ms() - max(said_ms, ctx.bus.began_ms)
    # Without a broker nothing is heard of anybody.
    return state != "stopping" and silent_ms > limit_ms and ctx.bus.connected


def _symbols(ctx: AppContext, timeframe_ms: int, now_ms: int | None) -> Iterator[dict[str, Any]]:
    for symbol in ctx.views.known_symbols():
        view = ctx.views.series(symbol, timeframe_ms)
        bar = view.bars.newest()
        if bar is None or now_ms is None:
            continue
        age = clock.age(bar.event_time_ms, timeframe_ms, now_ms)
        ended = ctx.views.ended(view)
        features = None if ended else view.features.newest()
        yield {
            "symbol": symbol,
            "timeframe": view.timeframe,
            "timeframe_ms": timeframe_ms,
            "bars": len(view.bars),
            "signals": len(view.signals),
            "last_bar_ms": bar.event_time_ms,
            "age_bars": round(age.bars, 3),
            "stale": age.stale and not ended,
            "ended": ended,
            "features_complete_at_ms": features.complete_at_ms if features else None,
            "last_price": orjson.loads(bar.raw)["close"],
        }


def _reasons(ctx: AppContext, timeframes: list[TimeframeState]) -> Iterator[str]:
    """Yield every reason why the system is not at its best."""
    views = ctx.views
    if not ctx.bus.connected:
        yield "the message broker does not answer; what is shown is the last state read"
    yield from _process_reasons(ctx)
    yield from _other_base_reasons(views, timeframes[0])
    for each in timeframes:
        if not each.pending:
            yield from _model_reasons(views, each)
            yield from _symbol_reasons(each)
    yield from _drift_reasons(views)
    yield from _monitor_reasons(ctx, timeframes[0].symbols)
    for topic, letters in views.dead_letters.counts().items():
        if letters.newest.kind == "bug":
            yield f"a step failed on {topic}: {letters.newest.cause}"
    yield from _unreadable_reasons(views, ctx.wall_ms())
    answers = ctx.answers
    if answers.lost and ctx.wall_ms() - answers.lost_ms <= WORRY_MS:
        yield (
            f"answers of /predict that are not on {PREDICTION_ANSWERS.name}: {answers.lost}, the "
            f"last at {stamp_text(answers.lost_ms)}; requests are answered all the same"
        )
    yield from ctx.access.worries()
    if ctx.cache.state == "degraded":
        yield "Redis is away; the cache is in memory"


def _harmful(views: ReadModel) -> list[DriftReport]:
    """Return the reports that give a reason to retrain a model that still serves."""
    serving = {each.model.model_version for each in views.models.serving.values()}
    return [r for r in views.drift.newest() if r.reasons and r.model_version in serving]


def _drift(views: ReadModel) -> dict[str, Any]:
    return {"reports": len(views.drift.reports), "harmful": len(_harmful(views))}


def _drift_reasons(views: ReadModel) -> Iterator[str]:
    for report in _harmful(views):
        yield (
            f"{report.model_version} of {report.symbol} {timeframe_name(report.timeframe_ms)} "
            f"should be retrained: {', '.join(report.reasons)}; /api/drift has the numbers"
        )


def _process_reasons(ctx: AppContext) -> Iterator[str]:
    said_ms = {name: ctx.views.status_ms[name] for name in sorted(ctx.views.statuses)}
    # What ends many of them at once is one reason.
    if silent := [name for name in said_ms if _is_silent(ctx, name)]:
        since = stamp_text(min(said_ms[name] for name in silent))
        yield (
            f"no word from {', '.join(silent)} since {since}: hung or ended; a run starts again "
            "what has ended, else look at the logs"
        )
    for name, status in sorted(ctx.views.statuses.items()):
        if name not in silent and status.state in {"degraded", "failed"}:
            yield f"{name} is {status.state}: {status.detail or 'no detail given'}"


def _unreadable_reasons(views: ReadModel, wall_ms: int) -> Iterator[str]:
    for topic, bad in views.unreadable.items():
        if wall_ms - bad.newest.appended_ms <= WORRY_MS:
            newest = f"{bad.newest.partition}@{bad.newest.offset}: {bad.newest.cause}"
            yield f"records of {topic} that are in no view: {bad.count}, the newest at {newest}"


def _pending_reasons(timeframes: list[TimeframeState]) -> Iterator[str]:
    """Yield what higher timeframes still lack at a first start."""
    for each in timeframes:
        if each.pending:
            yield f"{each.timeframe}: no model serves yet: {each.model.detail}"
            yield from _symbol_reasons(each)


def _other_base_reasons(views: ReadModel, base: TimeframeState) -> Iterator[str]:
    lengths = sorted({bar.timeframe_ms for bar in views.newest_bars()})
    if lengths and not base.symbols:
        names = ", ".join(timeframe_name(length) for length in lengths)
        yield (
            f"no bar of {base.timeframe} is held, only of {names}: the gateway answers for what "
            "REGIMEFLOW_TIMEFRAMES names"
        )


def _model_reasons(views: ReadModel, timeframe: TimeframeState) -> Iterator[str]:
    if timeframe.model.state != "serving":
        prefix = "" if timeframe.base else f"{timeframe.timeframe}: "
        yield f"{prefix}no model serves yet: {timeframe.model.detail}"
    for change in views.models.serving_at(timeframe.timeframe_ms):
        if not change.model.qualified:
            failed = ", ".join(gate for gate, passed in change.model.gates.items() if not passed)
            yield f"model {change.model.model_version} is unqualified: {failed}"
        if change.model.metrics.log_loss is None:
            yield (
                f"model {change.model.model_version} is not watched for drift: it has no record "
                "out of sample that its predictions could be compared with"
            )
        for symbol, reason in change.model.left_out.items():
            yield (
                f"model {change.model.model_version} was trained without {symbol}: {reason}; the "
                f"next training looks at it again"
            )


def _monitor_reasons(ctx: AppContext, symbols: list[dict[str, Any]]) -> Iterator[str]:
    measured_ms = ctx.views.last_append_ms.get(MONITOR_WINDOWS.name)
    going_on = any(not row["ended"] for row in symbols)
    if measured_ms is None or not going_on or not ctx.bus.connected:
        return
    if ctx.wall_ms() - measured_ms > RATES_OLD_AFTER_MS:
        since = stamp_text(measured_ms)
        yield f"rates and canary are old: the monitor has said nothing since {since}"


def _symbol_reasons(timeframe: TimeframeState) -> Iterator[str]:
    # While the past is being read the newest bar is old, and that is no fault.
    filling = timeframe.model.state in {"filling", "waiting"}
    for row in timeframe.symbols:
        market = row["symbol"] if timeframe.base else f"{row['symbol']} {timeframe.timeframe}"
        if row["stale"] and not filling:
            yield f"{market} is {row['age_bars']:.1f} bars old"
        if row["features_complete_at_ms"] is not None:
            yield (
                f"{market} has no signals: its features are complete again at "
                f"{stamp_text(row['features_complete_at_ms'])}, if no bar goes missing"
            )
