"""Exits of a grid, compiled: the levels and their order are those of ``streams.exits``."""

from __future__ import annotations

import numpy as np

from streams.exits import NO_EXIT, ROI, BarPrices, ExitLevels, ExitRules, HeldPosition
from workers.research.fill_bars import PriceColumns, inlined
from workers.research.fill_kernel import (
    Terms,
    best_price,
    exit_levels,
    exit_terms,
    first_touch,
    mean_entry,
)
from workers.research.grid_book import (
    Book,
    GridExits,
    KernelMarket,
    Tile,
    hold,
    is_liquidated,
    mark,
    take,
)


@inlined
def find_exit(
    held: HeldPosition, prices: BarPrices, rules: ExitRules, row: int
) -> tuple[int, float]:
    """Do what ``streams.exits.find_exit`` does, compiled."""
    terms = exit_terms(rules, row, held.age_ms)
    why, level = first_touch(held.side, prices, exit_levels(held, terms), terms.due)
    return why, level


@inlined
def guard(  # noqa: PLR0917 - once a day and combination
    market: KernelMarket, terms: Terms, exits: GridExits, part: Tile, k: int, book: Book
) -> None:
    """Carry a position with exits through some bars, to the one that closes it.

    Levels depend on prices alone, so the bar is looked for before the account is carried there.
    Most bars reach no level, and are passed over by two comparisons.
    """
    bars, row = market.bars, exits.row[k]
    side = 1.0 if book.units[k] > 0.0 else -1.0
    entry, best, begun_ms = book.entry[k], book.best[k], bars.open_time_ms[book.begun[k]]
    trails = exits.rules.trail[row] < np.inf
    at, stop = part
    why, level = NO_EXIT, 0.0
    low = high = 0.0
    changes_ms = begun_ms  # when levels change by age; they are not known yet
    while at < stop:
        time_ms = bars.open_time_ms[at]
        if time_ms >= changes_ms or bars.low[at] <= low or bars.high[at] >= high:
            held = HeldPosition(side, entry, best, time_ms - begun_ms)
            prices = BarPrices(bars.open[at], bars.low[at], bars.high[at])
            if bars.volume[at] > 0.0:
                why, level = find_exit(held, prices, exits.rules, row)
                if why != NO_EXIT:
                    break
            changes_ms = begun_ms + next_change(exits.rules, row, held.age_ms)
            low, high = reach(side, exit_levels(held, exit_terms(exits.rules, row, held.age_ms)))
        after = best_price(side, best, bars.low[at], bars.high[at])
        if trails and after != best:
            held = HeldPosition(side, entry, after, time_ms - begun_ms)
            low, high = reach(side, exit_levels(held, exit_terms(exits.rules, row, held.age_ms)))
        best = after
        at += 1
    book.best[k] = best
    hold(market, terms, (part[0], at), k, book)
    if why == NO_EXIT or book.units[k] == 0.0:
        return
    inside = level != bars.open[at] and (why == ROI or is_liquidated(book, terms, k, level, level))
    gone = is_liquidated(book, terms, k, bars.open_low[at], bars.open_high[at])
    if gone or (inside and is_liquidated(book, terms, k, bars.worst_low[at], bars.worst_high[at])):
        take(book, k, at)  # the margin ends before the level is reached
    else:
        leave(level, terms, at, k, book)
    mark(book, k, book.cash[k])


@inlined
def reach(side: float, levels: ExitLevels) -> tuple[float, float]:
    """Return the prices, a low and a high, that a bar must reach to close a position."""
    return (levels.stop, levels.take) if side > 0.0 else (levels.take, levels.stop)


@inlined
def next_change(rules: ExitRules, row: int, age_ms: int) -> int:
    """Return the age, after this one, from which other levels or the age limit count."""
    change: int = rules.hold_ms[row]
    for place in range(rules.ages_ms.shape[1]):
        if age_ms < rules.ages_ms[row, place] < change:
            change = rules.ages_ms[row, place]
    return change


@inlined
def leave_at_open(  # noqa: PLR0917 - once a decision
    bars: PriceColumns, terms: Terms, exits: GridExits, t: int, k: int, book: Book
) -> None:
    """Close a position that an open closes by its exits, before a new decision is filled there."""
    if book.units[k] == 0.0:
        return
    side, price = 1.0 if book.units[k] > 0.0 else -1.0, bars.open[t]
    age_ms = bars.open_time_ms[t] - bars.open_time_ms[book.begun[k]]
    held = HeldPosition(side, book.entry[k], book.best[k], age_ms)
    prices = BarPrices(price, price, price)
    why, level = find_exit(held, prices, exits.rules, exits.row[k])
    if why != NO_EXIT:
        leave(level, terms, t, k, book)


@inlined
def leave(level: float, terms: Terms, t: int, k: int, book: Book) -> None:
    """Close a position at a level; what costs more than the account holds takes all of it."""
    units = book.units[k]
    paid = level * (1.0 - terms.slippage if units > 0.0 else 1.0 + terms.slippage)
    left = book.cash[k] + units * paid - abs(units) * paid * terms.fee
    if left <= 0.0:
        take(book, k, t)
        return
    book.cash[k], book.units[k] = left, 0.0
    book.trades[k] += 1
    book.exposed[k] += t - book.entered[k]


@inlined
def note_entry(price: float, terms: Terms, t: int, k: int, before: float, book: Book) -> None:  # noqa: PLR0917
    """Note from where the exits of a position count, after a fill that found ``before`` units."""
    units = book.units[k]
    added = abs(units) - (abs(before) if before * units > 0.0 else 0.0)
    if units == 0.0 or added <= 0.0:
        return
    paid = price * (1.0 + terms.slippage if units > 0.0 else 1.0 - terms.slippage)
    if before * units <= 0.0:
        book.begun[k], book.best[k], book.bought[k] = t, paid, 0.0
    book.bought[k] += added
    book.entry[k] = mean_entry(book.entry[k], paid, added, book.bought[k])
