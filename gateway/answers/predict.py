"""The answer of ``/api/v1/predict``: from the view, or from a worker for an override."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from gateway.answers.as_of import SKEW_MS
from gateway.answers.explain import explain_override, find_explanation
from gateway.answers.risk import risk_advice
from gateway.context import AppContext
from gateway.envelope import iso, raw
from gateway.errors import Refused, TooSlow, Unavailable, Unknown
from gateway.views import clock
from gateway.views.compact import CompactSignal
from gateway.views.series_view import SeriesView
from schemas.answers import PredictionAnswer
from schemas.predictions import ClassProbabilities, Prediction, PredictionReply
from schemas.specialists import Answerer
from schemas.status import LoadedModel
from schemas.timeframes import timeframe_name
from streams.confidence import choose_direction
from streams.signals.risk import price_levels, risk_notes

ACTIONS = {"buy": "BUY", "sell": "SELL", "neutral": "HOLD"}


@dataclass(frozen=True)
class PredictQuery:
    """One validated request."""

    symbol: str
    timeframe: str | None
    as_of_ms: int | None
    model: str | None
    risk_check: bool
    explain: bool
    trace_id: str
    client: str | None


async def answer(ctx: AppContext, query: PredictQuery) -> dict[str, Any]:
    """Return the body of the answer; raises a ``GatewayError``."""
    started = time.perf_counter()
    view = ctx.series(query.symbol, query.timeframe)
    named = _named(ctx, query.model, view.timeframe_ms)
    with ctx.metrics.timed_stage("inference"):
        signal, age = _signal(ctx, view, query.as_of_ms)
        fields = orjson.loads(signal.raw)
        prediction: Prediction | None = None
        if named is not None and named != (signal.model_version, None):
            prediction = await _override(ctx, query, signal, named)
            fields = _ungraded(prediction)
    with ctx.metrics.timed_stage("regime"):
        regime = _regime(fields["regime"])
    body = _body(fields, regime)
    with ctx.metrics.timed_stage("risk"):
        body |= _advice(ctx, query, fields)
    body["explanation"], body["explanation_status"] = None, "not_requested"
    if query.explain:
        if prediction is None:
            explanation = await find_explanation(ctx, signal, query.trace_id)
        else:
            explanation = await explain_override(ctx, prediction, query.trace_id)
        body["explanation"] = raw(explanation)
        body["explanation_status"] = "pending" if explanation is None else "ready"
    body["stale"] = age.stale
    body["metadata"] |= {
        "age_bars": round(age.bars, 3),
        "latency_ms": round((time.perf_counter() - started) * 1000, 3),
        "timestamp": iso(ctx.wall_ms()),
    }
    ctx.answers.put(_answer_record(ctx, query, fields, body))
    return body


class NamedModel(NamedTuple):
    """What an override names: a version, and which part of it; None: as the model selects."""

    version: str
    answerer: Answerer | None


def _named(ctx: AppContext, model: str | None, timeframe_ms: int) -> NamedModel | None:
    """Return what an override names; raises ``Refused`` for what is not loaded."""
    if model is None:
        return None
    views = ctx.views
    loaded = {
        name: candidate
        for name, candidate in views.models.by_name().items()
        if views.models.timeframe_ms(candidate) == timeframe_ms
    }
    for name, candidate in loaded.items():
        if model in {name, candidate.name, candidate.version}:
            return NamedModel(candidate.version, None)
        parts: list[Answerer] = ["universal", *(each.name for each in candidate.specialists)]
        for part in parts:
            if model in {part, candidate.part_name(name, part)}:
                return NamedModel(candidate.version, part)
    listed = ", ".join(_listed(name, candidate) for name, candidate in loaded.items()) or "none"
    raise Refused(
        f"strategy_override: model {model!r} is not loaded for {timeframe_name(timeframe_ms)}; "
        f"loaded: {listed}"
    )


def _listed(name: str, model: LoadedModel) -> str:
    parts = [model.part_name(name, each.name) for each in model.specialists]
    return ", ".join([f"{name} ({model.version})", *parts])


def _signal(
    ctx: AppContext, view: SeriesView, as_of_ms: int | None
) -> tuple[CompactSignal, clock.Age]:
    """Return the newest signal at or before the moment, and its age at that moment."""
    symbol = view.symbol
    newest = view.signals.newest()
    now_ms = ctx.market_ms()
    assert now_ms is not None  # noqa: S101 - the symbol is known by its bars
    if as_of_ms is not None and as_of_ms > now_ms + SKEW_MS:
        raise Refused(f"timestamp: {iso(as_of_ms)} is in the future; market time is {iso(now_ms)}")
    if newest is None:
        raise _no_prediction_yet(ctx, view)
    signal = newest if as_of_ms is None else view.signals.at_or_before(as_of_ms)
    if signal is None:
        oldest = view.signals.items[0].event_time_ms
        raise Unknown(
            f"timestamp: no prediction of {symbol} is held at or before {iso(as_of_ms or 0)}; "
            f"the oldest is of {iso(oldest)}"
        )
    moment = now_ms if as_of_ms is None else min(as_of_ms, now_ms)
    age = clock.age(signal.event_time_ms, signal.timeframe_ms, moment)
    if age.dead and ctx.views.ended_ms(symbol) is not None:
        raise Unavailable(
            f"{symbol} has ended: its last prediction is of {iso(signal.event_time_ms)}, and no "
            f"more bars come; ask with timestamp for a moment before"
        )
    if age.dead:
        raise Unavailable(
            f"the newest prediction of {symbol} is {age.bars:.1f} bars old, more than "
            f"{clock.DEAD_BARS:.0f}; see GET /health for what is behind"
        )
    return signal, age


def _no_prediction_yet(ctx: AppContext, view: SeriesView) -> Unavailable:
    if ctx.views.models.serving_at(view.timeframe_ms):
        return Unavailable(f"no prediction of {view.symbol} yet: {_absence(ctx, view)}")
    progress = ctx.views.models.training_at(view.timeframe_ms)
    if progress is None:
        return Unavailable("training: the first model waits for enough history", progress=None)
    step = {"stage": progress.stage, "done": progress.done, "note": progress.note}
    return Unavailable(
        f"training: the first model is at {progress.stage}, {progress.done:.0%}", progress=step
    )


def _absence(ctx: AppContext, view: SeriesView) -> str:
    for change in ctx.views.models.serving_at(view.timeframe_ms):
        if reason := change.model.left_out.get(view.symbol):
            return f"model {change.model.model_version} was trained without it: {reason}"
    return "no bar with complete features has closed since its model came into service"


async def _override(
    ctx: AppContext, query: PredictQuery, signal: CompactSignal, named: NamedModel
) -> Prediction:
    """Return the prediction that another model, or a part of one, makes of the signal's bar."""
    # The schema is part of the key, because releases with different schemas share one Redis.
    shape = Prediction.schema_name()
    bar = f"{signal.symbol}:{signal.timeframe_ms}:{signal.event_time_ms}"
    version = named.version
    key = f"override:{shape}:{bar}:{version}:{named.answerer or 'selected'}"
    cached = await ctx.cache.get(key)
    if cached is not None:
        return Prediction.decode(cached)
    reply = await ctx.worker_client.prediction(
        signal,
        version,
        answerer=named.answerer,
        explain=query.explain,
        trace_id=query.trace_id,
    )
    prediction = _prediction(reply, version, query.as_of_ms)
    await ctx.cache.put(key, prediction.encode())
    return prediction


def _prediction(reply: PredictionReply | None, version: str, as_of_ms: int | None) -> Prediction:
    """Return the prediction of a reply; raises the error that tells why it has none."""
    if reply is None or reply.status == "expired":
        raise TooSlow(f"strategy_override: {version} was not answered within 100 ms; try again")
    if reply.status == "unknown_model":
        raise Refused(f"strategy_override: {reply.detail or version + ' is not loaded'}")
    if reply.status == "unknown_bar" and as_of_ms is None:
        raise Unavailable("a newer bar is just being predicted; try again")
    if reply.status == "unknown_bar":
        raise Unknown(f"timestamp: {reply.detail or 'inference does not hold this bar any more'}")
    if reply.prediction is None:
        raise Unavailable(f"inference could not answer: {reply.detail or reply.status}")
    return reply.prediction


def _body(signal: dict[str, Any], regime: dict[str, Any]) -> dict[str, Any]:
    return {
        "decision_id": signal["prediction_id"],
        "symbol": signal["symbol"],
        "action": ACTIONS[signal["direction"]],
        "confidence": signal["confidence"],
        "recommended_quantity": None,
        "regime_probabilities": regime,
        "strategy_weights": signal["strategy_weights"],
        "metadata": {
            "model_version": signal["model_version"],
            "answered_by": signal.get("answered_by"),
            "why": signal.get("why"),
            "bar_time": iso(signal["event_time_ms"]),
            "timeframe": timeframe_name(signal["timeframe_ms"]),
            "timeframe_ms": signal["timeframe_ms"],
            "signal_id": signal["signal_id"],
            "grade": signal["grade"],
            "qualified": signal["qualified"],
            "horizon_bars": signal["horizon_bars"],
            "reference_price": signal["reference_price"],
            "probabilities": signal["probabilities"],
            "members": signal["members"],
            # Signals that are older than these two lack them.
            "confidence_interval": signal.get("confidence_interval"),
            "expected_net_return": signal.get("expected_net_return"),
            "device": signal["device"],
        },
    }


def _ungraded(prediction: Prediction) -> dict[str, Any]:
    """Return a prediction as the fields of a signal that nobody has graded."""
    direction, confidence = choose_direction(prediction.probabilities)
    invalidation, _ = price_levels(prediction, direction)
    return prediction.model_dump() | {
        "direction": direction,
        "confidence": confidence,
        "signal_id": None,
        "grade": None,
        "reference_price": prediction.context.close,
        "invalidation_price": invalidation,
        "risk_notes": risk_notes(prediction, direction),
    }


def _regime(regime: dict[str, Any]) -> dict[str, Any]:
    return {name: regime[name] for name in ("bull", "bear", "sideways", "entropy", "trend_state")}


def _advice(ctx: AppContext, query: PredictQuery, signal: dict[str, Any]) -> dict[str, Any]:
    """Return size and checks for the account as it is now, whatever bar the signal is of."""
    advice = risk_advice(ctx, signal)
    if not query.risk_check:
        return {"recommended_quantity": advice.quantity, "risk_validation": None}
    warnings = [
        f"{check.name}: {check.detail}" for check in advice.checks if check.outcome != "pass"
    ]
    return {
        "recommended_quantity": advice.quantity,
        "risk_validation": {
            "approved": advice.approved,
            "warnings": [*warnings, *signal["risk_notes"]],
            "checks": {check.name: check.outcome for check in advice.checks},
            "details": [check._asdict() for check in advice.checks],
            "quantity_note": advice.why,
        },
    }


def _answer_record(
    ctx: AppContext, query: PredictQuery, fields: dict[str, Any], body: dict[str, Any]
) -> PredictionAnswer:
    """Return what is kept of an answer; ``fields`` are those of its signal or prediction."""
    metadata, risk = body["metadata"], body["risk_validation"]
    return PredictionAnswer(
        correlation_id=query.trace_id,
        symbol=fields["symbol"],
        timeframe_ms=fields["timeframe_ms"],
        bar_time_ms=fields["event_time_ms"],
        event_time_ms=ctx.wall_ms(),
        client=query.client,
        replica=ctx.settings.replica,
        as_of_ms=query.as_of_ms,
        model_override=query.model,
        prediction_id=fields["prediction_id"],
        signal_id=fields["signal_id"],
        action=body["action"],
        confidence=fields["confidence"],
        probabilities=ClassProbabilities(**fields["probabilities"]),
        grade=fields["grade"],
        recommended_quantity=body["recommended_quantity"],
        risk_approved=None if risk is None else risk["approved"],
        explanation_status=body["explanation_status"],
        stale=body["stale"],
        age_bars=metadata["age_bars"],
        strategy=fields["strategy"],
        model_version=fields["model_version"],
        qualified=fields["qualified"],
        feature_set_id=fields["feature_set_id"],
        regime_parameters_version=fields["regime"].get("parameters_version"),
        latency_ms=metadata["latency_ms"],
    )
