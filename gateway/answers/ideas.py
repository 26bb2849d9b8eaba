"""Ideas: what their routes show of one, and what ideas like it came to."""

from __future__ import annotations

from itertools import islice
from typing import Any

from pydantic import Field

from gateway.answers.trade_figures import TradeFigures, figures
from gateway.context import AppContext
from gateway.envelope import raw
from gateway.views.ideas import CompactIdea
from schemas.explanations import Explanation
from schemas.ideas import IdeaEvent
from schemas.signals import Signal
from schemas.timeframes import timeframe_name
from streams.evaluation.trade_summary import summarise

PAST_IDEAS = 1_000  # of one kind that are added up


class IdeaItem(IdeaEvent):
    """An idea as it stands, with its age."""

    timeframe: str
    age_bars: int = Field(description="Bars from its entry until now, or until its end")


class IdeaDetail(IdeaItem):
    """One idea with the signal that it is made of, and what those like it came to."""

    signal: Signal | None = Field(description="Null: it is no longer held; it is on its topic")
    explanation: Explanation | None = Field(description="Null until made, as of the signal")
    similar: TradeFigures = Field(
        description="Closed ideas of its strategy, symbol, timeframe and side"
    )


def item(ctx: AppContext, idea: CompactIdea) -> dict[str, Any]:
    """Return an idea as the routes show it."""
    event = IdeaEvent.decode(idea.raw)
    market_ms = ctx.market_ms()
    until_ms = event.closed_ms if event.closed_ms is not None else market_ms
    lasted_ms = max(0, (event.event_time_ms if until_ms is None else until_ms) - event.opened_ms)
    return {
        **event.model_dump(),
        "timeframe": timeframe_name(event.timeframe_ms),
        "age_bars": lasted_ms // event.timeframe_ms,
    }


def detail(ctx: AppContext, idea: CompactIdea) -> dict[str, Any]:
    """Return an idea with its signal, its explanation, and what those like it came to."""
    shown = item(ctx, idea)
    signal = ctx.views.signals.get(shown["signal_id"])
    return {
        **shown,
        "signal": raw(None if signal is None else signal.raw),
        "explanation": raw(None if signal is None else ctx.views.explanation(signal)),
        "similar": past_ideas(ctx, idea),
    }


def past_ideas(ctx: AppContext, idea: CompactIdea) -> dict[str, Any]:
    """Return what the newest closed ideas of an idea's kind came to, itself left out.

    They do not overlap. Those whose end is unknown are not among them.
    """
    alike = (
        each.idea_id
        for each in ctx.views.ideas.newest_first()
        if each.kind == idea.kind and not each.open and each is not idea
    )
    known = filter(None, (ctx.views.results.outcome("paper", idea_id) for idea_id in alike))
    return figures(summarise(islice(known, PAST_IDEAS)))
