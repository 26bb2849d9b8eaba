"""An idea from its decision to its end: entry, the bars that it lives through, and its exit."""

from __future__ import annotations

from math import isfinite
from operator import itemgetter

from schemas.ideas import IdeaEvent
from schemas.ids import derived_id
from schemas.record import Record
from schemas.signals import Signal
from schemas.topics import IDEAS
from schemas.trades import ExitReason, TradeResult
from streams.costs import DEFAULT_COSTS, funding_paid
from streams.exits import NO_EXIT, ROI, STOP, TIME, BarPrices, ExitLevels, first_touch
from streams.ideas.result import trade_result
from streams.processor import RecordRejected

# What a bar of a running idea reads of a record's fields. Read at once, and without a call in
# between, they cost half of what they cost one after the other.
_BAR = itemgetter("open", "low", "high", "funding_time_ms")
_HELD = itemgetter("event", "adverse", "favourable", "funding_time_ms")
_LEVELS = itemgetter("action", "side", "stop_price", "target_price", "expires_ms", "entry_price")

_REASONS: dict[int, ExitReason] = {STOP: "invalidation", ROI: "target", TIME: "reversal"}
# What only an opened or a closed idea has.
_NOT_YET = {name: None for name, field in IdeaEvent.model_fields.items() if not field.is_required()}


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
    """Return the idea of a signal whose decision is ``act``.

    Raises: RecordRejected for one without what such a decision promises.
    """
    side, expected = signal.direction, signal.expected_net_return
    stop, target = signal.invalidation_price, signal.target_price
    levels = stop is not None and target is not None and min(stop, target) > 0.0
    if side == "neutral" or expected is None or not levels:
        raise RecordRejected("it says act without a side, levels above 0 or an expected return")
    event = IdeaEvent.unchecked(
        idea_id=derived_id(
            IDEAS.name,
            signal.strategy,
            signal.symbol,
            signal.timeframe_ms,
            signal.signal_id,
        ),
        action="decided",
        strategy=signal.strategy,
        symbol=signal.symbol,
        timeframe_ms=signal.timeframe_ms,
        event_time_ms=signal.event_time_ms,
        available_time_ms=signal.available_time_ms,
        signal_id=signal.signal_id,
        model_version=signal.model_version,
        config_id=signal.config_id,
        qualified=signal.qualified,
        side=side,
        grade=signal.grade,
        confidence=signal.confidence,
        regime=signal.regime.most_probable,
        rank=signal.rank,
        expected_net_return=expected,
        reference_price=signal.reference_price,
        stop_price=stop,
        target_price=target,
        opened_ms=signal.event_time_ms,
        expires_ms=signal.expires_ms,
        **_NOT_YET,
    )
    cost = signal.round_trip_cost
    return HeldIdea.unchecked(
        event=event,
        cost=DEFAULT_COSTS.round_trip if cost is None else cost,
        funding_time_ms=signal.context.funding_time_ms,
        funding=0.0,
        adverse=0.0,
        favourable=0.0,
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
    opened, low, high, stamp_ms = _BAR(bar.context.__dict__)
    if not follows or high is None or low is None:
        return None, (_shown(idea, bar, action="closed", exit_reason="unknown"),)
    told: tuple[Record, ...] = ()
    event, adverse, favourable, stamp_before = _HELD(idea.__dict__)
    action, side, stop, target, expires_ms, entry = _LEVELS(event.__dict__)
    if action == "decided":
        entry, idea = opened, _entered(idea, bar)
        told = (idea.event,)
    sign = 1.0 if side == "buy" else -1.0
    prices, levels = BarPrices(opened, low, high), ExitLevels(stop, STOP, target)
    why, price = first_touch(sign, prices, levels, int(reverses))
    if why != NO_EXIT:
        return None, told + _closed(idea, bar, _REASONS[why], price, inside=price != opened)
    falls, rises = 1.0 - low / entry, high / entry - 1.0
    against, its_way = (falls, rises) if side == "buy" else (rises, falls)
    if against > adverse or its_way > favourable:
        idea = idea.changed(
            {"adverse": max(adverse, against), "favourable": max(favourable, its_way)}
        )
    if stamp_ms is not None and stamp_ms != stamp_before:
        idea = _funded(idea, bar, stamp_ms)
    if bar.event_time_ms >= expires_ms:
        return None, told + _closed(idea, bar, "horizon", bar.context.close, inside=True)
    return idea, told


def _entered(idea: HeldIdea, bar: Signal) -> HeldIdea:
    entry = bar.context.open
    risk = idea.sign * (entry - idea.event.stop_price) / entry
    opened = _shown(
        idea, bar, action="opened", entry_price=entry, risk=risk if risk > 0.0 else None
    )
    return idea.changed({"event": opened})


def _funded(idea: HeldIdea, bar: Signal, stamp_ms: int) -> HeldIdea:
    """Return an idea after a settlement of funding."""
    rate, paid = bar.context.funding_rate, idea.funding
    # A position pays no settlement at or before its entry.
    if rate is not None and stamp_ms > idea.event.opened_ms:
        paid += funding_paid(idea.event.side, rate)
    return idea.changed({"funding_time_ms": stamp_ms, "funding": paid})


def _closed(
    idea: HeldIdea, bar: Signal, reason: ExitReason, price: float, *, inside: bool
) -> tuple[IdeaEvent, TradeResult]:
    # Of the bar in which it ends inside, only the price of its end is sure to have come before.
    gross = idea.sign * (price / idea.entry - 1.0) + 0.0  # a fall times zero is -0.0
    net, risk = gross - idea.cost - idea.funding, idea.event.risk
    if not isfinite(net):
        raise RecordRejected(f"an idea from {idea.entry} to {price} has no finite return")
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
        adverse_excursion=max(idea.adverse, -gross),
        favourable_excursion=max(idea.favourable, gross),
    )
    return event, trade_result(event)


def _shown(idea: HeldIdea, bar: Signal, **values: object) -> IdeaEvent:
    times = {"event_time_ms": bar.event_time_ms, "available_time_ms": bar.available_time_ms}
    return idea.event.changed(times | values)
