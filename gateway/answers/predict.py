"""What ``/api/v1/predict`` answers: from the view, or from a worker for an override."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.answers.explain import explanation_of
from gateway.context import Parts
from gateway.envelope import iso, raw
from gateway.errors import Refused, TooSlow, Unavailable, Unknown
from gateway.views import clock
from gateway.views.views import HeldSignal, SymbolView
from schemas.predictions import Prediction, PredictionReply

ACTIONS = {"buy": "BUY", "sell": "SELL", "neutral": "HOLD"}
SKEW_MS = 1_000  # how far a caller's clock may be ahead of the market's


@dataclass(frozen=True)
class Question:
    """One validated request."""

    symbol: str
    asked_ms: int | None
    model: str | None
    risk_check: bool
    explain: bool
    trace_id: str


async def answer(given: Parts, question: Question) -> dict[str, Any]:
    """Return the body; raises what ``gateway.errors`` lists."""
    started = time.perf_counter()
    symbol, view = given.symbol(question.symbol)
    version = _version(given, question.model)
    signal, age = _signal(given, view, symbol, question.asked_ms)
    shown = orjson.loads(signal.raw)
    if version is None or version == signal.model_version:
        body = _from_signal(shown)
        explained = signal
    else:
        body, explained = await _override(given, question, signal, version)
    body["risk_validation"] = _risk(shown) if question.risk_check else None
    body["explanation"], body["explanation_status"] = None, "not_requested"
    if question.explain:
        made = await explanation_of(given, explained, question.trace_id)
        body["explanation"] = raw(made)
        body["explanation_status"] = "pending" if made is None else "ready"
    body["stale"] = age.stale
    body["metadata"] |= {
        "age_bars": round(age.bars, 3),
        "latency_ms": round((time.perf_counter() - started) * 1000, 3),
        "timestamp": iso(given.wall_ms()),
    }
    return body


def _version(given: Parts, model: str | None) -> str | None:
    """Return the version of the model that was named; raises ``Refused`` for one not loaded."""
    if model is None:
        return None
    loaded = given.views.named()
    for name, one in loaded.items():
        if model in {name, one.version}:
            return one.version
    names = ", ".join(f"{name} ({one.version})" for name, one in loaded.items()) or "none"
    raise Refused(f"strategy_override: model {model!r} is not loaded; loaded: {names}")


def _signal(
    given: Parts, view: SymbolView, symbol: str, asked_ms: int | None
) -> tuple[HeldSignal, clock.Age]:
    """Return the newest signal at or before the moment, and its age at that moment."""
    newest = view.signals.newest()
    now_ms = given.market_ms()
    assert now_ms is not None  # noqa: S101 - the symbol is known by its bars
    if asked_ms is not None and asked_ms > now_ms + SKEW_MS:
        raise Refused(f"timestamp: {iso(asked_ms)} is in the future; market time is {iso(now_ms)}")
    if newest is None:
        raise _not_yet(given, symbol)
    signal = newest if asked_ms is None else view.signals.at_or_before(asked_ms)
    if signal is None:
        oldest = view.signals.items[0].event_time_ms
        raise Unknown(
            f"timestamp: no prediction of {symbol} is held at or before {iso(asked_ms or 0)}; "
            f"the oldest is of {iso(oldest)}"
        )
    moment = now_ms if asked_ms is None else min(asked_ms, now_ms)
    age = clock.age(signal.event_time_ms, signal.timeframe_ms, moment)
    if age.dead:
        raise Unavailable(
            f"the newest prediction of {symbol} is {age.bars:.1f} bars old, more than "
            f"{clock.DEAD_BARS:.0f}; see GET /health for what is behind"
        )
    return signal, age


def _not_yet(given: Parts, symbol: str) -> Unavailable:
    if given.views.serving:
        return Unavailable(f"no prediction of {symbol} yet: its features are warming up")
    progress = given.views.training
    if progress is None:
        return Unavailable("training: the first model waits for enough history", progress=None)
    step = {"stage": progress.stage, "done": progress.done, "note": progress.note}
    return Unavailable(
        f"training: the first model is at {progress.stage}, {progress.done:.0%}", progress=step
    )


async def _override(
    given: Parts, question: Question, signal: HeldSignal, version: str
) -> tuple[dict[str, Any], HeldSignal]:
    # The shape is part of the key: a release that reads another one must not trip over this.
    shape = Prediction.schema_name()
    key = f"override:{shape}:{signal.symbol}:{signal.event_time_ms}:{version}"
    cached = await given.cache.get(key)
    if cached is not None:
        prediction = Prediction.decode(cached)
    else:
        reply = await given.questions.prediction(
            signal, version, explain=question.explain, trace_id=question.trace_id
        )
        prediction = _answered(reply, version, question.asked_ms)
        await given.cache.put(key, prediction.encode())
    explained = HeldSignal(
        raw=b"",
        signal_id="",
        prediction_id=prediction.prediction_id,
        symbol=signal.symbol,
        timeframe_ms=signal.timeframe_ms,
        event_time_ms=signal.event_time_ms,
        model_version=prediction.model_version,
        direction="",
        grade="",
        partition=-1,
        offset=-1,
    )
    return _from_prediction(prediction), explained


def _answered(reply: PredictionReply | None, version: str, asked_ms: int | None) -> Prediction:
    if reply is None or reply.status == "expired":
        raise TooSlow(f"strategy_override: {version} was not answered within 100 ms; try again")
    if reply.status == "unknown_model":
        raise Refused(f"strategy_override: {reply.detail or version + ' is not loaded'}")
    if reply.status == "unknown_bar" and asked_ms is None:
        raise Unavailable("a newer bar is just being predicted; try again")
    if reply.status == "unknown_bar":
        raise Unknown(f"timestamp: {reply.detail or 'inference does not hold this bar any more'}")
    if reply.prediction is None:
        raise Unavailable(f"inference could not answer: {reply.detail or reply.status}")
    return reply.prediction


def _from_signal(signal: dict[str, Any]) -> dict[str, Any]:
    return {
        "decision_id": signal["prediction_id"],
        "symbol": signal["symbol"],
        "action": ACTIONS[signal["direction"]],
        "confidence": signal["confidence"],
        "recommended_quantity": signal["recommended_quantity"],
        "regime_probabilities": _regime(signal["regime"]),
        "strategy_weights": signal["strategy_weights"],
        "metadata": {
            "model_version": signal["model_version"],
            "bar_time": iso(signal["event_time_ms"]),
            "timeframe_ms": signal["timeframe_ms"],
            "signal_id": signal["signal_id"],
            "grade": signal["grade"],
            "qualified": signal["qualified"],
            "horizon_bars": signal["horizon_bars"],
            "reference_price": signal["reference_price"],
            "probabilities": signal["probabilities"],
            "members": signal["members"],
            "device": signal["device"],
        },
    }


def _from_prediction(prediction: Prediction) -> dict[str, Any]:
    chances = prediction.probabilities
    direction = _direction(chances.sell, chances.neutral, chances.buy)
    body = prediction.model_dump()
    return _from_signal(
        body
        | {
            "direction": direction,
            "confidence": getattr(chances, direction),
            "recommended_quantity": None,
            "signal_id": None,
            "grade": None,
            "reference_price": prediction.context.close,
        }
    )


def _direction(sell: float, neutral: float, buy: float) -> str:
    """Return the likeliest class; a tie is no direction."""
    if buy > max(sell, neutral):
        return "buy"
    return "sell" if sell > max(buy, neutral) else "neutral"


def _regime(regime: dict[str, Any]) -> dict[str, Any]:
    return {name: regime[name] for name in ("bull", "bear", "sideways", "entropy", "trend_state")}


def _risk(signal: dict[str, Any]) -> dict[str, Any]:
    warnings = [
        f"{check['name']}: {check['detail']}"
        for check in signal["risk_checks"]
        if check["outcome"] != "pass"
    ]
    return {
        "approved": signal["risk_approved"],
        "warnings": [*warnings, *signal["risk_notes"]],
        "checks": {check["name"]: check["outcome"] for check in signal["risk_checks"]},
    }
