"""The compiled loop of ``fills``: one pass over the bars, fills and liquidation as they come."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams import exits
from streams.exits import (
    LIQUIDATED,
    NO_EXIT,
    REVERSAL,
    ROI,
    SIGNAL,
    BarPrices,
    ExitTerms,
    HeldPosition,
)
from workers.research.fill_bars import Floats, OneBar, PriceColumns, bar_at, in_place, inlined

Fields = Any  # a numpy record; numba types it

exit_terms = inlined(exits.exit_terms)
exit_levels = inlined(exits.exit_levels)
first_touch = inlined(exits.first_touch)
best_price = inlined(exits.best_price)
mean_entry = inlined(exits.mean_entry)

TRADE = np.dtype(
    [
        ("entry_time_ms", "i8"),  # of the first fill
        ("exit_time_ms", "i8"),  # of the last fill; of the last close while open
        ("side", "i8"),  # +1 long, -1 short
        ("units", "f8"),  # bought or sold to enter, in all; base currency, > 0
        ("entry_price", "f8"),  # mean of the entries, slippage in it
        ("exit_price", "f8"),  # mean of the exits; what is still open at the last close
        ("fees", "f8"),
        ("slippage", "f8"),  # what the fills cost against the opens; within pnl already
        ("funding", "f8"),  # paid; negative when earned
        ("pnl", "f8"),  # net of all costs
        ("bars_held", "i8"),
        ("open", "?"),  # not closed when the bars ended
        ("liquidated", "?"),  # or bankrupt: all that the account held is lost
        ("exit_reason", "i1"),  # a place in ``streams.exits.EXIT_REASONS``
    ]
)

NEVER = -1

ACCOUNT = np.dtype(
    [
        ("cash", "f8"),  # quote currency; equity less the value of the position
        ("units", "f8"),
        ("target", "f8"),  # the decision that the order is of
        ("unsized", "?"),  # decided, and no bar to fill it in yet
        ("wanted", "f8"),  # units that the order leads to
        ("ordered", "f8"),  # units, of all orders
        ("filled", "f8"),
        ("trades", "i8"),  # begun
        ("entry_bar", "i8"),
        ("entry_value", "f8"),  # of the trade that is open
        ("entry", "f8"),  # its mean entry price, from which exits count
        ("best", "f8"),  # the most favourable price since
        ("leaving", "i8"),  # why it is being closed; ``NO_EXIT``: it is not
        ("exited", "f8"),
        ("exit_value", "f8"),
        ("liquidated_at", "i8"),
    ]
)


class Terms(NamedTuple):
    """A fill model as the kernel reads it."""

    fee: float
    slippage: float
    leverage: float
    participation: float  # infinite: no limit
    maintenance: float


class ExitPlan(NamedTuple):
    """Exits as the kernel reads them; None stands for none, and is compiled without any.

    Attributes:
        row: Of ``rules``, decided at each close as the target is, shape (n,).
        rules: The sets of exits.
    """

    row: NDArray[np.int64]
    rules: exits.ExitRules


class FillPoint(NamedTuple):
    """Where an order meets the market."""

    price: float  # before slippage
    time_ms: int
    stop: int  # the first bar without what ends here


@inlined
def exits_at(plan: ExitPlan, trades: Any, book: Fields, bar: OneBar) -> ExitTerms:
    """Return the exits of the position that is held now; of none where there is none."""
    age_ms = 0
    if book.units != 0.0:
        age_ms = bar.open_time_ms - trades[book.trades - 1].entry_time_ms
    terms: ExitTerms = exit_terms(plan.rules, plan.row[max(bar.number - 1, 0)], age_ms)
    return terms


@in_place
def run(  # noqa: PLR0917 - one call a run
    bars: PriceColumns,
    terms: Terms,
    plan: ExitPlan | None,
    target: Floats,
    account: Any,
    trades: Any,
    out: Any,
) -> None:
    """Run all bars; ``fills`` says what happens in each.

    Args:
        bars: Shape (n,) each.
        terms: Of the fill model.
        plan: Exits beside the decisions.
        target: Decided at each close, shape (n,).
        account: One record of dtype ``ACCOUNT`` with the start equity as cash; written.
        trades: Dtype ``TRADE``, shape (n,); the first ``account.trades`` are written.
        out: Equity, position and share traded, zeros of shape (n,); written.
    """
    equity, position, traded = out
    book = account[0]
    for t in range(len(target)):
        if t > 0 and target[t - 1] != book.target:
            book.target = target[t - 1]
            book.unsized = True
        bar = bar_at(bars, t)
        if plan is None:
            traded[t] = _open(book, trades, bar, terms, None)
            if book.liquidated_at == NEVER:
                traded[t] += _close(book, trades, bar, terms, None)
        else:
            limits = exits_at(plan, trades, book, bar)
            traded[t] = _open(book, trades, bar, terms, limits)
            if traded[t] != 0.0:  # the open may have begun another position
                limits = exits_at(plan, trades, book, bar)
            if book.liquidated_at == NEVER:
                traded[t] += _close(book, trades, bar, terms, limits)
        if book.liquidated_at != NEVER:
            break
        equity[t] = book.cash + book.units * bar.close
        position[t] = book.units
    if book.units != 0.0:
        last = len(target) - 1
        trade = trades[book.trades - 1]
        book.exited += abs(book.units)
        book.exit_value += abs(book.units) * bars.close[last]
        _end(book, trade, bars.open_time_ms[last] + bars.timeframe_ms, last + 1)
        trade.open = True


@in_place
def _open(book: Fields, trades: Any, bar: OneBar, terms: Terms, limits: ExitTerms | None) -> float:
    """Do what happens at an open; return the share of equity that was traded."""
    price = bar.open
    if _is_liquidated(book, terms, bar.open_low, bar.open_high):
        _liquidate(book, trades, bar, bar.open_time_ms)
        return 0.0
    if bar.volume == 0.0:
        return 0.0
    share: float = 0.0
    if book.unsized:
        if limits is not None:  # what the open closes is closed before the new decision
            why, level = _exit(book, bar, limits, BarPrices(price, price, price))
            if why != NO_EXIT:
                share = _leave(book, trades, bar, terms, why, level)
        if book.liquidated_at != NEVER:
            return share
        _size(book, terms, price)
    if book.wanted == book.units:
        return share
    before = book.cash + book.units * price
    if before <= 0.0:  # the mark has spared a position that the price has not
        _liquidate(book, trades, bar, bar.open_time_ms)
        return share
    fill = FillPoint(price, bar.open_time_ms, bar.number)
    share += _fill(book, trades, terms, terms.participation * bar.volume, fill) / before
    return share


@in_place
def _close(book: Fields, trades: Any, bar: OneBar, terms: Terms, limits: ExitTerms | None) -> float:
    """Do what happens inside a bar and at its close; return the share of equity traded there."""
    share: float = 0.0
    gone = _is_liquidated(book, terms, bar.worst_low, bar.worst_high)
    if limits is not None:
        share = _exit_inside(book, trades, bar, terms, limits, int(gone))
        if book.liquidated_at != NEVER:
            return share
        gone = gone and _is_liquidated(book, terms, bar.worst_low, bar.worst_high)
    if not gone and book.units != 0.0 and bar.due != 0.0:
        book.cash -= book.units * bar.due
        trades[book.trades - 1].funding += book.units * bar.due
    if gone or _is_ruined(book, terms, bar.settled, bar.close):
        _liquidate(book, trades, bar, bar.open_time_ms + bar.timeframe_ms)
    return share


@in_place
def _exit_inside(  # noqa: PLR0917 - once a bar
    book: Fields, trades: Any, bar: OneBar, terms: Terms, limits: ExitTerms, gone: int
) -> float:
    """Close the position where the bar reaches its exits before the margin ends, as ``gone`` says.

    Return the share of equity that was traded.
    """
    if book.units == 0.0:
        return 0.0
    share: float = 0.0
    prices = BarPrices(bar.open, bar.low, bar.high)
    why, level = _exit(book, bar, limits, prices)
    behind = level != bar.open and (why == ROI or _is_liquidated(book, terms, level, level))
    if why != NO_EXIT and not (gone and behind):
        share = _leave(book, trades, bar, terms, why, level)
    if book.units != 0.0:
        book.best = best_price(np.sign(book.units), book.best, bar.low, bar.high)
    return share


@in_place
def _exit(book: Fields, bar: OneBar, limits: ExitTerms, prices: BarPrices) -> tuple[int, float]:
    """Return why and at which price a bar closes the position; one on its way out just goes."""
    if book.units == 0.0 or book.leaving != NO_EXIT or bar.volume == 0.0:
        return NO_EXIT, 0.0
    held = HeldPosition(np.sign(book.units), book.entry, book.best, 0)  # the age is in the limits
    why, level = first_touch(held.side, prices, exit_levels(held, limits), limits.due)
    return why, level


@in_place
def _leave(  # noqa: PLR0917 - once a trade
    book: Fields, trades: Any, bar: OneBar, terms: Terms, why: int, level: float
) -> float:
    """Order the position closed and fill it at a level; return the share that was traded.

    What the bar's volume leaves over goes at the next opens.
    """
    inside = level != bar.open
    time_ms = bar.open_time_ms + (bar.timeframe_ms if inside else 0)
    before = book.cash + book.units * level
    if before <= 0.0:
        _liquidate(book, trades, bar, time_ms)
        return 0.0
    book.leaving, book.wanted = why, 0.0
    book.ordered += abs(book.units)
    fill = FillPoint(level, time_ms, bar.number + 1 if inside else bar.number)
    share: float = _fill(book, trades, terms, terms.participation * bar.volume, fill) / before
    return share


@in_place
def _size(book: Fields, terms: Terms, price: float) -> None:
    """Set the order's units for the equity at an open; the slippage is that of its direction."""
    equity = max(book.cash + book.units * price, 0.0)
    value = book.target * terms.leverage * equity
    side = 1.0 if value / price > book.units else -1.0
    wanted = value / (price * (1.0 + side * terms.slippage))
    if (wanted - book.units) * side <= 0.0:
        wanted = book.units  # so near that slippage turns the order around: none is needed
    book.wanted, book.leaving = wanted, NO_EXIT
    book.ordered += abs(wanted - book.units)
    book.unsized = False


@in_place
def _fill(book: Fields, trades: Any, terms: Terms, limit: float, at: FillPoint) -> float:
    """Fill the order as far as a limit of units allows; return its notional.

    An exit that costs more than the account holds takes all of it, and nothing is opened.
    """
    missing = book.wanted - book.units
    side = 1.0 if missing > 0.0 else -1.0
    size = abs(missing)
    after = book.wanted
    if size > limit:
        size, after = limit, book.units + side * limit
    price = at.price * (1.0 + side * terms.slippage)
    slipped = at.price * terms.slippage
    closing = min(size, abs(book.units)) if book.units * side < 0.0 else 0.0
    if closing > 0.0:
        trade = trades[book.trades - 1]
        book.exited += closing
        book.exit_value += closing * price
        trade.fees += closing * price * terms.fee
        trade.slippage += closing * slipped
        if closing == abs(book.units):
            left = book.cash - (side * closing * price + closing * price * terms.fee)
            if left <= 0.0:
                book.cash, book.units, book.filled = left, 0.0, book.filled + closing
                _lose_all(book, trade, at.time_ms, at.stop)
                ruin: float = closing * price
                return ruin
            _end(book, trade, at.time_ms, at.stop)
            turned = REVERSAL if book.wanted * side > 0.0 else SIGNAL
            trade.exit_reason = turned if book.leaving == NO_EXIT else book.leaving
            book.leaving = NO_EXIT
    opening = size - closing
    if opening > 0.0:
        if closing > 0.0 or book.units == 0.0:
            _begin(book, trades, side, at.time_ms, at.stop)
            book.best = price
        trade = trades[book.trades - 1]
        trade.units += opening
        book.entry = mean_entry(book.entry, price, opening, trade.units)
        book.entry_value += opening * price
        trade.fees += opening * price * terms.fee
        trade.slippage += opening * slipped
    book.cash -= side * size * price + size * price * terms.fee
    book.units = after
    book.filled += size
    notional: float = size * price
    return notional


@in_place
def _begin(book: Fields, trades: Any, side: float, time_ms: int, t: int) -> None:
    trade = trades[book.trades]
    book.trades += 1
    book.entry_bar, book.entry_value, book.exited, book.exit_value = t, 0.0, 0.0, 0.0
    trade.entry_time_ms, trade.side = time_ms, side
    trade.units, trade.fees, trade.slippage, trade.funding = 0.0, 0.0, 0.0, 0.0
    trade.open, trade.liquidated, trade.exit_reason = False, False, NO_EXIT


@in_place
def _end(book: Fields, trade: Fields, time_ms: int, stop: int) -> None:
    """Write what the trade came to; ``stop`` is the first bar without it."""
    trade.exit_time_ms = time_ms
    trade.entry_price = book.entry_value / trade.units
    trade.exit_price = book.exit_value / book.exited
    gross = (book.exit_value - book.entry_value) * trade.side
    trade.pnl = gross - trade.fees - trade.funding
    trade.bars_held = stop - book.entry_bar


@in_place
def _is_liquidated(book: Fields, terms: Terms, low: float, high: float) -> bool:
    """Return whether equity falls to the maintenance margin somewhere between two marks."""
    if book.units == 0.0:
        return False
    worst = low if book.units > 0.0 else high
    return bool(book.cash + book.units * worst <= abs(book.units) * worst * terms.maintenance)


@in_place
def _is_ruined(book: Fields, terms: Terms, mark: float, close: float) -> bool:
    """Return whether the margin is gone at a close, by the mark or by the price itself."""
    if book.units == 0.0:
        return False
    return bool(book.cash + book.units * close <= 0.0 or _is_liquidated(book, terms, mark, mark))


@in_place
def _liquidate(book: Fields, trades: Any, bar: OneBar, time_ms: int) -> None:
    """Lose all equity: the position goes at the price that leaves nothing."""
    book.exited += abs(book.units)
    opened = time_ms == bar.open_time_ms
    _lose_all(book, trades[book.trades - 1], time_ms, bar.number if opened else bar.number + 1)


@in_place
def _lose_all(book: Fields, trade: Fields, time_ms: int, stop: int) -> None:
    """End the last trade at a price that leaves nothing, neither equity nor debt."""
    book.exit_value -= book.cash * trade.side
    _end(book, trade, time_ms, stop)
    trade.liquidated, trade.exit_reason = True, LIQUIDATED
    book.leaving = NO_EXIT
    book.cash, book.units, book.liquidated_at = 0.0, 0.0, time_ms
