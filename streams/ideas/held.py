"""An idea from its decision to its end: entry, the bars that it lives through, and its exit."""

from __future__ import annotations

from schemas.ideas import IdeaEvent
from schemas.ids import derived_id
from schemas.record import Record
from schemas.signals import Signal
from schemas.topics import IDEAS
from schemas.trades import ExitReason, TradeResult
from streams.costs import DEFAULT_COSTS, funding_paid
from streams.exits import NO_EXIT, STOP, TIME, BarPrices, ExitLevels, first_touch
from streams.ideas.result import trade_result


class HeldIdea(Record):
    """An idea that has not ended, and what its bars have shown.

    Excursions are fractions of the entry. ``funding`` is what was paid so far, ``funding_time_ms``
    the last settlement that was seen.
    """

    event: IdeaEvent
    cost: float
    funding_time_ms: int | None
    funding: float = 0.0
    adverse: float = 0.0
    favourable: float = 0.0

    @property
    def sign(self) -> int:
        """1 for a long idea, -1 for a short one."""
        return 1 if self.event.side == "buy" else -1

    @property
    def entry(self) -> float:
        """Price of the entry, of an idea that has been opened."""
        assert self.event.entry_price is not None  # noqa: S101 - its first bar opens it
        return self.event.entry_price


def decided(signal: Signal) -> HeldIdea:
    """Return the idea of a signal whose decision is ``act``."""
    cost = signal.round_trip_cost
    event = IdeaEvent.model_validate(
        {
            "idea_id": derived_id(
                IDEAS.name,
                signal.strategy,
                signal.symbol,
                signal.timeframe_ms,
                signal.signal_id,
            ),
            "action": "decided",
            "strategy": signal.strategy,
            "symbol": signal.symbol,
            "timeframe_ms": signal.timeframe_ms,
            "event_time_ms": signal.event_time_ms,
            "available_time_ms": signal.available_time_ms,
            "signal_id": signal.signal_id,
            "model_version": signal.model_version,
            "config_id": signal.config_id,
            "qualified": signal.qualified,
            "side": signal.direction,
            "grade": signal.grade,
            "confidence": signal.confidence,
            "regime": signal.regime.most_probable,
            "rank": signal.rank,
            "expected_net_return": signal.expected_net_return,
            "reference_price": signal.reference_price,
            "stop_price": signal.invalidation_price,
            "target_price": signal.target_price,
            "opened_ms": signal.event_time_ms,
            "expires_ms": signal.expires_ms,
        }
    )
    return HeldIdea(
        event=event,
        cost=DEFAULT_COSTS.round_trip if cost is None else cost,
        funding_time_ms=signal.context.funding_time_ms,
    )


def live_through(
    idea: HeldIdea, bar: Signal, *, follows: bool, reverses: bool
) -> tuple[HeldIdea | None, tuple[Record, ...]]:
    """Return an idea after one more bar, None once it has ended, and what is to be told of it.

    Args:
        idea: Decided or opened before this bar.
        bar: The signal of the bar, which carries its prices and its funding.
        follows: Whether it is the bar after the last one that the idea has seen.
        reverses: Whether the other side was decided at the close before: it ends at the open.
    """
    context, told = bar.context, list[Record]()
    if not follows or context.high is None or context.low is None:
        return None, (_shown(idea, bar, action="closed", exit_reason="unknown"),)
    if idea.event.action == "decided":
        idea = _entered(idea, bar)
        told.append(idea.event)
    prices = (context.open, context.low, context.high)
    left = _find_exit(idea, bar, prices, reverses=reverses)
    if left is None:
        return _held(idea, bar, prices), tuple(told)
    reason, price, inside = left
    if reason == "horizon":
        idea = _held(idea, bar, prices)
    return None, (*told, *_closed(idea, bar, reason, price, inside=inside))


def _entered(idea: HeldIdea, bar: Signal) -> HeldIdea:
    entry = bar.context.open
    risk = idea.sign * (entry - idea.event.stop_price) / entry
    opened = _shown(
        idea, bar, action="opened", entry_price=entry, risk=risk if risk > 0.0 else None
    )
    return idea.changed({"event": opened})


def _find_exit(
    idea: HeldIdea, bar: Signal, prices: tuple[float, float, float], *, reverses: bool
) -> tuple[ExitReason, float, bool] | None:
    """Return why and at which price an idea ends in a bar, and whether that is after its open.

    ``prices`` are open, low and high of the bar.
    """
    event = idea.event
    levels = ExitLevels(event.stop_price, STOP, event.target_price)
    why, price = first_touch(float(idea.sign), BarPrices(*prices), levels, int(reverses))
    if why == NO_EXIT:
        ends = bar.event_time_ms >= event.expires_ms
        return ("horizon", bar.context.close, True) if ends else None
    reason: ExitReason = "invalidation" if why == STOP else "target"
    return "reversal" if why == TIME else reason, price, price != prices[0]


def _held(idea: HeldIdea, bar: Signal, prices: tuple[float, float, float]) -> HeldIdea:
    """Return an idea that was held until the close of a bar."""
    context = bar.context
    changed = _excursions(idea, *prices)
    stamp_ms, rate = context.funding_time_ms, context.funding_rate
    if stamp_ms is not None and stamp_ms != idea.funding_time_ms:
        changed["funding_time_ms"] = stamp_ms
        # A position pays no settlement at or before its entry.
        if rate is not None and stamp_ms > idea.event.opened_ms:
            changed["funding"] = idea.funding + funding_paid(idea.event.side, rate)
    return idea.changed(changed)


def _excursions(idea: HeldIdea, *prices: float) -> dict[str, object]:
    sign, entry = idea.sign, idea.entry
    gains = [sign * (price / entry - 1.0) for price in prices]
    return {
        "adverse": max(idea.adverse, -min(gains)),
        "favourable": max(idea.favourable, *gains),
    }


def _closed(
    idea: HeldIdea, bar: Signal, reason: ExitReason, price: float, *, inside: bool
) -> tuple[IdeaEvent, TradeResult]:
    # Of the bar in which it ends inside, only the price of its end is sure to have come before.
    idea = idea.changed(_excursions(idea, price))
    gross = idea.sign * (price / idea.entry - 1.0) + 0.0  # a fall times zero is -0.0
    net, risk = gross - idea.cost - idea.funding, idea.event.risk
    event = _shown(
        idea,
        bar,
        action="closed",
        closed_ms=bar.event_time_ms if inside else bar.event_time_ms - bar.timeframe_ms,
        exit_price=price,
        exit_reason=reason,
        gross_return=gross,
        cost=idea.cost,
        funding=idea.funding,
        net_return=net,
        r_multiple=None if risk is None else net / risk,
        adverse_excursion=idea.adverse,
        favourable_excursion=idea.favourable,
    )
    return event, trade_result(event)


def _shown(idea: HeldIdea, bar: Signal, **values: object) -> IdeaEvent:
    times = {"event_time_ms": bar.event_time_ms, "available_time_ms": bar.available_time_ms}
    return idea.event.changed(times | values)
