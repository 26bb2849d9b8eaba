"""The timeframes of a market side by side: what is known at each one's newest close, and no later.

Indicators are read by ``readings``; here the parts come together, and what is not there is named.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import orjson

from gateway.answers.model_state import ModelState, model_state
from gateway.answers.readings import (
    AGREEMENT_RULE,
    DIRECTION_RULE,
    RULES,
    agreement,
    direction,
    direction_balance,
    read_families,
)
from gateway.context import AppContext
from gateway.envelope import iso
from gateway.views.series_view import SeriesView

CHANNELS = (20, 52)  # bars: Donchian's four weeks of days, and a year of weeks
LEVELS_RULE = (
    "Donchian channel: resistance is the highest high, support the lowest low of the newest bars, "
    "the last one included; null while too few are held or one of them is missing. Distances are "
    "from the close, in per cent of it"
)
REGIMES = ("bull", "bear", "sideways")
SIGNAL_FIELDS = (
    *("signal_id", "event_time_ms", "direction", "grade", "confidence", "qualified"),
    *("model_version", "horizon_bars", "expires_ms", "reference_price", "invalidation_price"),
    "target_price",
)
RANK_BARS = 100  # of the feature natr_rank_100


def analysis(ctx: AppContext, ticker: str) -> dict[str, Any]:
    """Return the body of the answer; raises ``Unknown`` or ``Unavailable``."""
    symbol = ctx.symbol(ticker)
    views = ctx.views
    timeframes = [
        _timeframe(ctx, views.series(symbol, length), model_state(views, length))
        for length in views.timeframes
    ]
    votes = {each["timeframe"]: None if each["stale"] else each["direction"] for each in timeframes}
    return {
        "symbol": symbol,
        "market_ms": ctx.market_ms(),
        "agreement": {
            "score": agreement(votes.values()),
            "votes": votes,
            "definition": AGREEMENT_RULE,
        },
        "timeframes": timeframes,
        "definitions": {
            "direction": DIRECTION_RULE,
            "levels": LEVELS_RULE,
            "indicators": {
                rule.name: {"rule": rule.text, "source": rule.source, "minus": rule.minus}
                for rule in RULES
            },
        },
    }


def _timeframe(ctx: AppContext, view: SeriesView, model: ModelState) -> dict[str, Any]:
    newest, vector = view.bars.newest(), view.features.newest()
    bar = None if newest is None else orjson.loads(newest.raw)
    values = {} if vector is None else vector.values()
    families = read_families(values)
    balance = direction_balance(families)
    return {
        "timeframe": view.timeframe,
        "timeframe_ms": view.timeframe_ms,
        "base": view.timeframe_ms == ctx.views.base_ms,
        "close_ms": None if bar is None else bar["event_time_ms"],
        "close": None if bar is None else bar["close"],
        "stale": ctx.stale(view, view.bars) and not ctx.views.ended(view),
        "detail": "; ".join(_absences(view, model)),
        "model": model.model_dump(),
        "direction": direction(balance),
        "balance": balance,
        "regime": _regime(view),
        "signal": _signal(view, ctx.market_ms()),
        "families": [asdict(family) for family in families],
        "levels": [channel_levels(_newest_bars(view, bars), bars) for bars in CHANNELS],
        "volatility": {
            "natr_14": values.get("natr_14"),
            "rank": values.get("natr_rank_100"),
            "rank_bars": RANK_BARS,
        },
        "funding": {
            "rate": None if bar is None else bar.get("funding_rate"),
            "settled_ms": None if bar is None else bar.get("funding_time_ms"),
        },
    }


def channel_levels(bars: Sequence[Mapping[str, Any]], length: int) -> dict[str, Any]:
    """Return support and resistance by a Donchian channel.

    Args:
        bars: The newest ones, oldest first.
        length: How many the channel spans; with fewer, or with a hole, its levels are null.
    """
    levels: dict[str, Any] = {"channel": "donchian", "bars": length, "from_ms": None}
    names = ("resistance", "support", "resistance_percent", "support_percent")
    if len(bars) < length or _spans_hole(bars):
        return levels | dict.fromkeys(names)
    close = bars[-1]["close"]
    high, low = max(bar["high"] for bar in bars), min(bar["low"] for bar in bars)
    return levels | {
        "from_ms": bars[0]["open_time_ms"],
        "resistance": high,
        "support": low,
        "resistance_percent": (high - close) / close * 100,
        "support_percent": (close - low) / close * 100,
    }


def _spans_hole(bars: Sequence[Mapping[str, Any]]) -> bool:
    spanned_ms = bars[-1]["event_time_ms"] - bars[0]["open_time_ms"]
    return bool(spanned_ms != len(bars) * bars[-1]["timeframe_ms"])


def _newest_bars(view: SeriesView, count: int) -> list[dict[str, Any]]:
    return [orjson.loads(bar.raw) for bar in view.bars.tail(count)]


def _regime(view: SeriesView) -> dict[str, Any] | None:
    newest = view.regimes.newest()
    if newest is None:
        return None
    regime = orjson.loads(newest)
    chances = {name: regime[name] for name in REGIMES}
    best = max(chances.values())
    likeliest = [name for name, chance in chances.items() if chance == best]
    return {
        "event_time_ms": regime["event_time_ms"],
        **chances,
        "entropy": regime["entropy"],
        "likeliest": likeliest[0] if len(likeliest) == 1 else None,
        "parameters_version": regime.get("parameters_version"),
        "trend_state": regime["trend_state"],
        "trend_bars": regime.get("trend_bars"),
    }


def _signal(view: SeriesView, market_ms: int | None) -> dict[str, Any] | None:
    newest = view.signals.newest()
    if newest is None:
        return None
    signal = orjson.loads(newest.raw)
    expired = market_ms is not None and market_ms >= signal["expires_ms"]
    return {name: signal.get(name) for name in SIGNAL_FIELDS} | {"expired": expired}


def _absences(view: SeriesView, model: ModelState) -> Iterator[str]:
    """Yield why something of a timeframe is not there yet."""
    if not view.bars.keys:
        yield "no bar yet: the history is being filled, or the first bar has not closed"
    if model.state != "serving":
        yield f"no model serves: {model.detail}"
    elif not view.signals.keys:
        yield "no signal yet: the model has served no bar"
    vector = view.features.newest()
    if vector is not None and vector.complete_at_ms is not None:
        yield f"indicators warm up until {iso(vector.complete_at_ms)}, if no bar goes missing"
