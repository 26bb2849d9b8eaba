"""What a human made of ideas: those followed beside what they came to, and those let pass.

A human chose which is which, so that it says how that went, and proves nothing about the choice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from streams.evaluation.interval import Interval
from streams.evaluation.trade_outcome import TradeOutcome
from streams.evaluation.trade_summary import mean_by_days


@dataclass(frozen=True)
class FollowedIdeas:
    """Trades about ideas that have ended, each beside its idea; returns are net, as means.

    Attributes:
        trades: How many.
        own_return: Of the human's trades, a fraction; None without one.
        idea_return: Of their ideas.
        difference: Of both: what the human added.
        difference_interval: By days of the human's exits, at every look (95 %).
    """

    trades: int
    own_return: float | None
    idea_return: float | None
    difference: float | None
    difference_interval: Interval | None


@dataclass(frozen=True)
class PassedIdeas:
    """Ideas that a human let pass, and what they came to.

    Attributes:
        ideas: How many of them have ended.
        winners, losers: Those that earned more and less than 0 after costs.
        net_return: Mean, a fraction; None without one.
    """

    ideas: int
    winners: int
    losers: int
    net_return: float | None


def followed(pairs: Sequence[tuple[TradeOutcome, TradeOutcome]]) -> FollowedIdeas:
    """Return how trades compare with their ideas: (trade, idea) each."""
    ended = sorted(pairs)
    own = [trade.net_return for trade, _ in ended]
    ideas = [idea.net_return for _, idea in ended]
    added = [one - other for one, other in zip(own, ideas, strict=True)]
    return FollowedIdeas(
        trades=len(ended),
        own_return=_mean(own),
        idea_return=_mean(ideas),
        difference=_mean(added),
        difference_interval=mean_by_days([trade.closed_ms for trade, _ in ended], added),
    )


def passed(ideas: Sequence[TradeOutcome]) -> PassedIdeas:
    """Return what ideas that were let pass came to."""
    net = [idea.net_return for idea in ideas]
    return PassedIdeas(
        ideas=len(net),
        winners=sum(value > 0.0 for value in net),
        losers=sum(value < 0.0 for value in net),
        net_return=_mean(net),
    )


def _mean(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None
